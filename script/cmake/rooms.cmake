# SPDX-License-Identifier: GPL-2.0-only
#
# A room is one folder, one library. Its sources can include "core/trace.h" only when the room
# depends on core: every room's headers are reached through a directory of their own that holds
# nothing but a link to that room, and this directory comes with linking the room. An include
# against the grain therefore does not find its file.
#
# NOT_INSTALLED: neither the library nor its headers are part of the installed package.
function(iommulab_room name)
  cmake_parse_arguments(room "NOT_INSTALLED" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  set(staging ${CMAKE_BINARY_DIR}/rooms/${name})
  file(MAKE_DIRECTORY ${staging})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${name} ${staging}/${name} SYMBOLIC)

  add_library(iommulab_${name} STATIC ${room_SOURCES})
  iommulab_unite_folders(iommulab_${name} ${room_SOURCES})
  add_library(iommulab::${name} ALIAS iommulab_${name})
  if(NOT room_NOT_INSTALLED)
    iommulab_install_library(iommulab_${name} ${name})
    iommulab_install_headers(${name})
  endif()
  target_precompile_headers(iommulab_${name} REUSE_FROM iommulab_room_headers)
  target_include_directories(iommulab_${name} PUBLIC
    $<BUILD_INTERFACE:${staging}> $<INSTALL_INTERFACE:include/iommulab>)
  target_link_libraries(iommulab_${name} PRIVATE
    $<BUILD_INTERFACE:iommulab_build_flags> $<BUILD_INTERFACE:iommulab_shared_code>)
  foreach(dependency IN LISTS room_DEPENDS)
    target_link_libraries(iommulab_${name} PUBLIC iommulab_${dependency})
  endforeach()
  target_link_libraries(iommulab_${name} PUBLIC ${room_LIBRARIES})
  target_compile_features(iommulab_${name} PUBLIC cxx_std_20)
  if(IOMMULAB_NO_TRACE)
    target_compile_definitions(iommulab_${name} PUBLIC IOMMULAB_NO_TRACE)
  endif()
endfunction()

# With CMAKE_UNITY_BUILD the files of one folder are compiled together: reading headers is what a
# file of ours costs. So what a file keeps to itself bears a name that no neighbour of it uses.
# The release preset does without: in a large unit the compiler inlines less, and benchmarks are to
# time what a file says.
function(iommulab_unite_folders target)
  foreach(source IN LISTS ARGN)
    cmake_path(GET source PARENT_PATH folder)
    string(MAKE_C_IDENTIFIER "folder_${folder}" group)
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
endfunction()
