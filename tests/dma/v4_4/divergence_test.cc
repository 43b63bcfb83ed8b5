// SPDX-License-Identifier: GPL-2.0-only
//
// Uses of the DMA API with which Linux 4.4 comes to harm: the port does not, and says so when it
// happens. Right beside such a case it says nothing.
#include <gtest/gtest.h>

#include <vector>

#include "core/dma/dma_mapping.h"
#include "core/iommu/v4_4/iommu_ops.h"
#include "support/small_machine.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"

namespace iommulab::test::divergence_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

constexpr uint64_t buffer = 0x1000000;
constexpr uint64_t two_mib = uint64_t{2} << 20;
constexpr auto both = dma_data_direction::bidirectional;

struct running : system {
  explicit running(trace_class classes)
      : system(small_machine().set_cap(default_cap().set_super_pages(0)).build(), "intel_iommu=on",
               classes) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
    events().clear();
  }
  device& dev() { return function(nic).dev; }
  dma_addr map(uint64_t size = page_size) {
    return dma_map_single(dev(), phys_addr(buffer), size, both);
  }
  void unmap(dma_addr address, uint64_t size = page_size) {
    dma_unmap_single(dev(), address, size, both);
  }
  /// What was reported since the last time.
  reports found() {
    reports all = reported(events());
    events().clear();
    return all;
  }
};

class dma_divergence : public testing::TestWithParam<trace_class> {
 protected:
  running s{GetParam()};
};

// Calls followed, and not: the short ways are others.
INSTANTIATE_TEST_SUITE_P(either_way, dma_divergence,
                         testing::Values(trace_class::all, trace_class::faults));

TEST_P(dma_divergence, unmapped_twice) {
  const dma_addr address = s.map();
  const dma_addr next = s.map();
  s.unmap(address);
  EXPECT_EQ(s.found(), reports{});
  s.unmap(address);
  EXPECT_EQ(s.found(), reports{divergence::unmapped_twice});
  s.unmap(next);
  EXPECT_EQ(s.found(), reports{});
  constexpr uint64_t after_the_timer = 20'000'000;
  s.k().env().clock.advance(after_the_timer);
  s.expect_nothing_leaked();
  EXPECT_EQ(s.map(), address) << "each range is free once";
  EXPECT_EQ(s.map(), next) << "also what waited behind it";
}

// A device that never mapped, and one that was given to the IOMMU API. An address that is none of
// the device's mappings is 4.4's warning, too.
TEST_P(dma_divergence, unmap_without_domain) {
  const dma_addr nobodys(0xfffff000);
  s.unmap(nobodys);
  EXPECT_EQ(s.found(), reports{divergence::unmap_without_domain});
  EXPECT_TRUE(s.log_contains("Driver unmaps unmatched page"));

  s.unmap(s.map());
  s.unmap(dma_addr(0x5000));
  EXPECT_EQ(s.found(), reports{});

  v4_4::iommu_domain* domain = iommu_domain_alloc(*s.dev().bus);
  ASSERT_EQ(iommu_attach_device(*domain, s.dev()), 0);
  s.unmap(nobodys);
  EXPECT_EQ(s.found(), reports{divergence::unmap_without_domain});
}

TEST_P(dma_divergence, map_in_api_domain) {
  v4_4::iommu_domain* domain = iommu_domain_alloc(*s.dev().bus);
  ASSERT_EQ(iommu_attach_device(*domain, s.dev()), 0);
  EXPECT_TRUE(dma_mapping_error(s.dev(), s.map()));
  EXPECT_EQ(s.found(), reports{divergence::map_in_api_domain});
  scatterlist piece;
  piece.page = phys_addr(buffer);
  piece.length = page_size;
  EXPECT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(&piece, 1), both), 0);
  EXPECT_EQ(s.found(), reports{divergence::map_in_api_domain});
  iommu_detach_device(*domain, s.dev());
  EXPECT_FALSE(dma_mapping_error(s.dev(), s.map()));
  EXPECT_EQ(s.found(), reports{});
}

// The tables of one page are there. A buffer of 4 MiB needs one more, for which memory is missing;
// without an object for its range 4.4 fails in good order.
TEST_P(dma_divergence, mapping_taken_back) {
  constexpr uint64_t size = 2 * two_mib;
  ASSERT_FALSE(dma_mapping_error(s.dev(), s.map()));
  s.k().pages().failures().fail_at(1);
  EXPECT_TRUE(dma_mapping_error(s.dev(), s.map(size)));
  EXPECT_EQ(s.found(), reports{divergence::mapping_taken_back});
  s.expect_nothing_leaked();

  std::vector<scatterlist> list(2);
  for (scatterlist& piece : list) {
    piece.page = phys_addr(buffer);
    piece.length = two_mib;
  }
  s.k().pages().failures().fail_at(1);
  EXPECT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 0);
  EXPECT_EQ(s.found(), reports{divergence::mapping_taken_back});
  s.expect_nothing_leaked();

  s.k().slab().fail_at(1);
  EXPECT_TRUE(dma_mapping_error(s.dev(), s.map(size)));
  EXPECT_FALSE(dma_mapping_error(s.dev(), s.map(size)));
  EXPECT_EQ(s.found(), reports{});
}

}  // namespace
}  // namespace iommulab::test::divergence_test
