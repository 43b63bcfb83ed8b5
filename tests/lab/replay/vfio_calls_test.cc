// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/vfio_calls.h"

#include <gtest/gtest.h>

namespace iommulab::verify::vfio_calls_test {
namespace {

using kind = call_event::kind;

void add_call(std::vector<call_event>& tree, const std::string& name, const std::string& note) {
  const size_t line = tree.size() + 1;
  tree.push_back({kind::enter, line, name});
  if (!note.empty()) tree.push_back({kind::note, line, note});
  tree.push_back({kind::exit, line, {}});
}

void add_lookups(std::vector<call_event>& tree, int count) {
  for (int i = 0; i < count; ++i) add_call(tree, "iommu_iova_to_phys", "");
}

TEST(read_vfio_calls, finds_the_start_of_what_was_mapped) {
  std::vector<call_event> tree;
  // The kernel prints the physical address behind the last piece.
  add_call(tree, "iommu_map", "map: IOMMU: iova=0x0000000000100000 paddr=0x39908000 size=8192");
  const auto calls = read_vfio_calls(tree);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].iova, dma_addr(0x100000));
  EXPECT_EQ(calls[0].phys, phys_addr(0x39906000));
  EXPECT_EQ(calls[0].size, 8192u);
}

/// Two ranges, unmapped with something between them: one page at 0, two runs at 100000h.
TEST(with_runs, puts_the_runs_where_the_others_were) {
  std::vector<call_event> tree;
  add_call(tree, "iommu_map", "map: IOMMU: iova=0x0 paddr=0x2000 size=4096");
  add_call(tree, "iommu_unmap", "unmap: IOMMU: iova=0x0 size=4096 unmapped_size=4096");
  add_call(tree, "iommu_map", "map: IOMMU: iova=0x100000 paddr=0x9000 size=8192");
  add_call(tree, "iommu_map", "map: IOMMU: iova=0x200000 paddr=0x12000 size=4096");
  add_lookups(tree, 2);
  add_call(tree, "iommu_unmap", "unmap: IOMMU: iova=0x100000 size=8192 unmapped_size=8192");
  add_call(tree, "dmar_fault", "");
  add_lookups(tree, 1);
  add_call(tree, "iommu_unmap", "unmap: IOMMU: iova=0x200000 size=4096 unmapped_size=4096");
  const std::vector<driver_mapping> runs = {
      {"0000:00:04.0", dma_addr(0x100000), phys_addr(0x5000), 1, 3},
      {"0000:00:04.0", dma_addr(0x101000), phys_addr(0x8000), 1, 3},
      {"0000:00:04.0", dma_addr(0x200000), phys_addr(0x7000), 1, 1}};
  std::string text;
  for (const vfio_call& call : with_runs(read_vfio_calls(tree), runs)) {
    text += call.name.substr(call.name.find('_') + 1, 1);
    if (call.size != 0) text += std::to_string(call.iova.value() >> page_shift);
    text += ' ';
  }
  EXPECT_EQ(text, "m0 u0 m256 m257 m512 u256 u257 f u512 ");
}

}  // namespace
}  // namespace iommulab::verify::vfio_calls_test
