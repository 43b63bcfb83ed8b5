# SPDX-License-Identifier: GPL-2.0-only
#
# Writes texts to OUTPUT, a line of C++ for each: {"NAME", R"text(TEXT)text"}, where NAME is the
# file's from the folder BASE on. Run by the build as a script whenever one of SOURCES changes.
set(content)
foreach(source IN LISTS SOURCES)
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${BASE} OUTPUT_VARIABLE name)
  file(READ ${source} text)
  string(FIND "${text}" ")text\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${source}: )text\" ends the text in the program")
  endif()
  string(APPEND content "{\"${name}\", R\"text(${text})text\"},\n")
endforeach()
file(WRITE ${OUTPUT} "${content}")
