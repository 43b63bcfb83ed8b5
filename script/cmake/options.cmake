# SPDX-License-Identifier: GPL-2.0-only
option(IOMMULAB_TESTS "Build the tests" ON)
option(IOMMULAB_BENCH "Build the benchmarks" OFF)
option(IOMMULAB_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(IOMMULAB_COVERAGE "Instrument for line coverage" OFF)
option(IOMMULAB_NO_TRACE "Compile every trace point out" OFF)
option(IOMMULAB_EVERY_TEST "With sanitizers build the tests as well that take long there" OFF)
set(IOMMULAB_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Links in a fifth of the time that the default takes, and a hundred test programs are linked.
find_program(IOMMULAB_LLD ld.lld)
if(IOMMULAB_LLD)
  add_link_options(-fuse-ld=lld)
endif()

# Warnings are errors, in our own code only.
add_library(iommulab_build_flags INTERFACE)
target_compile_options(iommulab_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(iommulab_build_flags INTERFACE -Wthread-safety)
endif()
if(IOMMULAB_SANITIZE)
  add_compile_options(-fsanitize=${IOMMULAB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${IOMMULAB_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Instrumented code misleads this warning (GCC bug 80635 and its kin), in std::regex above all.
    target_compile_options(iommulab_build_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
# Rooms are linked into a shared library as well (cli/serve). Nobody replaces their functions, so calls
# among them are inlined as in a program.
add_library(iommulab_shared_code INTERFACE)
target_compile_options(iommulab_shared_code INTERFACE -fPIC -fno-semantic-interposition)
if(IOMMULAB_FUZZ)
  # Rooms must report their branches, or the fuzzers are blind; precompiled headers like all else.
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
if(IOMMULAB_COVERAGE)
  add_compile_options(--coverage -O0)
  add_link_options(--coverage)
endif()
