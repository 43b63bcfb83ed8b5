// SPDX-License-Identifier: GPL-2.0-only
//
// Memory runs out at the n-th allocation of a DMA operation, for every n: of pages and of kernel
// objects. The operation fails whole: nothing leaks, no page of the buffer stays mapped, and the
// next try succeeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "core/iommu/iommu.h"
#include "core/spin_lock.h"
#include "support/small_machine.h"
#include "support/v4_4/system.h"

namespace iommulab::test::intel_failure_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

constexpr uint64_t buffer = 0x1000000;  // in memory, in nobody's way
constexpr uint64_t mib = uint64_t{1} << 20;
constexpr source_id behind_bridge = at(1, 1);

/// The network function in use, or the one behind a PCIe-to-PCI bridge, which has an alias.
machine_config machine_of(bool bridge, bool wide) {
  small_machine m;
  vtd::cap_register cap = default_cap();
  cap.set_max_guest_address_width(wide ? 57 : 39).set_sagaw(wide ? 0b01110 : 0b00010);
  cap.set_super_pages(0);
  m.set_cap(cap);
  if (bridge) {
    m.add_function(function_builder(at(0, 5), 0x10b5, 0x8111, 0x060400)
                       .bridge(0, 1, 1)
                       .express(pci_exp_type::pci_bridge, 0x60)
                       .build());
    m.add_function(plain_function(behind_bridge, 0x1033, 0x0035, 0x020000));
  }
  return m.build();
}

/// One operation, and how it is undone. `run` tells whether it succeeded.
struct operation {
  const char* name;
  std::function<bool(system&, device&)> run;
  std::function<void(system&, device&)> undo;
};

scatterlist piece(uint64_t address, uint32_t length) {
  scatterlist sg;
  sg.page = phys_addr(address & page_mask);
  sg.offset = static_cast<uint32_t>(address & ~page_mask);
  sg.length = length;
  return sg;
}

/// What an operation leaves for its undoing.
struct leftovers {
  dma_addr address;
  phys_addr memory;
  std::vector<scatterlist> list;
  v4_4::iommu_domain* domain = nullptr;
};

std::vector<operation> operations(leftovers& left) {
  return {
      {"map_single",
       [&](system&, device& dev) {
         left.address = dma_map_single(dev, phys_addr(buffer + 0x123), 3 * mib,
                                       dma_data_direction::bidirectional);
         return !dma_mapping_error(dev, left.address);
       },
       [&](system&, device& dev) {
         dma_unmap_single(dev, left.address, 3 * mib, dma_data_direction::bidirectional);
       }},
      {"map_sg",
       [&](system&, device& dev) {
         left.list = {piece(buffer, mib), piece(buffer + 8 * mib + 0x10, 2 * mib),
                      piece(buffer + 16 * mib, 0x1000)};
         return dma_map_sg(dev, absl::MakeSpan(left.list), dma_data_direction::to_device) == 3;
       },
       [&](system&, device& dev) {
         dma_unmap_sg(dev, absl::MakeSpan(left.list), dma_data_direction::to_device);
       }},
      {"alloc_coherent",
       [&](system&, device& dev) {
         const auto memory = dma_alloc_coherent(dev, mib, left.address, gfp_kernel);
         if (memory) left.memory = *memory;
         return memory.has_value();
       },
       [&](system&, device& dev) { dma_free_coherent(dev, mib, left.memory, left.address); }},
      {"attach_and_iommu_map",
       [&](system&, device& dev) {
         left.domain = iommu_domain_alloc(*dev.bus);
         if (left.domain == nullptr) return false;
         if (iommu_attach_group(*left.domain, *dev.group) == 0) {
           if (iommu_map(*left.domain, dma_addr(0x40000000 - mib), phys_addr(buffer), 2 * mib,
                         iommu_read | iommu_write) == 0) {
             return true;
           }
           EXPECT_EQ(iommu_iova_to_phys(*left.domain, dma_addr(0x40000000 - mib)).value(), 0u);
           iommu_detach_group(*left.domain, *dev.group);
         }
         iommu_domain_free(*left.domain);
         return false;
       },
       [&](system&, device& dev) {
         EXPECT_EQ(iommu_unmap(*left.domain, dma_addr(0x40000000 - mib), 2 * mib), 2 * mib);
         iommu_detach_group(*left.domain, *dev.group);
         iommu_domain_free(*left.domain);
       }},
  };
}

