// SPDX-License-Identifier: GPL-2.0-only
//
// The ACPI namespace as the kernel knows it: objects by name, and the devices that the kernel made
// of them.
//
// Invariant: the kernel names a device after its hardware id and a count of the devices before it
// that have the same one: "PNP0A08:00". The count follows the namespace's order, so that the order
// of the objects is part of the machine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/device.h"
#include "core/types.h"

namespace iommulab {

/// An object of the firmware's namespace, as far as an operating system can ask for it by name.
struct acpi_object {
  enum class kind : uint8_t {
    device,
    processor,
    other,  ///< a scope, a method, a value: a name that no device belongs to
  };
  std::string path;  ///< absolute: "\_SB.PCI0"
  kind type = kind::device;
  std::string hardware_id{};            ///< _HID, or the first _CID: "PNP0A08"; empty for none
  std::optional<source_id> root_bus{};  ///< a host bridge's segment and first bus (_SEG, _BBN)
  std::optional<source_id> function{};  ///< the PCI function that _ADR names, present or not
};

/// Linux v4.4: struct acpi_device
struct acpi_device {
  const acpi_object& object;
  device dev;
  std::vector<device*> physical_nodes;  ///< whose companion it is; not owned
};

class acpi_bus {
 public:
  /// Which object; null for none.
  using handle = const acpi_object*;

  /// Makes the devices of `objects`, which are in the namespace's order and outlive the bus.
  /// Linux v4.4 drivers/acpi/scan.c: acpi_bus_scan(), acpi_device_add()
  explicit acpi_bus(absl::Span<const acpi_object> objects);
  acpi_bus(const acpi_bus&) = delete;
  acpi_bus& operator=(const acpi_bus&) = delete;

  /// The object of this name, which counts from the root. As for the interpreter case does not
  /// matter, nor do underscores that fill a segment up to four characters.
  /// Linux v4.4 drivers/acpi/acpica/nsxfname.c: acpi_get_handle(ACPI_ROOT_OBJECT, …)
  [[nodiscard]] handle acpi_get_handle(std::string_view pathname) const;
  /// The device that was made of an object; null for an object that is none.
  [[nodiscard]] acpi_device* acpi_bus_get_device(handle object) const;

  /// Makes `companion` the one of `dev`. Linux v4.4 drivers/acpi/glue.c: acpi_bind_one()
  static void acpi_bind_one(device& dev, acpi_device& companion);
  /// The device of the host bridge of a root bus, or of a function; null for none.
  [[nodiscard]] acpi_device* find_root_bridge(source_id root_bus) const;
  [[nodiscard]] acpi_device* find_companion(source_id function) const;

 private:
  void acpi_device_add(const acpi_object& object);

  std::map<std::string, handle, std::less<>> names_;  ///< by the interpreter's form of the name
  std::map<handle, std::unique_ptr<acpi_device>> devices_;
  // The first in the namespace where several name one function or bus.
  absl::flat_hash_map<source_id, acpi_device*> functions_;
  absl::flat_hash_map<source_id, acpi_device*> root_bridges_;
  std::map<std::string, unsigned> instances_;  ///< acpi_bus_id_list: how many of each hardware id
};

}  // namespace iommulab
