# SPDX-License-Identifier: GPL-2.0-only
#
# What `cmake --install` puts into a prefix, so that another project can say
# find_package(iommulab) and link iommulab::iova.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# A library of ours: installed, and exported as iommulab::<export_name>.
function(iommulab_install_library target export_name)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name})
  install(TARGETS ${target} EXPORT iommulab ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

# The headers of a room, under include/iommulab/<room>.
function(iommulab_install_headers room)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/${room}/
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/iommulab/${room}
          FILES_MATCHING PATTERN "*.h")
endfunction()

# Once, after every room.
function(iommulab_install_package)
  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/iommulab)
  install(EXPORT iommulab NAMESPACE iommulab:: FILE iommulabTargets.cmake DESTINATION ${package})
  configure_package_config_file(
    ${CMAKE_SOURCE_DIR}/script/cmake/iommulabConfig.cmake.in
    ${CMAKE_BINARY_DIR}/iommulabConfig.cmake INSTALL_DESTINATION ${package})
  write_basic_package_version_file(
    ${CMAKE_BINARY_DIR}/iommulabConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/iommulabConfig.cmake
                ${CMAKE_BINARY_DIR}/iommulabConfigVersion.cmake
          DESTINATION ${package})
endfunction()
