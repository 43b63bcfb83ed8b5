// SPDX-License-Identifier: GPL-2.0-only
//
// What every ported function may reach: the services that are global in the kernel and belong to
// one running system here. The composition owns it; everything else holds a reference.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>

#include "core/clock.h"
#include "core/diagnosis_list.h"
#include "core/listeners.h"
#include "core/printk.h"
#include "core/table_observer.h"
#include "core/trace.h"

namespace iommulab {

class dma_debug_hooks;

/// The kernel's system_state.
enum class system_state { booting, running };

/// What dmi_get_system_info() answers: the three strings that the "Your BIOS is broken" messages
/// of the driver print.
struct dmi_strings {
  std::string bios_vendor;
  std::string bios_version;
  std::string product_version;
};

/// What `iommu=` says about addresses beyond 4 GiB ("dual address cycles").
struct dac_policy {
  int forbid_dac = 0;            ///< more than 0: no device gets a mask of more than 32 bits
  bool iommu_sac_force = false;  ///< nor one of 40 bits and more
};

struct environment {
  environment() : trace(&clock), log(clock, trace) {}
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

  virtual_clock clock;
  tracer trace;
  printk_log log;
  system_state state = system_state::booting;
  dmi_strings dmi;
  uint64_t max_pfn = 0;                   ///< one past the last page of memory
  listener_list<table_observer*> tables;  ///< who is told of what is done to tables
  dac_policy dac;
  dma_debug_hooks* dma_debug = nullptr;  ///< who checks the callers of the DMA API; null for nobody
  /// "Linux 6.12": whose behaviour it is that divergences are from, where a generation's releases
  /// tell themselves apart.
  std::string_view kernel_name = "Linux";
  /// Places of the generation's table of divergences where this release of the kernel does as the
  /// port does, by number: nothing is reported there.
  std::bitset<64> agreed_divergences;
  /// The divergences that happened.
  diagnosis_list divergences;
};

}  // namespace iommulab
