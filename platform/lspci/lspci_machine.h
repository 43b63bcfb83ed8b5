// SPDX-License-Identifier: GPL-2.0-only
//
// The PCI functions of a machine that somebody listed with lspci, as hardware: configuration spaces
// that say what the listing says, wired as its bridges are. What the listing leaves open is filled
// in and named.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/text_source.h"
#include "platform/lspci/lspci_text.h"
#include "platform/pci/pci_function.h"
#include "platform/pci/pci_machine.h"

namespace iommulab {

/// A volume management device, and the root bus behind it, which only it reaches.
struct vmd_root {
  pci_root root;
  source_id endpoint;
};

struct lspci_machine {
  std::vector<lspci_function> listed;  ///< those of `functions`, in the same order
  std::vector<pci_root> roots;         ///< ascending
  std::vector<pci_function_config> functions;
  std::vector<vmd_root> volumes;
  /// Domains that 16 bits do not hold, by the segment that stands for each.
  std::map<uint16_t, uint32_t> wide_domains;
  /// What the listing does not say, and what stands in its place; one sentence each.
  std::vector<std::string> assumed;
};

/// The machine at the moment when its kernel starts: ACS, ATS and the like are off.
/// EINVAL, naming file, line, field and value, for what does not read, for one that root did not
/// print, an address that comes twice, and a bridge without its bus numbers.
absl::StatusOr<lspci_machine> machine_of_listing(const text_source& source);

}  // namespace iommulab
