// SPDX-License-Identifier: GPL-2.0-only
//
// ANDD structures: a unit's scope names a device by a number, the ANDD says which object of the
// ACPI namespace that is (VT-d specification 8.7; Linux v4.4 drivers/iommu/dmar.c:
// dmar_acpi_dev_scope_init()).
#include "intel/expect.h"
#include "intel/v4_4/driver.h"
#include "support/v4_4/system.h"

namespace iommulab::test::acpi_scope_test {
namespace {

using linux_4_4::system;

constexpr source_id in_scope = at(0, 0x1e, 5);
constexpr source_id host_bridge = at(0, 0);

/// A machine whose unit has in its scope, as 00:1e.5, what `name` is.
machine_config machine_with_andd(std::string_view name, uint8_t scope_number = 1) {
  small_machine machine;
  machine.table = dmar_builder(39)
                      .add_drhd(1, 0, small_unit_base,
                                {dmar_scope_spec::namespace_device(
                                    scope_number, 0, {in_scope.device(), in_scope.function()})})
                      .add_andd(1, name)
                      .finish();
  machine_config built = machine.build();
  built.acpi_namespace = {
      {.path = "\\"},
      {.path = "\\_GPE", .type = acpi_object::kind::other},
      {.path = "\\_SB"},
      {.path = "\\_SB.PCI0", .hardware_id = "PNP0A08", .root_bus = source_id{0, 0, 0}},
      {.path = "\\_SB.PCI0.S18", .function = nic},
      {.path = "\\_SB.COM1", .hardware_id = "PNP0501"},
  };
  return built;
}

int lines_of_scope(const system& s) {
  int lines = 0;
  for (const std::string& line : s.log()) {
    const bool of_scope = line.find("ACPI device \"") != std::string::npos ||
                          line.find("for ACPI object") != std::string::npos ||
                          line.find("ANDD enumeration") != std::string::npos;
    lines += of_scope ? 1 : 0;
  }
  return lines;
}

TEST(acpi_scope, an_andd_that_names_a_device_puts_it_into_the_scope_of_its_unit) {
  system s(machine_with_andd("\\_SB.PCI0"));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: ACPI device \"PNP0A08:00\" under DMAR at fed90000 as 00:1e.5"), 1);
  EXPECT_EQ(lines_of_scope(s), 1);
  const dmar_drhd_unit& drhd = s.driver().dmar_drhd_units.front();
  ASSERT_EQ(drhd.devices.size(), 1u);
  EXPECT_EQ(drhd.devices[0].dev->name, "PNP0A08:00");
  EXPECT_FALSE(s.context_of(in_scope).present()) << "nothing is mapped for it yet";
}

TEST(acpi_scope, a_name_is_nothing_no_device_or_in_no_scope) {
  struct expectation {
    std::string_view name;
    uint8_t scope_number;
    std::string_view line;
  };
  const expectation cases[] = {
      {"\\_SB.PCI0.ANDD", 1, "DMAR: Failed to find handle for ACPI object \\_SB.PCI0.ANDD"},
      {"\\_GPE", 1, "DMAR: Failed to get device for ACPI object \\_GPE"},
      {"\\_SB.COM1", 2, "DMAR: No IOMMU scope found for ANDD enumeration ID 1 (PNP0501:00)"},
  };
  for (const expectation& c : cases) {
    system s(machine_with_andd(c.name, c.scope_number));
    ASSERT_EQ(s.boot().intel_iommu_init, 0) << c.name;
    EXPECT_EQ(s.logged(c.line), 1) << s.log_text();
    EXPECT_EQ(lines_of_scope(s), 1);
  }
}

