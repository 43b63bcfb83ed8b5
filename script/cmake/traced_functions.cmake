# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's names of all functions that open a scope of the trace, read from the sources and
# written to OUTPUT as a line of C++ each; run by the build as a script whenever a source changes.
# OUTPUT is left alone when it says the same already.
set(names)
foreach(source IN LISTS SOURCES)
  file(READ ${source} text)
  string(REGEX MATCHALL "(IOMMULAB_CALL|env\\.call)\\([^\"]*\"[A-Za-z0-9_]+\"" scopes "${text}")
  foreach(scope IN LISTS scopes)
    if(scope MATCHES "\"([A-Za-z0-9_]+)\"$")
      list(APPEND names ${CMAKE_MATCH_1})
    endif()
  endforeach()
endforeach()
list(REMOVE_DUPLICATES names)
list(SORT names)
list(TRANSFORM names REPLACE "(.+)" "\"\\1\",\n")
list(JOIN names "" content)
set(before)
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT before STREQUAL content)
  file(WRITE ${OUTPUT} "${content}")
endif()
