// SPDX-License-Identifier: GPL-2.0-only
//
// The PCI functions of a machine that somebody listed, as hardware: configuration spaces that say
// what the listing says, wired as its bridges are. What the listing leaves open is filled in and
// named.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/text_source.h"
#include "platform/listing/listed_function.h"
#include "platform/pci/pci_function.h"
#include "platform/pci/pci_machine.h"

namespace iommulab {

/// A volume management device, and the root bus behind it, which only it reaches.
struct vmd_root {
  pci_root root;
  source_id endpoint;
};

/// A virtual function, which no scan finds: a driver switches it on.
struct virtual_function {
  pci_function_config function;
  source_id physical;  ///< whose it is
  listed_function listed;
};

struct listed_machine {
  std::vector<listed_function> listed;  ///< those of `functions`, in the same order
  std::vector<pci_root> roots;          ///< ascending
  std::vector<pci_function_config> functions;
  std::vector<virtual_function> virtual_functions;  ///< ascending
  std::vector<vmd_root> volumes;
  /// Domains that 16 bits do not hold, by the segment that stands for each.
  std::map<uint16_t, uint32_t> wide_domains;
  /// What the listing does not say, and what stands in its place; one sentence each.
  std::vector<std::string> assumed;
};

/// The machine at the moment when its kernel starts: ACS, ATS and the like are off.
/// EINVAL, naming file, line, field and value, for an address that comes twice, bytes that are cut,
/// a bridge without its bus numbers or with such as no kernel leaves, and more domains behind
/// volume management devices than there are segments for.
absl::StatusOr<listed_machine> machine_of_functions(std::vector<listed_function> listed);

/// The same of what lspci printed; its complaints too (lspci_text.h).
absl::StatusOr<listed_machine> machine_of_listing(const text_source& source);

}  // namespace iommulab
