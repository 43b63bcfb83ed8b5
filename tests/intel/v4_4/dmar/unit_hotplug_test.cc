// SPDX-License-Identifier: GPL-2.0-only
//
// Units that come and go while the system runs: dmar_device_add() and dmar_device_remove() (Linux
// v4.4 drivers/iommu/dmar.c; VT-d specification 8.8). The _DSM of a test returns structures that
// it built itself.
#include <cerrno>

#include "intel/dmar/hotplug.h"
#include "intel/dmar/table.h"
#include "intel/expect.h"
#include "support/device_of_acpi.h"
#include "support/v4_4/system.h"

namespace iommulab::test::unit_hotplug_test {
namespace {

using linux_4_4::system;

constexpr uint64_t second_base = 0xfeda0000;
constexpr source_id in_scope = at(0, 4);
constexpr source_id port = at(0, 5);

// A system whose table names one unit while its hardware has two, booted. Of its functions, one and
// a root port are pulled out and found again by the tests.
struct unit_hotplug : testing::Test {
  unit_hotplug() {
    small_machine machine;
    machine.add_unit(second_base);
    machine.add_function(plain_function(in_scope, 0x8086, 0x10d3, 0x020000));
    machine.add_function(function_builder(port, 0x8086, 0x3420, 0x060400)
                             .bridge(0, 1, 1)
                             .express(pci_exp_type::root_port, 0x40)
                             .build());
    machine.table = dmar_builder(39).add_drhd(1, 0, small_unit_base).finish();
    s = std::make_unique<system>(machine.build());
    s->boot();
    s->k().finish_boot();
    plugged.functions[dmar_dsm_function::drhd] =
        structures(dmar_builder(39).add_drhd(0, 1, second_base));
  }

  [[nodiscard]] size_t known_units() const { return s->driver().dmar_drhd_units.size(); }
  [[nodiscard]] bool translating(size_t unit) {
    return (s->unit(unit).peek(vtd_register::gsts) & te) != 0;
  }

  void pull_out(source_id id) { set("bus/pci/devices/" + to_string(id) + "/remove"); }
  void rescan() { set("bus/pci/rescan"); }
  void set(const std::string& file) { ASSERT_TRUE(s->k().sysfs().write(file, "1").ok()) << file; }

