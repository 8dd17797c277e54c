# SPDX-License-Identifier: Apache-2.0

find_program(BPF_CLANG NAMES clang clang-14 clang-15 clang-16 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin REQUIRED)

# x86-64 only: struct pt_regs and the kernel stack layout are those of x86.
set(BPF_COMPILE_OPTIONS
    -target bpf
    -mcpu=v3
    -O2
    -g
    -D__TARGET_ARCH_x86
    -Wall
    -Wextra
    -Werror
    # BPF_PROG() always names its context argument.
    -Wno-unused-parameter
    -I${PROJECT_SOURCE_DIR}/vmlinux
    -I${PROJECT_SOURCE_DIR}/include
    -I${PROJECT_SOURCE_DIR}/bpf
    -idirafter
    /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})

# add_bpf_skeleton(<name> SOURCES <a.bpf.c>...)
#
# Compiles each source for the BPF target, links them into one object and
# generates <name>.skel.h.  Link <name>_skeleton to use it.
function(add_bpf_skeleton name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  set(out_dir ${CMAKE_CURRENT_BINARY_DIR}/skeleton)
  file(MAKE_DIRECTORY ${out_dir})
  set(objects)
  foreach(source IN LISTS arg_SOURCES)
    string(MAKE_C_IDENTIFIER ${source} stem)
    set(object ${out_dir}/${name}_${stem}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${BPF_CLANG} ${BPF_COMPILE_OPTIONS} -MD -MF ${object}.d -c
              ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "BPF ${source}"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(linked ${out_dir}/${name}.linked.o)
  set(skeleton ${out_dir}/${name}.skel.h)
  add_custom_command(
    OUTPUT ${linked} ${skeleton}
    COMMAND ${BPFTOOL} gen object ${linked} ${objects}
    COMMAND ${BPFTOOL} gen skeleton ${linked} name ${name}_bpf > ${skeleton}
    DEPENDS ${objects}
    COMMENT "SKEL ${name}"
    VERBATIM)
  add_custom_target(${name}_skeleton_files DEPENDS ${skeleton})
  add_library(${name}_skeleton INTERFACE)
  add_dependencies(${name}_skeleton ${name}_skeleton_files)
  # SYSTEM: the generated header has old-style casts.
  target_include_directories(${name}_skeleton SYSTEM INTERFACE ${out_dir})
endfunction()
