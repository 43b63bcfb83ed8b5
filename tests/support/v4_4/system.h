// SPDX-License-Identifier: GPL-2.0-only
//
// A running Linux 4.4, with its driver open to a test that is about this generation.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "kernel/v4_4/generation.h"
#include "kernel/v4_4/profile.h"
#include "support/system.h"

namespace iommulab::test::linux_4_4 {

class system : public test::system {
 public:
  explicit system(const machine_config& machine, std::string command_line = "intel_iommu=on",
                  trace_class classes = trace_class::all,
                  const kernel_profile& profile = v4_4::profile());
  /// A release of 4.4; without a profile 4.4.1.
  system(const machine_config& machine, kernel_options options,
         trace_class classes = trace_class::all);

  v4_4::generation& generation() { return static_cast<v4_4::generation&>(k().generation()); }
  v4_4::intel_driver& driver() { return generation().driver(); }

  /// Pages that the driver's structures reach: queues, root, context and paging tables.
  uint64_t reachable_pages();
  /// Kernel objects that the driver's structures reach.
  int64_t reachable_objects();
  /// What is in use is what the driver's structures reach, and nothing was freed wrongly.
  void expect_nothing_leaked();

 private:
  std::set<v4_4::dmar_domain*> domains();
};

}  // namespace iommulab::test::linux_4_4
