// SPDX-License-Identifier: GPL-2.0-only
//
// PCI functions and buses as the kernel's PCI core represents them. The objects are built from
// config space by the kernel's own probing order (pci_scan_child_bus: all functions of a bus,
// then its bridges, depth first).
//
// Ownership: the pci_core owns root buses, a bus owns its functions and child buses. A removed
// function moves to the core's list of removed ones and stays allocated.
#pragma once

#include <array>
#include <bitset>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "core/device.h"
#include "core/pci/config_space.h"
#include "core/types.h"
#include "core/walk.h"

namespace iommulab {

struct pci_bus;
class pci_core;

/// PCIe capability's device/port type (PCI Express Base 7.5.3.2).
enum class pci_exp_type : uint8_t {
  endpoint = 0,
  legacy_endpoint = 1,
  root_port = 4,
  upstream = 5,
  downstream = 6,
  pci_bridge = 7,   ///< PCI Express to PCI/PCI-X bridge
  pcie_bridge = 8,  ///< PCI/PCI-X to PCI Express bridge
  rc_endpoint = 9,
  rc_event_collector = 10,
};

enum class pci_header_type : uint8_t { normal = 0, bridge = 1, cardbus = 2 };

/// A release of Linux, as far as the PCI core tells releases apart: 5.8 is {5, 8}.
struct pci_release {
  uint16_t major = 4;
  uint16_t minor = 4;

  constexpr auto operator<=>(const pci_release&) const = default;
};
/// Of what the oldest release that this project knows has already.
inline constexpr pci_release in_every_release{};
/// The newest that it knows the quirks of. Late stable releases of 6.1 and 6.12 have all of them.
inline constexpr pci_release newest_pci_release{7, 2};

// pci_dev::dev_flags
inline constexpr uint16_t pci_dev_flag_pcie_bridge_alias = 1u << 5;
inline constexpr uint16_t pci_dev_flags_acs_enabled_quirk = 1u << 3;

struct pci_dev {
  device dev;
  pci_bus* bus = nullptr;          ///< the bus it sits on
  pci_bus* subordinate = nullptr;  ///< the bus behind it, when it is a bridge
  bool ari_enabled = false;        ///< of a port: functions behind it are found by ARI
  uint8_t devfn = 0;
  uint16_t vendor = 0;
  uint16_t device_id = 0;
  uint32_t class_code = 0;  ///< base class, sub-class, programming interface: 0xBBSSPP
  uint8_t revision = 0;
  pci_header_type hdr_type = pci_header_type::normal;
  bool multifunction = false;
  bool is_virtfn = false;
  bool is_added = false;         ///< it was offered to the drivers
  bool untrusted = false;        ///< it can be plugged in from outside the machine
  bool external_facing = false;  ///< a root port: what is behind it can
  bool usb4_host_interface = false;
  pci_dev* physfn = nullptr;  ///< of a virtual function
  /// Order of the pages with which ATS was switched on, 0 before that.
  uint8_t ats_page_order = 0;
  unsigned ats_virtual_functions = 0;  ///< those of its virtual functions whose ATS is on
  uint16_t pcie_cap = 0;               ///< offset of the PCIe capability, 0 when conventional
  pci_exp_type pcie_type = pci_exp_type::endpoint;
  uint16_t dev_flags = 0;
  /// dma_alias_mask: what else of its bus its requests may come from; null for nothing.
  std::unique_ptr<std::bitset<256>> dma_alias_mask;
  std::array<pci_resource, pci_num_resources> resource{};
  pci_config_space* config = nullptr;

