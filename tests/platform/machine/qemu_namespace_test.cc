// SPDX-License-Identifier: GPL-2.0-only
//
// The lists here are of the DSDTs that QEMU 7.2 gives the recorded machines, as iasl disassembles
// them (20e4h bytes for boot/default, 3c92h for boot/bridges: the lengths in the recorded logs).
#include "platform/machine/qemu_namespace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/machine/builtin.h"
#include "platform/machine/capture_loader.h"
#include "support/golden.h"

namespace iommulab {
namespace {

using ::testing::UnorderedElementsAreArray;

/// "\_SB.PCI0 PNP0A08" for each device that the DSDT declares.
std::vector<std::string> devices_of_dsdt(const std::vector<acpi_object>& objects) {
  std::vector<std::string> lines;
  for (const acpi_object& object : objects) {
    const bool predefined = object.path.find('.') == std::string::npos;
    if (predefined || object.type == acpi_object::kind::other) continue;
    lines.push_back(object.path);
    if (!object.hardware_id.empty()) lines.back() += " " + object.hardware_id;
  }
  return lines;
}

std::vector<std::string> with_each(const std::vector<std::string>& fixed,
                                   const std::vector<std::string>& more) {
  std::vector<std::string> all = fixed;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

const std::vector<std::string>& on_every_q35() {
  static const std::vector<std::string> devices = {
      R"(\_SB.PCI0 PNP0A08)",
      R"(\_SB.DRAC PNP0C01)",
      R"(\_SB.LNKA PNP0C0F)",
      R"(\_SB.LNKB PNP0C0F)",
      R"(\_SB.LNKC PNP0C0F)",
      R"(\_SB.LNKD PNP0C0F)",
      R"(\_SB.LNKE PNP0C0F)",
      R"(\_SB.LNKF PNP0C0F)",
      R"(\_SB.LNKG PNP0C0F)",
      R"(\_SB.LNKH PNP0C0F)",
      R"(\_SB.GSIA PNP0C0F)",
      R"(\_SB.GSIB PNP0C0F)",
      R"(\_SB.GSIC PNP0C0F)",
      R"(\_SB.GSID PNP0C0F)",
      R"(\_SB.GSIE PNP0C0F)",
      R"(\_SB.GSIF PNP0C0F)",
      R"(\_SB.GSIG PNP0C0F)",
      R"(\_SB.GSIH PNP0C0F)",
      R"(\_SB.HPET PNP0103)",
      R"(\_SB.PCI0.PRES PNP0A06)",
      R"(\_SB.CPUS ACPI0010)",
      R"(\_SB.CPUS.C000)",
      R"(\_SB.PCI0.GPE0 PNP0A06)",
      R"(\_SB.PCI0.PHPR PNP0A06)",
      R"(\_SB.PCI0.FWCF QEMU0002)",
      R"(\_SB.PCI0.S00)",
      R"(\_SB.PCI0.S20)",
      R"(\_SB.PCI0.S28)",
      R"(\_SB.PCI0.SF8)",
      R"(\_SB.PCI0.SF8.PEVT QEMU0001)",
      R"(\_SB.PCI0.SF8.KBD PNP0303)",
      R"(\_SB.PCI0.SF8.MOU PNP0F13)",
      R"(\_SB.PCI0.SF8.COM2 PNP0501)",
      R"(\_SB.PCI0.SF8.COM1 PNP0501)",
      R"(\_SB.PCI0.SF8.RTC PNP0B00)",
      R"(\_SB.PCI0.SFB)",
  };
  return devices;
}

TEST(q35_namespace, has_the_devices_of_the_default_machine) {
  const machine_config machine = q35_machine();
  EXPECT_THAT(devices_of_dsdt(machine.acpi_namespace), UnorderedElementsAreArray(on_every_q35()));
}

TEST(q35_namespace, has_a_device_for_each_slot_that_can_be_named_behind_bridges) {
  const std::string capture = (golden::root() / "kernel/v4_4/boot/bridges").string();
  if (!std::filesystem::is_directory(capture)) IOMMULAB_MISSING("no capture " << capture);
  const auto machine = load_capture(capture);
  ASSERT_TRUE(machine.ok()) << machine.status();
  std::vector<std::string> behind = {
      R"(\_SB.PCI0.S10)",         R"(\_SB.PCI0.S10.S00)",
      R"(\_SB.PCI0.S10.S00.S00)", R"(\_SB.PCI0.S10.S00.S00.S00)",
      R"(\_SB.PCI0.S10.S00.S08)", R"(\_SB.PCI0.S10.S00.S08.S00)",
      R"(\_SB.PCI0.S11)",         R"(\_SB.PCI0.S11.S00)",
      R"(\_SB.PCI0.S12)",         R"(\_SB.PCI0.S12.S00)",
  };
  for (const char* conventional : {R"(\_SB.PCI0.S11.S00)", R"(\_SB.PCI0.S28)"}) {
    for (unsigned device = 0; device < 32; ++device) {
      behind.push_back(absl::StrFormat("%s.S%02X", conventional, device * 8));
    }
  }
  EXPECT_EQ(behind.size() + on_every_q35().size(), 110u);
  EXPECT_THAT(devices_of_dsdt(machine->acpi_namespace),
              UnorderedElementsAreArray(with_each(on_every_q35(), behind)));
}

TEST(q35_namespace, a_slot_is_named_after_its_place) {
  size_t slots = 0;
  for (const acpi_object& object : q35_machine().acpi_namespace) {
    if (!object.function) continue;
    ++slots;
    EXPECT_EQ(object.path.substr(object.path.size() - 3),
              absl::StrFormat("S%02X", object.function->devfn));
  }
  EXPECT_EQ(slots, 5u);
}

}  // namespace
}  // namespace iommulab
