# SPDX-License-Identifier: Apache-2.0

# The warnings every target of this project is compiled with.  They become
# errors through CMAKE_COMPILE_WARNING_AS_ERROR in the dev preset, never for
# people who package the program.
add_library(vmleak_warnings INTERFACE)
target_compile_options(
  vmleak_warnings
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wconversion
            -Wshadow
            -Wold-style-cast
            -Wnon-virtual-dtor
            -Wimplicit-fallthrough
            # Wrong about std::optional at -O1 and -O2 (GCC bug 80635).
            $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