  [[nodiscard]] uint8_t slot() const { return devfn >> 3; }
  [[nodiscard]] uint8_t func() const { return devfn & 7; }
};

/// Addresses that a host bridge hands down to its bus.
struct pci_host_window {
  phys_addr start;
  phys_addr end;  ///< inclusive
};

struct pci_bus {
  pci_core* core = nullptr;
  uint16_t segment = 0;
  uint8_t number = 0;         ///< secondary bus number
  uint8_t busn_end = 0xff;    ///< busn_res.end: subordinate bus number
  pci_bus* parent = nullptr;  ///< null on a root bus
  pci_dev* self = nullptr;    ///< the bridge above; null on a root bus and on a virtual bus
  std::vector<std::unique_ptr<pci_dev>> devices;
  std::vector<std::unique_ptr<pci_bus>> children;
  /// Of a root bus behind a volume management device: that one, whose id all requests bear.
  pci_dev* volume_device = nullptr;
  /// Of a root bus: its memory windows, as the firmware tells them. Empty where nobody said.
  std::vector<pci_host_window> windows;
};

inline bool pci_is_root_bus(const pci_bus& bus) {
  return bus.parent == nullptr;
}
inline uint16_t pci_domain_nr(const pci_bus& bus) {
  return bus.segment;
}
inline bool pci_is_pcie(const pci_dev& pdev) {
  return pdev.pcie_cap != 0;
}
/// Whether requests of one may bear the other's id. Linux v4.4 drivers/iommu/iommu.c:
/// get_pci_alias_group(); v6.12 drivers/pci/pci.c: pci_devs_are_dma_aliases()
inline bool pci_uses_id_of(const pci_dev& pdev, const pci_dev& other) {
  return pdev.dma_alias_mask != nullptr && pdev.dma_alias_mask->test(other.devfn);
}
inline const std::string& pci_name(const pci_dev& pdev) {
  return pdev.dev.name;
}
inline const std::string& trace_word(const pci_dev& pdev) {
  return pci_name(pdev);
}
inline pci_dev& pci_physfn(pci_dev& pdev) {
  return pdev.is_virtfn ? *pdev.physfn : pdev;
}
inline const pci_dev& pci_physfn(const pci_dev& pdev) {
  return pdev.is_virtfn ? *pdev.physfn : pdev;
}
inline source_id pci_source_id(const pci_dev& pdev) {
  return {pdev.bus->segment, pdev.bus->number, pdev.devfn};
}

// Extended capability ids (PCI Express Base 7.6 and after)
inline constexpr uint16_t pci_ext_cap_id_acs = 0x0d;
inline constexpr uint16_t pci_ext_cap_id_ari = 0x0e;
inline constexpr uint16_t pci_ext_cap_id_ats = 0x0f;
inline constexpr uint16_t pci_ext_cap_id_sriov = 0x10;
inline constexpr uint16_t pci_ext_cap_id_pri = 0x13;
inline constexpr uint16_t pci_ext_cap_id_pasid = 0x1b;

/// Offset of a capability (0 when absent). A chain that loops or leaves config space ends the
/// search. Linux v4.4 drivers/pci/pci.c
uint16_t pci_find_capability(const pci_dev& pdev, uint8_t id);
uint16_t pci_find_ext_capability(const pci_dev& pdev, uint16_t id);

/// The PCI core of one system: scanning, removal, rescan, and the walks over all functions.
class pci_core {
 public:
  pci_core(bus_type& bus, pci_config_access& access) : bus_(bus), access_(access) {}
  pci_core(const pci_core&) = delete;
  pci_core& operator=(const pci_core&) = delete;

  [[nodiscard]] bus_type& bus() const { return bus_; }

  /// Scans a host bridge's hierarchy. A bridge whose bus numbers make no sense (a primary that is
  /// not its bus, a secondary not above it) is given new ones, as the kernel does; a bus that two
  /// bridges claim is scanned once. No wiring of bridges makes the scan endless.
  pci_bus& scan_root_bus(uint16_t segment, uint8_t number, uint8_t busn_end = 0xff);

  /// A driver of `physfn` switched a virtual function on: it joins its bus, or one of its own
  /// without a bridge above it. `config` has its ids, and outlives it. Null for one without
  /// ids or with a header that nobody knows.
  /// Linux v4.4 drivers/pci/iov.c: virtfn_add(), v6.12: pci_iov_add_virtfn()
  pci_dev* add_virtual_function(pci_dev& physfn, uint8_t bus, uint8_t devfn,
                                pci_config_space& config);

  /// pci_stop_and_remove_bus_device(): the function and everything behind it leave, children
  /// first, with DEL_DEVICE and REMOVED_DEVICE notifications.
  void remove(pci_dev& pdev);
  /// pci_rescan_bus() on every root bus: adds what answers and is not there yet, then offers what
  /// was added to the drivers.
  void rescan();
  /// Who looks for a driver of a function (device_attach()). The core asks once a scan is through,
  /// for each function that it found, by buses: a bridge's whole bus before what is behind it.
  /// Empty as long as no driver is there.
  void set_device_attach(std::function<void(pci_dev&)> attach) { attach_ = std::move(attach); }

