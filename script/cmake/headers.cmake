# SPDX-License-Identifier: GPL-2.0-only
#
# What nearly every source file reads of the standard library and of others' libraries, compiled
# once. None of ours is here: a change of ours compiles what includes it, and nothing else.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/room_headers.cc
     CONTENT "// Nothing: precompiled headers need a file.\n")
add_library(iommulab_room_headers OBJECT ${CMAKE_BINARY_DIR}/room_headers.cc)
target_link_libraries(iommulab_room_headers
  PRIVATE iommulab_build_flags iommulab_shared_code absl::statusor absl::str_format absl::flat_hash_map Boost::headers)
target_precompile_headers(iommulab_room_headers PRIVATE
  <algorithm> <array> <atomic> <bit> <cerrno> <charconv> <cstdint> <cstring> <filesystem>
  <functional> <iostream> <map> <memory> <optional> <set> <string> <string_view> <utility>
  <variant> <vector>
  <boost/intrusive/list.hpp> <boost/intrusive/set.hpp>
  <absl/base/thread_annotations.h> <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h>
  <absl/container/inlined_vector.h> <absl/functional/function_ref.h> <absl/status/statusor.h>
  <absl/strings/escaping.h> <absl/strings/numbers.h> <absl/strings/str_cat.h>
  <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h>
  <absl/types/span.h>)
