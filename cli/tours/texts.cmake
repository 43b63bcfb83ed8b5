# SPDX-License-Identifier: GPL-2.0-only
#
# Writes the tours' texts to OUTPUT, a line of C++ for each: {"NAME", R"tour(TEXT)tour"},
# Run by the build as a script whenever one of SOURCES changes.
set(content)
foreach(source IN LISTS SOURCES)
  cmake_path(GET source FILENAME name)
  file(READ ${source} text)
  string(FIND "${text}" ")tour\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${source}: )tour\" ends the text in the program")
  endif()
  string(APPEND content "{\"${name}\", R\"tour(${text})tour\"},\n")
endforeach()
file(WRITE ${OUTPUT} "${content}")