  [[nodiscard]] const std::vector<std::unique_ptr<pci_bus>>& root_buses() const { return roots_; }
  [[nodiscard]] pci_dev* find(source_id id) const;
  /// pci_get_device(): the first function with these ids, or null.
  [[nodiscard]] pci_dev* get_device(uint16_t vendor, uint16_t device_id) const;
  /// pci_get_class(): the first function of this class code, or null.
  [[nodiscard]] pci_dev* get_class(uint32_t class_code) const;
  /// The function of this name, "0000:00:1f.2", or null.
  /// Linux v4.4 drivers/base/bus.c: bus_find_device_by_name()
  [[nodiscard]] device* bus_find_device_by_name(std::string_view name) const;
  /// for_each_pci_dev(), in order of addition; stopped as core/walk.h says.
  template <typename F>
  int for_each_pci_dev(F&& fn) const {
    for (size_t i = 0; i < bus_.devices.size(); ++i) {
      if (bus_.devices[i]->pci == nullptr) continue;
      if (const int ret = walk_step_of(fn, *bus_.devices[i]->pci); ret != 0) return ret;
    }
    return 0;
  }
  /// The same of the functions on `bus` alone, in the same order; one whose removal is being
  /// announced is still among them.
  template <typename F>
  static int for_each_pci_dev_on(const pci_bus& bus, F&& fn) {
    for (size_t i = 0; i < bus.devices.size(); ++i) {
      if (const int ret = walk_step_of(fn, *bus.devices[i]); ret != 0) return ret;
    }
    return 0;
  }
  /// The first function in that order of which `wanted` holds, or null.
  [[nodiscard]] pci_dev* find_if(absl::FunctionRef<bool(const pci_dev&)> wanted) const;

  /// A quirk of DECLARE_PCI_FIXUP_HEADER: runs on each function right after its header was read.
  using header_fixup = std::function<void(pci_dev&)>;
  void add_header_fixup(header_fixup fixup) { fixups_.push_back(std::move(fixup)); }
  /// A quirk of DECLARE_PCI_FIXUP_ENABLE: runs whenever a driver enables a function.
  void add_enable_fixup(header_fixup fixup) { enable_fixups_.push_back(std::move(fixup)); }
  /// What a driver's probe begins with, as far as quirks listen to it.
  /// Linux v4.4 drivers/pci/pci.c: pci_enable_device()
  void enable_device(pci_dev& pdev) {
    for (const header_fixup& fixup : enable_fixups_) fixup(pdev);
  }

  /// Whose quirks are in force: 4.4's, unless told.
  void set_release(pci_release release) { release_ = release; }
  [[nodiscard]] pci_release release() const { return release_; }
  /// The firmware describes an AMD IOMMU (IVRS).
  void set_amd_iommu(bool described) { has_amd_iommu_ = described; }
  [[nodiscard]] bool has_amd_iommu() const { return has_amd_iommu_; }

  /// A link hangs off a PCI-to-PCIe bridge as well, with only a device 0 on it: later kernels know.
  void know_links_of_pcie_bridges() { pcie_bridges_have_links_ = true; }
  [[nodiscard]] bool pcie_bridges_have_links() const { return pcie_bridges_have_links_; }

  /// pci_request_acs(): functions found from now on get ACS enabled.
  void request_acs() { acs_enable_ = true; }
  [[nodiscard]] bool acs_requested() const { return acs_enable_; }

  /// Where config space is, for the quirks that look at another function's.
  [[nodiscard]] pci_config_access& access() const { return access_; }

 private:
  /// Each of the scanning functions returns the highest bus number that it saw or was given.
  unsigned scan_child_bus(pci_bus& bus);
  unsigned scan_bridge(pci_bus& bus, pci_dev& bridge, unsigned max, int pass);
  void scan_slot(pci_bus& bus, uint8_t devfn);
  pci_dev* scan_single_device(pci_bus& bus, unsigned devfn);
  std::unique_ptr<pci_dev> setup_device(pci_bus& bus, uint8_t devfn, pci_config_space* config);
  void enter_bus(pci_bus& bus);
  /// `bridge` is null for a virtual bus.
  pci_bus& add_child_bus(pci_bus& parent, pci_dev* bridge, uint8_t number, uint8_t busn_end);
  pci_dev& add_to_bus(pci_bus& bus, std::unique_ptr<pci_dev> pdev);
  void device_add(pci_dev& pdev);
  void create_rescan_file();
  void bus_add_devices(pci_bus& bus);
  void stop_device(pci_dev& pdev);
  void remove_device(pci_dev& pdev);
  [[nodiscard]] pci_bus* find_bus(uint16_t segment, unsigned number) const;

  bus_type& bus_;
  pci_config_access& access_;
  std::vector<std::unique_ptr<pci_bus>> roots_;
  absl::flat_hash_map<source_id, pci_bus*> buses_;  ///< by segment and number, devfn 0
  std::vector<std::unique_ptr<pci_dev>> removed_devices_;
  std::vector<std::unique_ptr<pci_bus>> removed_buses_;
  std::vector<header_fixup> fixups_;
  std::vector<header_fixup> enable_fixups_;
  std::function<void(pci_dev&)> attach_;
  std::vector<const pci_bus*> scanned_;  ///< buses that the scan under way has been on
  pci_release release_;
  bool has_amd_iommu_ = false;
  bool acs_enable_ = false;
  bool pcie_bridges_have_links_ = false;
};

}  // namespace iommulab
