// SPDX-License-Identifier: GPL-2.0-only
#include "bench/dma/dma_case.h"

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr uint64_t pages_2m = 512;
constexpr uint64_t aligned_page = 0x4000;              // 64 MiB
constexpr uint64_t unaligned_page = aligned_page + 1;  // fits no superpage

/// The sizes, the last in one entry.
void add_sizes(std::vector<dma_case>& cases, std::string_view prefix, dma_case::kind what,
               std::string_view suffix, bool lazy) {
  for (const uint64_t pages : {uint64_t{1}, uint64_t{16}, pages_2m}) {
    cases.push_back(
        {absl::StrFormat("%s%d%s", prefix, pages, suffix), what, pages, unaligned_page, lazy});
  }
  cases.push_back({absl::StrFormat("%s2M%s", prefix, suffix), what, pages_2m, aligned_page, lazy});
}

}  // namespace

std::vector<dma_case> dma_cases() {
  std::vector<dma_case> cases;
  for (const bool lazy : {true, false}) {
    const std::string_view mode = lazy ? "/lazy" : "/strict";
    add_sizes(cases, "map/", dma_case::kind::buffer, mode, lazy);
    cases.push_back(
        {absl::StrFormat("sg/128%s", mode), dma_case::kind::list, 128, aligned_page, lazy});
  }
  add_sizes(cases, "table/", dma_case::kind::table, "", true);
  return cases;
}

}  // namespace iommulab
