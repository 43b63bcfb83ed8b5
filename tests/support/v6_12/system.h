// SPDX-License-Identifier: GPL-2.0-only
//
// A running Linux 6.12, or an earlier release of its generation, with its driver open to a test
// that is about this generation, and what such tests ask about a run. Tables are read by shifting
// and adding here, not through the code under test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/v6_12/generation.h"
#include "kernel/v6_12/profile.h"
#include "support/system.h"

namespace iommulab::test::linux_6_12 {

class system : public test::system {
 public:
  explicit system(const machine_config& machine, const std::string& intel_iommu = "on",
                  const std::string& more_words = "",
                  const kernel_profile& profile = v6_12::profile())
      : test::system(machine, {.profile = &profile,
                               .command_line = "intel_iommu=" + intel_iommu + " " + more_words}) {}

  /// All of the start-up; what intel_iommu_init() came to.
  int boot() {
    test::system::boot();
    EXPECT_EQ(outcome.panic, "");
    return outcome.intel_iommu_init;
  }

  v6_12::generation& generation() { return static_cast<v6_12::generation&>(k().generation()); }
  // Valid from boot() on.
  v6_12::intel_driver& driver() { return generation().driver(); }
  v6_12::dma_mapping& dma() { return generation().dma().operations(); }

  /// The unit with this sequence id, which is its place in the table.
  intel_iommu& iommu(int seq_id = 0) {
    for (dmar_drhd_unit& drhd : driver().dmar_drhd_units) {
      if (drhd.iommu->seq_id == seq_id) return *drhd.iommu;
    }
    throw std::runtime_error("no such unit");
  }
  v6_12::device_domain_info& info(source_id id) { return v6_12::info_of(dev(id)); }

  environment& env() { return k().env(); }
  slab_failures& slab() { return k().slab(); }
  page_allocator& pages() { return k().pages(); }
  pci_core& pci() { return k().pci(); }
  device& dev(source_id id) { return function(id).dev; }

  /// Notes that begin with `word`, in order.
  [[nodiscard]] std::vector<std::string> notes(std::string_view word) {
    std::vector<std::string> all;
    for (const trace_event& e : events().events()) {
      const auto* note = std::get_if<events::note>(&e.what);
      if (note != nullptr && std::string_view(note->text).starts_with(word)) {
        all.push_back(note->text);
      }
    }
    return all;
  }

  /// The words of a device's context entry in legacy mode; zero where the bus has no table.
  std::pair<uint64_t, uint64_t> context(source_id id) {
    const test::system::context entry = context_of(id);
    return {entry.lo, entry.hi};
  }
  /// The four words' lower two of a scalable-mode context entry.
  std::pair<uint64_t, uint64_t> scalable_context(source_id id) {
    const uint64_t half = word(root_table() + 16 * uint64_t{id.bus} + (id.devfn >= 0x80 ? 8 : 0));
    if ((half & 1) == 0) return {0, 0};
    const uint64_t entry = (half & ~uint64_t{0xfff}) + 32 * uint64_t{id.devfn & 0x7fu};
    return {word(entry), word(entry + 8)};
  }
  /// The leaf for `address` below `levels` levels from `table`; 0 where there is none.
  uint64_t leaf(uint64_t table, unsigned levels, uint64_t address) {
    for (unsigned level = levels;; --level) {
      const unsigned shift = 12 + 9 * (level - 1);
      const uint64_t entry = word(table + 8 * ((address >> shift) & 511));
      if ((entry & 3) == 0) return 0;
      if (level == 1 || (entry & 0x80) != 0) return entry;
      table = entry & 0x000ffffffffff000;
    }
  }
};

}  // namespace iommulab::test::linux_6_12
