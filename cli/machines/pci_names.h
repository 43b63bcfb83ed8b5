// SPDX-License-Identifier: GPL-2.0-only
//
// What PCI devices are called: the list pci.ids, read by libpci. A program that was built without
// libpci knows no names.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/status.h"

struct pci_access;

namespace iommulab {

class pci_names {
 public:
  /// `file`: a list of the form of pci.ids; empty for the system's, which may be missing, and then
  /// there are no names. ENOENT for no such file, EINVAL for one with a line that does not read,
  /// ENOTSUP for a file that is named without libpci.
  static absl::StatusOr<pci_names> open(const std::string& file);

  /// "Intel Corporation 82801I (ICH9 Family) USB UHCI Controller #1"; without a name of its own
  /// "Intel Corporation Device"; empty for a vendor that is not listed.
  [[nodiscard]] std::string device(uint16_t vendor, uint16_t device) const;
  /// "USB controller"; empty for one that is not listed. `class_code`: base class and sub-class.
  [[nodiscard]] std::string type(uint16_t class_code) const;

 private:
  struct release {
    void operator()(pci_access* access) const;
  };
  std::unique_ptr<pci_access, release> access_;
};

}  // namespace iommulab