/// Leaves below a table, by this test's own arithmetic.
uint64_t count_leaves(system& s, uint64_t table, unsigned level) {
  uint64_t leaves = 0;
  for (unsigned i = 0; i < 512; ++i) {
    const uint64_t entry = s.word(table + i * uint64_t{8});
    if ((entry & 3) == 0) continue;
    constexpr uint64_t frame = 0xffffffffff000;
    constexpr uint64_t large = 0x80;
    const bool leaf = level == 1 || (entry & large) != 0;
    leaves += leaf ? 1 : count_leaves(s, entry & frame, level - 1);
  }
  return leaves;
}

uint64_t leaves_of(system& s, source_id id) {
  const system::context context = s.context_of(id);
  return context.present() ? count_leaves(s, context.table(), context.width_code() + 2) : 0;
}

struct setting {
  const char* name;
  bool bridge;
  bool wide;
  const char* command_line;
};
const setting settings[] = {
    {"three_levels", false, false, "intel_iommu=on,strict"},
    {"four_levels", false, true, "intel_iommu=on,strict"},
    {"behind_a_bridge", true, false, "intel_iommu=on,strict"},
    {"deferred", false, false, "intel_iommu=on"},
};

enum class failing { pages, objects };
enum class how_long { once, from_then_on };

class every_allocation
    : public testing::TestWithParam<std::tuple<setting, failing, how_long, size_t>> {};

std::string test_name(const testing::TestParamInfo<every_allocation::ParamType>& info) {
  const auto& [where, what, how, index] = info.param;
  leftovers unused;
  return std::string(where.name) + "_" + operations(unused)[index].name +
         (what == failing::pages ? "_page" : "_object") +
         (how == how_long::once ? "" : "s_from_then_on");
}

TEST_P(every_allocation, may_fail) {
  const auto& [where, what, how, index] = GetParam();
  leftovers left;
  const operation op = operations(left)[index];
  const machine_config machine = machine_of(where.bridge, where.wide);
  uint64_t failed = 0;
  for (uint64_t n = 1;; ++n) {
    SCOPED_TRACE(testing::Message() << "allocation " << n);
    ASSERT_LT(n, 2000u) << "it never succeeds";
    system s(machine, where.command_line, trace_class::none);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    const source_id id = where.bridge ? behind_bridge : nic;
    device& dev = s.function(id).dev;
    slab_failures& injector = what == failing::pages ? s.k().pages().failures() : s.k().slab();
    if (how == how_long::once) {
      injector.fail_at(n);
    } else {
      injector.fail_from(n);
    }
    const uint64_t asked = injector.allocations();
    const bool succeeded = op.run(s, dev);
    const uint64_t made = injector.allocations() - asked;
    injector.fail_never();
    if (!succeeded) {
      ++failed;
      EXPECT_EQ(leaves_of(s, id), 0u) << "a part of the buffer is mapped";
      s.expect_nothing_leaked();
      EXPECT_TRUE(op.run(s, dev)) << "the second try fails: " << s.log_text();
    }
    op.undo(s, dev);
    s.k().env().clock.advance(20'000'000);
    EXPECT_EQ(leaves_of(s, id), 0u);
    s.expect_nothing_leaked();
    if (HasFailure()) FAIL() << s.log_text();
    // Nothing was injected any more: every allocation has had its turn.
    if (succeeded && made < n) break;
  }
  EXPECT_GT(failed, 0u);
}

INSTANTIATE_TEST_SUITE_P(operations, every_allocation,
                         testing::Combine(testing::ValuesIn(settings),
                                          testing::Values(failing::pages, failing::objects),
                                          testing::Values(how_long::once, how_long::from_then_on),
                                          testing::Range<size_t>(0, 4)),
                         test_name);

}  // namespace
}  // namespace iommulab::test::intel_failure_test
