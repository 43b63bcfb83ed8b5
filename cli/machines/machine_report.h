// SPDX-License-Identifier: GPL-2.0-only
//
// What hardware a machine has, as plain data for whoever shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/types.h"
#include "kernel/profile/kernel_profile.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/machine.h"

namespace iommulab {

struct function_report {
  std::string name;  ///< "0000:00:1f.2"
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint32_t class_code = 0;  ///< 0xBBSSPP
  std::string class_name;
  std::string port_type;
  bool acs = false;  ///< has the capability
  bool ats = false;
  bool present = true;         ///< false: an empty slot
  std::optional<int> group{};  ///< as a boot leaves it; none: it is in none
  device_domain domain{};
  std::vector<function_report> children;  ///< behind a bridge, in the kernel's order
};

struct bus_report {
  uint16_t segment = 0;
  uint8_t number = 0;
  std::vector<function_report> functions;
};

struct unit_report {
  std::string name;  ///< "dmar0"
  phys_addr base;
  uint32_t version = 0;
  vtd::cap_register cap;
  vtd::ecap_register ecap;
};

struct structure_report {
  std::string name;  ///< "DRHD"
  std::string words;
  std::vector<std::string> scopes;  ///< "PCI endpoint 00:1f.0"
};

struct table_report {
  bool present = false;
  bool decodable = false;
  unsigned host_address_bits = 0;
  std::vector<structure_report> structures;
  std::vector<dmar_finding> findings;
};

/// An object of the ACPI namespace.
struct object_report {
  std::string path;
  std::string device;    ///< the kernel's name for its device; empty for none
  std::string hardware;  ///< "0000:00:1f.0", or of a host bridge "root bus 0000:00"; else empty
  bool present = false;  ///< whether that hardware is there
};

struct machine_report {
  const kernel_profile* kernel = nullptr;  ///< that ran
  std::string name;
  std::string command_line;
  uint64_t ram = 0;           ///< bytes of usable memory
  size_t function_count = 0;  ///< that answer
  std::vector<bus_report> buses;
  std::vector<unit_report> units;
  table_report table;
  std::vector<object_report> acpi;     ///< the namespace, in its order
  std::vector<memory_range> memory;    ///< the firmware's map
  uint8_t unowned_reads = 0;           ///< what addresses read, byte by byte, that nobody owns
  std::vector<madt_io_apic> io_apics;  ///< of the firmware's MADT; empty where nobody said
  std::vector<std::string> assumed;    ///< machine_config::assumed
};

/// Scans the machine's buses as the kernel would and reads its table. EINVAL when the machine
/// cannot be built.
absl::StatusOr<machine_report> report_machine(const kernel_profile& kernel,
                                              const machine_config& machine);

/// The table's part of the report. Apart from the rest, which works on the running system.
table_report report_table(const machine_config& machine);

}  // namespace iommulab
