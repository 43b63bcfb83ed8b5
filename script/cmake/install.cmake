# SPDX-License-Identifier: GPL-2.0-only
#
# What `cmake --install` puts into a prefix. Component "program": the binary, its manual pages and
# completion, which are what the Debian package holds. Component "development": so that another
# project can say find_package(iommulab) and link iommulab::iova.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# A library of ours: installed, and exported as iommulab::<export_name>.
function(iommulab_install_library target export_name)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name})
  install(TARGETS ${target} EXPORT iommulab ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          COMPONENT development)
endfunction()

# The headers of a room, under include/iommulab/<room>.
function(iommulab_install_headers room)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/${room}/
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/iommulab/${room} COMPONENT development
          FILES_MATCHING PATTERN "*.h")
endfunction()

# Once, after every room.
function(iommulab_install_package)
  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/iommulab)
  install(EXPORT iommulab NAMESPACE iommulab:: FILE iommulabTargets.cmake
          DESTINATION ${package} COMPONENT development)
  configure_package_config_file(
    ${CMAKE_SOURCE_DIR}/script/cmake/iommulabConfig.cmake.in
    ${CMAKE_BINARY_DIR}/iommulabConfig.cmake INSTALL_DESTINATION ${package})
  write_basic_package_version_file(
    ${CMAKE_BINARY_DIR}/iommulabConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/iommulabConfig.cmake
                ${CMAKE_BINARY_DIR}/iommulabConfigVersion.cmake
          DESTINATION ${package} COMPONENT development)
endfunction()

# The binary, and what it says of itself: `reference DIR` writes pages and completion from the
# options.
function(iommulab_install_program target)
  set(reference ${CMAKE_BINARY_DIR}/reference)
  add_custom_command(OUTPUT ${reference}/iommulab.1
    COMMAND ${target} reference ${reference} DEPENDS ${target} VERBATIM)
  add_custom_target(iommulab_reference ALL DEPENDS ${reference}/iommulab.1)
  install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  install(TARGETS iommulab_serve LIBRARY DESTINATION lib/iommulab COMPONENT program OPTIONAL)
  install(DIRECTORY ${reference}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program
          FILES_MATCHING PATTERN "*.1")
  install(FILES ${reference}/iommulab.bash RENAME iommulab COMPONENT program
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE RENAME copyright COMPONENT program
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/iommulab)
  # Below /usr Debian's zsh looks elsewhere than all others.
  install(FILES ${reference}/_iommulab COMPONENT zsh
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${reference}/_iommulab COMPONENT debian EXCLUDE_FROM_ALL
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
endfunction()
