// SPDX-License-Identifier: GPL-2.0-only
#include "core/acpi/acpi_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace iommulab {
namespace {

constexpr acpi_object::kind processor = acpi_object::kind::processor;
constexpr acpi_object::kind other = acpi_object::kind::other;

const std::vector<acpi_object>& objects() {
  static const std::vector<acpi_object> list = {
      {.path = "\\"},
      {.path = "\\_GPE", .type = other},
      {.path = "\\_SB"},
      {.path = "\\_SB.PCI0", .hardware_id = "PNP0A08", .root_bus = source_id{0, 0, 0}},
      {.path = "\\_SB.PCI0.S20", .function = source_id{0, 0, 0x20}},
      {.path = "\\_SB.PCI0.SF8", .function = source_id{0, 0, 0xf8}},
      {.path = "\\_SB.PCI0.SF8.COM1", .hardware_id = "PNP0501"},
      {.path = "\\_SB.PCI0.SF8.COM2", .hardware_id = "PNP0501"},
      {.path = "\\_SB.PCI0._CRS", .type = other},
      {.path = "\\_SB.C000", .type = processor},
      {.path = "\\_TZ"},
  };
  return list;
}

std::string device_name(const acpi_bus& bus, std::string_view path) {
  const acpi_bus::handle object = bus.acpi_get_handle(path);
  if (object == nullptr) return "no object";
  const acpi_device* device = bus.acpi_bus_get_device(object);
  return device == nullptr ? "no device" : device->dev.name;
}

TEST(acpi_bus, counts_the_devices_of_one_hardware_id_in_the_order_of_the_namespace) {
  const acpi_bus bus(objects());
  EXPECT_EQ(device_name(bus, "\\"), "LNXSYSTM:00");
  EXPECT_EQ(device_name(bus, "\\_SB"), "LNXSYBUS:00");
  EXPECT_EQ(device_name(bus, "\\_TZ"), "LNXSYBUS:01");
  EXPECT_EQ(device_name(bus, "\\_SB.PCI0"), "PNP0A08:00");
  EXPECT_EQ(device_name(bus, "\\_SB.PCI0.S20"), "device:00");
  EXPECT_EQ(device_name(bus, "\\_SB.PCI0.SF8"), "device:01");
  EXPECT_EQ(device_name(bus, "\\_SB.PCI0.SF8.COM1"), "PNP0501:00");
  EXPECT_EQ(device_name(bus, "\\_SB.PCI0.SF8.COM2"), "PNP0501:01");
  EXPECT_EQ(device_name(bus, "\\_SB.C000"), "LNXCPU:00");
}

TEST(acpi_bus, tells_a_name_that_is_no_device_from_one_that_is_nothing) {
  const acpi_bus bus(objects());
  EXPECT_EQ(device_name(bus, "\\_GPE"), "no device");
  EXPECT_EQ(device_name(bus, "\\_SB.PCI0._CRS"), "no device");
  EXPECT_EQ(device_name(bus, "\\_SB.PCI0.ANDD"), "no object");
  EXPECT_EQ(device_name(bus, "\\PCI0"), "no object") << "nothing is searched for further up";
}

TEST(acpi_bus, reads_names_as_the_interpreter_does) {
  const acpi_bus bus(objects());
  for (const char* name : {"\\_SB_.PCI0", "\\_sb.pci0", "_SB.PCI0", "\\\\_SB.PCI0"}) {
    EXPECT_EQ(device_name(bus, name), "PNP0A08:00") << name;
  }
  for (const char* name : {"", "^_SB.PCI0", "\\_SB.PCI00", "\\_SB..PCI0", "\\_SB.PCI0."}) {
    EXPECT_EQ(device_name(bus, name), "no object") << name;
  }
}

TEST(acpi_bus, knows_whose_companion_a_device_is) {
  const acpi_bus bus(objects());
  acpi_device* bridge = bus.find_root_bridge({0, 0, 0});
  ASSERT_NE(bridge, nullptr);
  EXPECT_EQ(bridge->dev.name, "PNP0A08:00");
  EXPECT_EQ(bridge->dev.acpi, bridge);
  EXPECT_EQ(bus.find_root_bridge({1, 0, 0}), nullptr);
  acpi_device* slot = bus.find_companion({0, 0, 0x20});
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(bus.find_companion({0, 0, 0x21}), nullptr);
  device function;
  acpi_bus::acpi_bind_one(function, *slot);
  EXPECT_EQ(function.companion, slot);
  EXPECT_THAT(slot->physical_nodes, testing::ElementsAre(&function));
}

}  // namespace
}  // namespace iommulab