  std::unique_ptr<system> s;
  device_of_acpi plugged;
};

TEST_F(unit_hotplug, a_unit_that_is_added_translates_and_has_a_class_device) {
  ASSERT_EQ(s->outcome.intel_iommu_init, 0);
  ASSERT_FALSE(translating(1));
  EXPECT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  EXPECT_EQ(known_units(), 2u);
  EXPECT_TRUE(translating(1));
  EXPECT_TRUE(s->k().sysfs().exists("class/iommu/dmar1"));
  // intel_iommu_add(): root pointer, then both global invalidations, then translation.
  EXPECT_EQ(s->written(0x20, "dmar1").size(), 1u);
  EXPECT_EQ(s->descriptors("dmar1").size(), 2u);
  EXPECT_TRUE(s->log_contains("dmar1: reg_base_addr feda0000"));
}

TEST_F(unit_hotplug, a_unit_that_is_removed_leaves_nothing) {
  const uint64_t pages = s->k().pages().live_pages();
  const int64_t objects = s->k().slab().live();
  ASSERT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  EXPECT_GT(s->k().pages().live_pages(), pages);
  EXPECT_EQ(dmar_device_remove(s->driver(), plugged.dsm()), 0);
  EXPECT_EQ(known_units(), 1u);
  EXPECT_FALSE(translating(1));
  EXPECT_EQ(s->k().pages().live_pages(), pages);
  EXPECT_EQ(s->k().slab().live(), objects);
  EXPECT_FALSE(s->k().sysfs().exists("class/iommu/dmar1"));
  // Sequence ids are given out again.
  EXPECT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  EXPECT_TRUE(s->k().sysfs().exists("class/iommu/dmar1"));
}

TEST_F(unit_hotplug, every_allocation_may_fail_and_nothing_stays) {
  const uint64_t pages = s->k().pages().live_pages();
  const int64_t objects = s->k().slab().live();
  constexpr uint64_t enough = 40;
  unsigned failures = 0;
  for (uint64_t n = 1; n <= enough; ++n) {
    for (const bool page : {true, false}) {
      page ? s->k().pages().fail_at(n) : s->k().slab().fail_at(n);
      const int ret = dmar_device_add(s->driver(), plugged.dsm());
      s->k().pages().fail_at(0);
      s->k().slab().fail_never();
      if (ret != 0) {
        ++failures;
      } else {
        ASSERT_EQ(known_units(), 2u);
        ASSERT_TRUE(translating(1));
        ASSERT_EQ(dmar_device_remove(s->driver(), plugged.dsm()), 0);
      }
      ASSERT_EQ(s->k().pages().live_pages(), pages) << "page " << page << " " << n;
      ASSERT_EQ(s->k().slab().live(), objects) << "page " << page << " " << n;
      ASSERT_EQ(known_units(), 1u);
      ASSERT_FALSE(translating(1));
    }
  }
  EXPECT_GT(failures, 3u);
  EXPECT_TRUE(s->k().pages().diagnoses().empty());
}

// dmar_parse_one_drhd() and intel_iommu_add() find the unit there already; one that is not there
// has nothing to remove.
TEST_F(unit_hotplug, adding_and_removing_twice_does_nothing_more) {
  ASSERT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  const uint64_t pages = s->k().pages().live_pages();
  s->events().clear();
  EXPECT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  EXPECT_EQ(known_units(), 2u);
  EXPECT_TRUE(translating(1));
  EXPECT_EQ(s->k().pages().live_pages(), pages);
  EXPECT_TRUE(s->written(r_gcmd, "dmar1").empty());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(dmar_device_remove(s->driver(), plugged.dsm()), 0);
    EXPECT_EQ(known_units(), 1u);
  }
}

// dmar_validate_one_drhd() comes first: a base where nothing answers but all ones is refused.
TEST_F(unit_hotplug, a_unit_that_is_not_there_is_refused) {
  plugged.functions[dmar_dsm_function::drhd] = structures(dmar_builder(39).add_drhd(0, 1, 0));
  EXPECT_EQ(dmar_device_add(s->driver(), plugged.dsm()), -EINVAL);
  EXPECT_EQ(known_units(), 1u);
  EXPECT_EQ(s->driver().diagnoses.back().id, table_refusal::drhd_base_zero);
}

// The walk takes only the structure that the function is for; others have no handler.
TEST_F(unit_hotplug, another_structure_than_the_functions_is_refused) {
  plugged.functions[dmar_dsm_function::drhd] =
      structures(dmar_builder(39).add_rmrr(0, 0x1000, 0x1fff));
  EXPECT_EQ(dmar_device_add(s->driver(), plugged.dsm()), -EINVAL);
  EXPECT_TRUE(s->log_contains("No handler for DMAR structure type 1"));
}

TEST_F(unit_hotplug, a_buffer_without_a_unit_is_said_and_does_nothing) {
  plugged.functions[dmar_dsm_function::drhd] = {};
  EXPECT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  EXPECT_TRUE(s->log_contains("No DRHD structures in buffer returned by _DSM method"));
}

TEST_F(unit_hotplug, root_ports_with_ats_come_and_go_with_it) {
  plugged.functions[dmar_dsm_function::atsr] = structures(dmar_builder(39).add_atsr(1, 1));
  ASSERT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  EXPECT_EQ(s->driver().dmar_atsr_units.size(), 1u);
  EXPECT_EQ(dmar_device_remove(s->driver(), plugged.dsm()), 0);
  EXPECT_TRUE(s->driver().dmar_atsr_units.empty());
}

// dmar_hp_remove_drhd(): what a unit is for goes before it does. Both of its structures stay.
TEST_F(unit_hotplug, a_unit_with_a_device_in_its_scope_is_not_removed) {
  const dmar_scope_spec scope[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  plugged.functions[dmar_dsm_function::drhd] =
      structures(dmar_builder(39).add_drhd(0, 0, second_base, scope));
  plugged.functions[dmar_dsm_function::atsr] = structures(dmar_builder(39).add_atsr(1, 1));
  pull_out(in_scope);
  ASSERT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  rescan();
  EXPECT_EQ(dmar_device_remove(s->driver(), plugged.dsm()), -EBUSY);
  EXPECT_EQ(known_units(), 2u);
  EXPECT_EQ(s->driver().dmar_atsr_units.size(), 1u);
  EXPECT_TRUE(translating(1));

  pull_out(in_scope);
  EXPECT_EQ(dmar_device_remove(s->driver(), plugged.dsm()), 0);
  EXPECT_EQ(known_units(), 1u);
  EXPECT_FALSE(translating(1));
}

// dmar_check_one_atsr(): the same of root ports.
TEST_F(unit_hotplug, a_unit_whose_root_port_is_there_is_not_removed) {
  const dmar_scope_spec scope[] = {dmar_scope_spec::bridge(0, {{5, 0}})};
  plugged.functions[dmar_dsm_function::atsr] = structures(dmar_builder(39).add_atsr(0, 0, scope));
  pull_out(port);
  ASSERT_EQ(dmar_device_add(s->driver(), plugged.dsm()), 0);
  rescan();
  EXPECT_EQ(dmar_device_remove(s->driver(), plugged.dsm()), -EBUSY);
  EXPECT_EQ(known_units(), 2u);
  EXPECT_TRUE(translating(1));
  pull_out(port);
  EXPECT_EQ(dmar_device_remove(s->driver(), plugged.dsm()), 0);
  EXPECT_TRUE(s->driver().dmar_atsr_units.empty());
  EXPECT_EQ(known_units(), 1u);
}

struct newcomer {
  const char* lacks;
  vtd::cap_register cap;
  vtd::ecap_register ecap;
};

// intel_iommu_add(): domains that there are count on what all units had so far. The first unit here
// passes addresses through, controls snooping, and has pages of 1 GiB.
TEST(unit_hotplug_refused, a_unit_that_lacks_what_domains_count_on) {
  const auto all = [] { return default_ecap().set_pass_through(true).set_snoop_control(true); };
  const auto pages = [](uint8_t sizes) { return default_cap().set_super_pages(sizes); };
  const newcomer newcomers[] = {
      {"", pages(0b0011), all()},
      {"", pages(0b0010), all()},
      {"hardware pass through", pages(0b0011), all().set_pass_through(false)},
      {"snooping", pages(0b0011), all().set_snoop_control(false)},
      {"large page", pages(0b0001), all()},
      {"large page", pages(0), all()},
  };
  for (const newcomer& c : newcomers) {
    small_machine machine;
    machine.set_cap(pages(0b0011)).set_ecap(all());
    machine.add_unit(second_base, c.cap, c.ecap);
    machine.table = dmar_builder(39).add_drhd(1, 0, small_unit_base).finish();
    system s(machine.build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    device_of_acpi plugged;
    plugged.functions[dmar_dsm_function::drhd] =
        structures(dmar_builder(39).add_drhd(0, 1, second_base));
    const bool fits = std::string_view(c.lacks).empty();
    EXPECT_EQ(dmar_device_add(s.driver(), plugged.dsm()), fits ? 0 : -ENXIO) << c.lacks;
    EXPECT_EQ(s.driver().dmar_drhd_units.size(), fits ? 2u : 1u);
    EXPECT_EQ((s.unit(1).peek(vtd_register::gsts) & te) != 0, fits);
    const std::string line = "DMAR: dmar1: Doesn't support " + std::string(c.lacks) + ".";
    EXPECT_EQ(s.logged(line), fits ? 0 : 1) << s.log_text();
  }
}

// VT-d 6.8 (CAP.RWBF); intel_iommu_add() has one flush, behind the queue and before the root table.
TEST(unit_hotplug_write_buffer, is_flushed_once_where_the_capability_asks_for_it) {
  for (const bool required : {true, false}) {
    small_machine machine;
    machine.add_unit(second_base, default_cap().set_required_write_buffer_flush(required),
                     default_ecap());
    machine.table = dmar_builder(39).add_drhd(1, 0, small_unit_base).finish();
    system s(machine.build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    device_of_acpi plugged;
    plugged.functions[dmar_dsm_function::drhd] =
        structures(dmar_builder(39).add_drhd(0, 1, second_base));
    ASSERT_EQ(dmar_device_add(s.driver(), plugged.dsm()), 0);
    constexpr uint64_t flush = uint64_t{1} << 27;
    constexpr uint64_t set_root_table = uint64_t{1} << 30;
    std::vector<uint64_t> seen;
    for (const uint64_t value : s.written(0x18, "dmar1")) {
      if ((value & (flush | set_root_table)) != 0) seen.push_back(value & (flush | set_root_table));
    }
    EXPECT_EQ(seen,
              required ? std::vector({flush, set_root_table}) : std::vector({set_root_table}));
  }
}

// dmar_in_use(): with remapping off nothing is looked at.
TEST(unit_hotplug_off, does_nothing) {
  small_machine machine;
  machine.add_unit(second_base);
  machine.table = dmar_builder(39).add_drhd(1, 0, small_unit_base).finish();
  system s(machine.build(), "intel_iommu=off");
  s.boot();
  s.k().finish_boot();
  EXPECT_EQ(dmar_device_add(s.driver(),
                            [](dmar_dsm_function) -> std::optional<std::vector<uint8_t>> {
                              ADD_FAILURE() << "the _DSM was asked";
                              return std::nullopt;
                            }),
            0);
}

}  // namespace
}  // namespace iommulab::test::unit_hotplug_test
