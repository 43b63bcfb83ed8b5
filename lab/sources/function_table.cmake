# SPDX-License-Identifier: GPL-2.0-only
#
# What reads the sources of ported functions, a program of the build's, and with it the table that
# lab/sources/function_source.cc includes.
add_library(iommulab_function_reader STATIC
  ${CMAKE_CURRENT_LIST_DIR}/table/function_reader.cc
  ${CMAKE_CURRENT_LIST_DIR}/table/source_text.cc)
target_link_libraries(iommulab_function_reader PRIVATE iommulab_build_flags)
target_include_directories(iommulab_function_reader PUBLIC ${CMAKE_BINARY_DIR}/rooms/lab)
add_executable(iommulab_write_table ${CMAKE_CURRENT_LIST_DIR}/table/write_table.cc)
target_link_libraries(iommulab_write_table PRIVATE iommulab_build_flags iommulab_function_reader)

set(traced_sources)
foreach(room core iova intel dma vfio kernel)
  file(GLOB_RECURSE found RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/${room}/*.cc ${CMAKE_SOURCE_DIR}/${room}/*.h)
  list(APPEND traced_sources ${found})
endforeach()
list(TRANSFORM traced_sources PREPEND ${CMAKE_SOURCE_DIR}/ OUTPUT_VARIABLE traced_paths)

# The stamp is what the build compares by time; the table changes only when it says something else,
# and then one file is compiled.
set(table ${CMAKE_BINARY_DIR}/generated/lab/sources/function_table.inc)
set(stamp ${CMAKE_BINARY_DIR}/generated/function_table.stamp)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated/lab/sources)
add_custom_command(OUTPUT ${stamp} BYPRODUCTS ${table}
  COMMAND iommulab_write_table ${table} ${traced_sources}
  COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
  DEPENDS iommulab_write_table ${traced_paths}
  COMMENT "Reading where traced functions stand"
  VERBATIM)
target_sources(iommulab_lab PRIVATE ${stamp})
