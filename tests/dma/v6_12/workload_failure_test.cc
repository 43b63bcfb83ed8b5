// SPDX-License-Identifier: GPL-2.0-only
//
// Memory runs out once, at the n-th allocation of start-up and of a workload that does a little of
// everything: what fails fails whole. Nothing is half mapped or half attached, everything works at
// the next try, and when all is given back no page, object, address or domain id is missing.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <tuple>

#include "dma/v6_12/shadow_system.h"
#include "intel/dmar/table.h"
#include "support/long_run.h"

namespace iommulab::test::linux_6_12::workload_failure_test {
namespace {

constexpr const char* lazy = "iommu.strict=0";
constexpr uint64_t failures_in_short = 24;

scatterlist piece(uint64_t page, uint32_t offset, uint32_t length) {
  scatterlist sg;
  sg.page = phys_addr(page);
  sg.offset = offset;
  sg.length = length;
  return sg;
}

/// Buffers of a device driver.
void use_dma_api(shadow_system& s, shadow_group& g) {
  constexpr uint64_t memory = 0x2000000;
  constexpr uint64_t mib_2 = 0x200000;
  device& dev = s.dev(g.functions.back());
  s.map_page(g, dev, memory + 0x123, 0x3000, dma_data_direction::bidirectional);
  s.map_page(g, dev, memory + mib_2, mib_2, dma_data_direction::to_device);
  s.map_sg(g, dev,
           {piece(memory, 0x10, 0x20), piece(memory + 0x5000, 0, 0x2000),
            piece(memory + mib_2, 0, 0x1000)},
           dma_data_direction::from_device);
  s.alloc_coherent(g, dev, 0x1800, gfp_kernel | gfp_direct_reclaim);
  s.alloc_coherent(g, dev, 0x800, gfp_atomic);
  if (g.buffers.size() > 1) s.unmap(g, 0);
  s.probe(g);
}

/// A domain of an owner's, in which two groups are and a PASID of the first.
void use_domain(shadow_system& s) {
  shadow_group& first = s.groups()[1];
  shadow_group& second = s.groups()[3];
  shadow_group& third = s.groups()[2];
  if (first.group == nullptr || second.group == nullptr || third.group == nullptr) return;
  shadow_domain* d = s.make_domain(first);
  if (d == nullptr) return;
  constexpr uint64_t pages_2m = 512;
  s.map(*d, {0x100, 0x102, 0x500, true});
  s.attach(first, *d);
  s.map(*d, {pages_2m - 2, 3 * pages_2m + 1, 5 * pages_2m - 2, true});
  s.attach(third, *d);
  if (first.pasid_limits.front() != 0) s.attach_pasid(first, *d, 65);
  s.map(*d, {0x40000, 0x40003, 0x700, false});
  if (d->pages.overlaps(0x40000, 0x40003)) s.unmap(*d, 0x40001, 0x40002);
  if (s.claim(second)) s.attach(second, *d);
  s.probe(*d);
  if (third.attached != nullptr) s.detach(third);
  s.probe(third);
}

void use_types(shadow_system& s) {
  shadow_group& g = s.groups()[4];
  if (g.group == nullptr) return;
  for (const std::string_view type : {"identity", "DMA", "DMA-FQ"}) {
    s.unmap_all(g);
    s.set_type(g, type);
    s.probe(g);
    use_dma_api(s, g);
  }
}

void workload(shadow_system& s) {
  for (shadow_group& g : s.groups()) use_dma_api(s, g);
  use_domain(s);
  use_types(s);
}

/// As if the workload had never been.
void give_back(shadow_system& s) {
  for (shadow_group& g : s.groups()) {
    s.unmap_all(g);
    while (!g.pasids.empty()) s.detach_pasid(g, g.pasids.begin()->first);
    if (g.attached != nullptr) s.detach(g);
    if (g.cut_off) s.claim(g);
    if (g.claimed) s.release(g);
  }
  while (!s.domains().empty()) s.free_domain(s.domains().front());
}

struct injection {
  const char* name;
  slab_failures& (*of)(system&);
};
slab_failures& pages_of(system& s) {
  return s.pages().failures();
}
slab_failures& objects_of(system& s) {
  return s.slab();
}
constexpr injection injections[] = {{"page", pages_of}, {"object", objects_of}};

class every_allocation_of_a_workload
    : public testing::TestWithParam<std::tuple<translation_kind, injection>> {};

/// Start-up failed: translation is off and nothing is left.
void expect_off_and_empty(shadow_system& s) {
  dmar_free_unused_resources(s.sys().driver());
  EXPECT_EQ(s.sys().driver().live_domain_count(), 0u);
  EXPECT_EQ(s.sys().pages().live_pages(), 0u);
  EXPECT_EQ(s.sys().pages().live_objects(), 0u);
  constexpr uint64_t translation_enabled = uint64_t{1} << 31;
  for (const auto& unit : s.sys().k().units()) {
    EXPECT_EQ(unit->peek(vtd_register::gsts) & translation_enabled, 0u);
  }
}

TEST_P(every_allocation_of_a_workload, may_fail) {
  const auto& [kind, how] = GetParam();
  uint64_t of_start_up = 0;
  uint64_t in_all = 0;
  leftovers untouched;
  {
    shadow_system s(kind, lazy);
    const uint64_t before = how.of(s.sys()).allocations();
    ASSERT_EQ(s.boot(), 0);
    of_start_up = how.of(s.sys()).allocations() - before;
    workload(s);
    in_all = how.of(s.sys()).allocations() - before;
    untouched = s.finish();
  }
  ASSERT_EQ(untouched, shadow_system::of_untouched(kind, lazy));
  ASSERT_GT(in_all, of_start_up);
  const uint64_t stride = is_long_run() ? 1 : in_all / failures_in_short + 1;
  for (uint64_t n = 1; n <= in_all; n += stride) {
    SCOPED_TRACE(testing::Message() << "allocation " << n << " of " << in_all << ", " << of_start_up
                                    << " of them of the start-up");
    shadow_system s(kind, lazy);
    s.expect_failures(true);
    how.of(s.sys()).fail_at(n);
    if (s.boot() != 0) {
      how.of(s.sys()).fail_never();
      expect_off_and_empty(s);
      if (HasFailure()) FAIL() << s.sys().log_text();
      continue;
    }
    workload(s);
    how.of(s.sys()).fail_never();
    s.expect_failures(false);
    for (shadow_group& g : s.groups()) s.probe(g);
    s.check_tables();
    s.check_accounts();
    give_back(s);
    workload(s);
    s.check_tables();
    const leftovers left = s.finish();
    if (n > of_start_up) {
      EXPECT_EQ(left, untouched);
    } else {
      // A queue may be missing, or a group.
      EXPECT_LE(left.pages, untouched.pages);
      EXPECT_LE(left.objects, untouched.objects);
    }
    if (HasFailure()) FAIL() << s.sys().log_text();
  }
}

/// One of each kind of tables, or all.
std::vector<translation_kind> kinds() {
  std::vector<translation_kind> all = translation_kinds();
  if (is_long_run()) return all;
  std::erase_if(all, [](const translation_kind& kind) {
    const std::string_view name = kind.name;
    return name != "legacy_3_levels" && name != "legacy_two_units" &&
           name != "second_level_4_levels" && name != "first_level_5_levels" &&
           name != "both_levels";
  });
  return all;
}

INSTANTIATE_TEST_SUITE_P(kinds, every_allocation_of_a_workload,
                         testing::Combine(testing::ValuesIn(kinds()),
                                          testing::ValuesIn(injections)),
                         [](const auto& run) {
                           return std::string(std::get<0>(run.param).name) + "_" +
                                  std::get<1>(run.param).name;
                         });

}  // namespace
}  // namespace iommulab::test::linux_6_12::workload_failure_test
