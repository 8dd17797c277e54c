# SPDX-License-Identifier: Apache-2.0

# What the Debian package has besides the program; scripts/package makes it.

set(package_files ${PROJECT_SOURCE_DIR}/package)
set(package_build ${PROJECT_BINARY_DIR}/package)
set(package_doc ${CMAKE_INSTALL_DATADIR}/doc/vmleak)

# gzip -n: the same input gives the same package.
find_program(GZIP gzip)
function(install_compressed source name destination)
  file(MAKE_DIRECTORY ${package_build})
  execute_process(
    COMMAND ${GZIP} -9nc ${source}
    OUTPUT_FILE ${package_build}/${name}.gz
    RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "compress ${source}: gzip failed")
  endif()
  install(FILES ${package_build}/${name}.gz DESTINATION ${destination})
endfunction()

if(GZIP)
  install_compressed(${package_files}/vmleak.8 vmleak.8 ${CMAKE_INSTALL_MANDIR}/man8)
  install_compressed(${package_files}/changelog changelog ${package_doc})
endif()
install(
  FILES ${package_files}/vmleak.bash-completion
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME vmleak)
install(FILES ${package_files}/copyright DESTINATION ${package_doc})
install(
  FILES ${package_files}/lintian-overrides
  DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
  RENAME vmleak)
# Debian 12 looks for units here; nothing enables them.
install(FILES ${package_files}/vmleak-arm.service ${package_files}/vmleak-audit.service
              ${package_files}/vmleak-audit.timer
        DESTINATION /lib/systemd/system)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vmleak)
set(CPACK_PACKAGE_CONTACT "vmleak developers <vmleak@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${package_build})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libvirt0, libpci3, pci.ids, kmod")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "find what deleted VMs leave behind in the kernel")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "A VM is deleted, and its GPU, huge pages or disk image stay occupied, although
lsof shows nobody. vmleak finds the reference that never came back: which
kernel object, how many references, who holds them, and what can be done.

It compares reference counters in kernel memory with everything that can be
seen to hold one, by means of eBPF, on a host that was not prepared in any
way, and can give PCI devices back without a reboot.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${package_files}/prerm ${package_files}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
include(CPack)
