// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/class_names.h"

#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"

namespace iommulab {
namespace {

struct class_word {
  uint16_t class_code;  ///< base class and sub-class
  std::string_view name;
};

// PCI Code and ID Assignment Specification 1.11, chapter 1
constexpr std::array<class_word, 44> class_words = {{
    {0x0000, "unclassified device"},
    {0x0001, "VGA-compatible unclassified device"},
    {0x00ff, "unclassified device"},
    {0x0100, "SCSI controller"},
    {0x0101, "IDE controller"},
    {0x0104, "RAID controller"},
    {0x0106, "SATA controller"},
    {0x0107, "SAS controller"},
    {0x0108, "NVM controller"},
    {0x0180, "mass storage controller"},
    {0x0200, "Ethernet controller"},
    {0x0207, "InfiniBand controller"},
    {0x0280, "network controller"},
    {0x0300, "VGA controller"},
    {0x0302, "3D controller"},
    {0x0380, "display controller"},
    {0x0401, "audio device"},
    {0x0403, "HD audio device"},
    {0x0480, "multimedia controller"},
    {0x0500, "RAM controller"},
    {0x0580, "memory controller"},
    {0x0600, "host bridge"},
    {0x0601, "ISA bridge"},
    {0x0604, "PCI bridge"},
    {0x0607, "CardBus bridge"},
    {0x0680, "bridge"},
    {0x0700, "serial controller"},
    {0x0780, "communication controller"},
    {0x0800, "interrupt controller"},
    {0x0805, "SD host controller"},
    {0x0806, "IOMMU"},
    {0x0807, "root complex event collector"},
    {0x0880, "system peripheral"},
    {0x0b40, "co-processor"},
    {0x0c00, "FireWire controller"},
    {0x0c03, "USB controller"},
    {0x0c05, "SMBus"},
    {0x0c80, "serial bus controller"},
    {0x1080, "encryption controller"},
    {0x1101, "performance counters"},
    {0x1180, "signal processing controller"},
    {0x1200, "processing accelerator"},
    {0x1300, "non-essential instrumentation"},
    {0xff00, "unassigned class"},
}};

}  // namespace

std::string pci_class_name(uint32_t class_code) {
  const auto wanted = static_cast<uint16_t>(class_code >> 8);
  for (const class_word& word : class_words) {
    if (word.class_code == wanted) return std::string(word.name);
  }
  return absl::StrFormat("class %04x", wanted);
}

std::string pci_port_type(const pci_dev& pdev) {
  return pci_is_pcie(pdev) ? pci_port_type(pdev.pcie_type) : "conventional";
}

std::string pci_port_type(pci_exp_type type) {
  static constexpr auto names = enum_names<pci_exp_type>({
      {pci_exp_type::endpoint, "endpoint"},
      {pci_exp_type::legacy_endpoint, "legacy endpoint"},
      {pci_exp_type::root_port, "root port"},
      {pci_exp_type::upstream, "switch upstream port"},
      {pci_exp_type::downstream, "switch downstream port"},
      {pci_exp_type::pci_bridge, "PCIe-to-PCI bridge"},
      {pci_exp_type::pcie_bridge, "PCI-to-PCIe bridge"},
      {pci_exp_type::rc_endpoint, "root complex integrated endpoint"},
      {pci_exp_type::rc_event_collector, "root complex event collector"},
  });
  if (const auto known = names.find(type)) return std::string(*known);
  return absl::StrFormat("PCI Express type %d", static_cast<int>(type));
}

}  // namespace iommulab
