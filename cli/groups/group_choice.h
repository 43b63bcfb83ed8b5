// SPDX-License-Identifier: GPL-2.0-only
//
// Which machine `groups` looks at, and by which release's rules.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/machines/pci_names.h"
#include "core/pci/pci.h"
#include "core/status.h"
#include "lab/groups/machine_groups.h"

namespace iommulab {

struct groups_subject {
  grouped_machine machine;
  std::map<source_id, std::string> titles;    ///< as lspci shows the function behind its address
  std::map<uint16_t, uint32_t> wide_domains;  ///< listed_machine::wide_domains
  std::map<source_id, unsigned> recorded;     ///< the groups of the kernel that was listed
  bool is_found = false;  ///< what somebody has of a machine, and no built-in one or capture
  std::string release;    ///< which that kernel was, "5.11"; empty where nothing says it
  std::vector<std::string> assumed;

  /// "00:1f.2", with the domain where it is not 0.
  [[nodiscard]] std::string address(source_id id) const;
  /// Empty for a function that is found at an address where none is listed.
  [[nodiscard]] std::string title(source_id id) const;
  /// The function of that address, in either spelling; none for an address that is none.
  [[nodiscard]] std::optional<source_id> find(std::string_view address) const;
};

/// `names` are for functions that no listing names. `name`: what choose_machine() takes; a file
/// that lspci wrote; "-", standard input, for the same.
absl::StatusOr<groups_subject> choose_groups_subject(const std::string& name,
                                                     const std::string& dmar_file,
                                                     const pci_names& names);

/// "6.12", "v6_12", "5.11": what is in force there. Of the kernels that this project ports, the
/// stable releases that it knows; of others what they had when they came out. EINVAL for what is no
/// release since 4.4.
absl::StatusOr<pci_release> choose_release(std::string_view text);

}  // namespace iommulab
