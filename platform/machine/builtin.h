// SPDX-License-Identifier: GPL-2.0-only
//
// Machines that need no file.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "platform/machine/dmar_description.h"
#include "platform/machine/machine.h"
#include "platform/machine/qemu_unit.h"

namespace iommulab {

/// How a q35's DMAR table says what the one unit is for.
enum class q35_table : uint8_t {
  include_all,  ///< by INCLUDE_PCI_ALL, as the published walk-through has it; scope: the I/O APIC
  functions,    ///< by a scope for each function of bus 0, as QEMU 7.2 writes it
};

struct q35_options {
  uint64_t memory = uint64_t{1} << 30;  ///< bytes, 64 MiB to 2 GiB
  qemu_unit_options unit{.interrupt_remapping = false};
  q35_table table = q35_table::include_all;
};

/// QEMU's q35 with one remapping unit, a disk's AHCI controller, an e1000e network function and an
/// "edu" device to play with: the machine of the published walk-through ("q35"); or, with the table
/// of functions, of the recorded run "boot/default" ("q35-7.2").
machine_config q35_machine(const q35_options& options = {});

/// A server of two sockets with two root buses each and four remapping units:
///
///     unit 0  fbff8000  the graphics device 00:04.0
///     unit 1  dfffc000  root bus 80, second socket
///     unit 2  efffc000  root bus c0, second socket
///     unit 3  fbffc000  INCLUDE_ALL: root buses 00 and 40, first socket
///
///     00:00.0  host bridge
///     00:01.0  root port ─ 01:00.0, 01:00.1  network functions of one device
///     00:02.0  root port ─ 02:00.0 switch ─ 03:08.0 ─ 04:00.0  storage
///                                         └ 03:09.0 ─ 05:00.0  storage
///     00:03.0  root port ─ 06:00.0 PCIe-to-PCI bridge ─ 07:00.0, 07:01.0
///     00:04.0  graphics
///     00:1a.0, 00:1d.0  USB, with a reserved memory region each
///     00:1f.0, .2, .3  LPC bridge, SATA, SMBus
///     40:02.0  root port ─ 41:00.0  accelerator with ATS
///     80:01.0  root port ─ 81:00.0  management controller, with a reserved region (two hops)
///     80:02.0  root port ─ 82:00.0  accelerator with ATS
///     c0:02.0  root port ─ c1:00.0  storage
///     c0:03.0  root port ─ (empty slot c2:00.0, for hot-plugging)
///
/// Root ports and the switch's downstream ports have ACS. ATS is reported for the root ports
/// 40:02.0 and 80:02.0. The first two buses are proximity domain 0, the others 1. In the ACPI
/// namespace the host bridges are \_SB.PC00, PC40, PC80 and PCC0.
machine_config server_machine();

/// The tables behind the two, for reading.
dmar_description q35_dmar(const q35_options& options,
                          const std::vector<pci_function_config>& functions);
dmar_description server_dmar();

/// "q35", "q35-7.2" or "server"; nothing for another name.
std::optional<machine_config> builtin_machine(std::string_view name);
/// The names, sorted.
std::vector<std::string_view> builtin_machine_names();

}  // namespace iommulab