// dmar_acpi_insert_dev_scope() looks for a namespace device of the ANDD's number in every unit. The
// one with INCLUDE_ALL is walked last.
TEST(acpi_scope, the_number_is_found_among_other_scopes_and_units) {
  constexpr uint64_t second_base = 0xfeda0000;
  machine_config machine = machine_with_andd("\\_SB.PCI0");
  const dmar_scope_spec others[] = {dmar_scope_spec::endpoint(0, {{3, 0}}),
                                    dmar_scope_spec::namespace_device(2, 0, {0x1e, 1})};
  const dmar_scope_spec last[] = {
      dmar_scope_spec::hpet(1, 0, {0x1e, 4}), dmar_scope_spec::namespace_device(3, 0, {0x1e, 2}),
      dmar_scope_spec::namespace_device(1, 0, {in_scope.device(), in_scope.function()}),
      dmar_scope_spec::namespace_device(1, 0, {0x1e, 3})};
  machine.units.push_back(machine.units.front());
  machine.units.back().base = phys_addr(second_base);
  machine.dmar_table = dmar_builder(39)
                           .add_drhd(0, 0, second_base, others)
                           .add_drhd(1, 0, small_unit_base, last)
                           .add_andd(1, "\\_SB.PCI0")
                           .finish();
  system s(machine);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: ACPI device \"PNP0A08:00\" under DMAR at fed90000 as 00:1e.5"), 1);
  EXPECT_EQ(lines_of_scope(s), 1);
}

// A name that leads to nothing keeps no other ANDD from being looked at.
TEST(acpi_scope, every_andd_is_looked_at) {
  machine_config machine = machine_with_andd("\\_SB.PCI0");
  const dmar_scope_spec scopes[] = {dmar_scope_spec::namespace_device(3, 0, {0x1e, 3}),
                                    dmar_scope_spec::namespace_device(4, 0, {0x1e, 4})};
  machine.dmar_table = dmar_builder(39)
                           .add_drhd(1, 0, small_unit_base, scopes)
                           .add_andd(1, "\\_SB.NONE")
                           .add_andd(2, "\\_GPE")
                           .add_andd(3, "\\_SB.PCI0")
                           .add_andd(4, "\\_SB.COM1")
                           .finish();
  system s(machine);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Failed to find handle for ACPI object \\_SB.NONE"), 1);
  EXPECT_EQ(s.logged("DMAR: Failed to get device for ACPI object \\_GPE"), 1);
  EXPECT_EQ(s.logged("DMAR: ACPI device \"PNP0A08:00\" under DMAR at fed90000 as 00:1e.3"), 1);
  EXPECT_EQ(s.logged("DMAR: ACPI device \"PNP0501:00\" under DMAR at fed90000 as 00:1e.4"), 1);
}

// iommu_prepare_static_identity_mapping(): it is the devices behind the object that are mapped,
// under the id that the scope gives the object.
TEST(acpi_scope, pass_through_covers_the_devices_whose_companion_is_named) {
  system s(machine_with_andd("\\_SB.PCI0"), "intel_iommu=on iommu=pt");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Hardware identity mapping for device pci0000:00"), 1);
  EXPECT_EQ(s.logged("DMAR: Hardware identity mapping for device PNP0A08:00"), 0);
  constexpr unsigned pass_through = 2;
  ASSERT_TRUE(s.context_of(in_scope).present());
  EXPECT_EQ(s.context_of(in_scope).type(), pass_through);
  EXPECT_TRUE(s.context_of(host_bridge).present());
}

TEST(acpi_scope, a_pci_function_is_found_under_its_own_id_whatever_its_object_is_called) {
  system s(machine_with_andd("\\_SB.PCI0.S18"), "intel_iommu=on iommu=pt");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: ACPI device \"device:00\" under DMAR at fed90000 as 00:1e.5"), 1);
  // Once as a function, once more as what the object stands for.
  EXPECT_EQ(s.logged("DMAR: Hardware identity mapping for device 0000:00:03.0"), 2);
  EXPECT_FALSE(s.context_of(in_scope).present());
}

TEST(acpi_scope, an_object_without_a_device_behind_it_has_nothing_to_map) {
  system s(machine_with_andd("\\_SB.COM1"), "intel_iommu=on iommu=pt");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: ACPI device \"PNP0501:00\" under DMAR at fed90000 as 00:1e.5"), 1);
  EXPECT_FALSE(s.context_of(in_scope).present());
}

}  // namespace
}  // namespace iommulab::test::acpi_scope_test
