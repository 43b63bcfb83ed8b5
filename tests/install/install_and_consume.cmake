# SPDX-License-Identifier: GPL-2.0-only
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nfailed with ${result}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(flags "")
if(SANITIZE)
  string(APPEND flags "-fsanitize=${SANITIZE} ")
endif()
if(COVERAGE)
  string(APPEND flags "--coverage ")
endif()

file(REMOVE_RECURSE ${WORK}/prefix ${WORK}/consumer)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)

# The program, its pages and its completion.
run(${WORK}/prefix/bin/iommulab --version)
foreach(file IN ITEMS share/man/man1/iommulab.1 share/man/man1/iommulab-iova-bench.1
                      share/bash-completion/completions/iommulab
                      share/zsh/site-functions/_iommulab)
  if(NOT EXISTS ${WORK}/prefix/${file})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()

# The libraries.
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${CONSUMER} -B ${WORK}/consumer
    -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=${CONFIG}
    -DCMAKE_CXX_FLAGS=${flags})
run(${CMAKE_COMMAND} --build ${WORK}/consumer)
run(${WORK}/consumer/consumer)
if(NOT output MATCHES "4 groups")
  message(FATAL_ERROR "the consumer printed:\n${output}")
endif()
