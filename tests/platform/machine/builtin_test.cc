// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/builtin.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "core/iommu/iommu.h"
#include "core/pci/pci.h"
#include "core/pci/registers.h"
#include "core/sysfs.h"
#include "golden_folder.h"
#include "platform/firmware/acpi_layout.h"
#include "platform/machine/capture_loader.h"
#include "platform/pci/config_bytes.h"
#include "support/golden.h"

namespace iommulab::builtin_test {
namespace {

namespace fs = std::filesystem;

using capability_list = std::vector<std::pair<unsigned, unsigned>>;

capability_list capabilities(const pci_function_config& f) {
  capability_list list;
  for_each_capability(f.config, [&](uint8_t id, uint16_t at) { list.emplace_back(id, at); });
  for_each_extended_capability(f.config,
                               [&](uint16_t id, uint16_t at) { list.emplace_back(id, at); });
  return list;
}

std::string default_capture() {
  return (golden::root() / "kernel/v4_4/boot/default").string();
}

TEST(q35, is_the_machine_of_the_default_capture) {
  if (!fs::is_directory(default_capture())) IOMMULAB_MISSING("no capture " << default_capture());
  const absl::StatusOr<machine_config> recorded = load_capture(default_capture());
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  const machine_config built = q35_machine({.table = q35_table::functions});
  EXPECT_EQ(built.pci_roots, recorded->pci_roots);
  ASSERT_EQ(built.pci_functions.size(), recorded->pci_functions.size());
  for (size_t i = 0; i < built.pci_functions.size(); ++i) {
    const pci_function_config& ours = built.pci_functions[i];
    const pci_function_config& theirs = recorded->pci_functions[i];
    const std::string name = to_string(theirs.id);
    EXPECT_EQ(ours.id, theirs.id);
    EXPECT_EQ(ours.config.size(), theirs.config.size()) << name;
    for (uint16_t at = 0; at < 0x40; ++at) {
      // The command register: the kernel's drivers switch bus mastering on.
      if (at == pci_reg::command || at == pci_reg::command + 1) continue;
      EXPECT_EQ(ours.config[at], theirs.config[at]) << name << " header byte " << std::hex << at;
    }
    EXPECT_EQ(capabilities(ours), capabilities(theirs)) << name;
    for (size_t r = 0; r < pci_num_resources; ++r) {
      EXPECT_EQ((*ours.resources)[r].start, (*theirs.resources)[r].start) << name << ' ' << r;
      EXPECT_EQ((*ours.resources)[r].end, (*theirs.resources)[r].end) << name << ' ' << r;
      EXPECT_EQ((*ours.resources)[r].flags, (*theirs.resources)[r].flags) << name << ' ' << r;
    }
  }
}

// One DRHD with INCLUDE_PCI_ALL and the I/O APIC's scope, as in a recorded table of that form; only
// who made the table differs.
TEST(q35, has_a_table_that_says_everything) {
  const std::filesystem::path table = golden::root() / "kernel/v4_4/firmware/r0/DMAR.bin";
  if (!fs::exists(table)) IOMMULAB_MISSING("no " << table);
  const auto recorded = golden::read_text(table);
  ASSERT_TRUE(recorded.ok());
  const machine_config built = q35_machine();
  EXPECT_EQ(built.name, "q35");
  ASSERT_EQ(built.dmar_table.size(), recorded->size());
  for (size_t at = 0; at < recorded->size(); ++at) {
    const bool of_maker = at == acpi_layout::checksum.offset ||
                          (at >= acpi_layout::oem_id.offset && at < acpi_layout::header_size);
    if (of_maker) continue;
    EXPECT_EQ(built.dmar_table[at], static_cast<uint8_t>((*recorded)[at])) << at;
  }
}

TEST(q35, has_the_memory_the_unit_and_the_table_of_the_default_capture) {
  if (!fs::is_directory(default_capture())) IOMMULAB_MISSING("no capture " << default_capture());
  const absl::StatusOr<machine_config> recorded = load_capture(default_capture());
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  const machine_config built = q35_machine({.table = q35_table::functions});
  const auto same = [](const std::vector<memory_range>& a, const std::vector<memory_range>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
      return x.start == y.start && x.length == y.length && x.type == y.type;
    });
  };
  EXPECT_TRUE(same(built.memory, recorded->memory));
  EXPECT_TRUE(same(built.firmware_map, recorded->firmware_map));
  ASSERT_EQ(built.units.size(), recorded->units.size());
  EXPECT_EQ(built.units[0].cap, recorded->units[0].cap);
  EXPECT_EQ(built.units[0].ecap, recorded->units[0].ecap);
  EXPECT_EQ(built.dmar_table, recorded->dmar_table);
  EXPECT_EQ(built.dmar_address, recorded->dmar_address);
  EXPECT_EQ(built.dmi.bios_version, recorded->dmi.bios_version);
}

/// The server, scanned.
struct server {
  machine_config config = server_machine();
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  std::unique_ptr<pci_machine> machine =
      pci_machine::create(config.pci_roots, config.pci_functions).value();
  pci_core pci{bus, *machine};

  server() {
    iommu_init(iommu);
    pci.request_acs();
    for (const pci_root& root : machine->roots()) pci.scan_root_bus(root.segment, root.bus);
  }
};

TEST(server, finds_every_function_that_is_plugged_in) {
  const server s;
  size_t present = 0;
  for (const pci_function_config& f : s.config.pci_functions) {
    EXPECT_EQ(s.pci.find(f.id) != nullptr, f.present) << to_string(f.id);
    present += f.present ? 1u : 0u;
  }
  EXPECT_EQ(s.bus.devices.size(), present);
  for (const log_line& line : s.env.log.lines()) {
    EXPECT_EQ(line.text.find("pci 0000:"), std::string::npos) << line.text;
  }
}

/// Walks a scope's path by the bridges' bus numbers.
pci_dev* named_by(const server& s, const dmar_scope_spec& scope) {
  uint8_t bus = scope.start_bus;
  pci_dev* found = nullptr;
  for (const auto& [dev, fn] : scope.path) {
    found = s.pci.find({0, bus, pci_devfn(dev, fn)});
    if (found == nullptr) return nullptr;
    bus = found->config->read8(pci_reg::secondary_bus);
  }
  return found;
}

TEST(server, its_table_names_functions_that_are_there_and_of_the_right_kind) {
  const server s;
  using dmar_layout::scope_type;
  const dmar_description table = server_dmar();
  const auto check = [&](const std::vector<dmar_scope_spec>& scopes) {
    for (const dmar_scope_spec& scope : scopes) {
      if (scope.type != scope_type::pci_endpoint && scope.type != scope_type::pci_sub_hierarchy) {
        continue;
      }
      const pci_dev* pdev = named_by(s, scope);
      ASSERT_NE(pdev, nullptr) << static_cast<int>(scope.start_bus);
      EXPECT_EQ(pdev->hdr_type == pci_header_type::bridge,
                scope.type == scope_type::pci_sub_hierarchy)
          << pdev->dev.name;
    }
  };
  for (const auto& u : table.units) check(u.scopes);
  for (const auto& r : table.regions) check(r.scopes);
  for (const auto& a : table.ats) check(a.scopes);
  ASSERT_EQ(table.units.size(), 4u);
  EXPECT_EQ(std::count_if(table.units.begin(), table.units.end(),
                          [](const dmar_unit& u) { return u.include_all; }),
            1);
  for (size_t i = 0; i < table.units.size(); ++i) {
    EXPECT_EQ(table.units[i].base, s.config.units[i].base);
  }
  EXPECT_EQ(table.affinities.size(), table.units.size());
}

TEST(server, its_reserved_regions_lie_in_reserved_memory) {
  const machine_config config = server_machine();
  for (const dmar_reserved_region& region : server_dmar().regions) {
    const bool inside =
        std::any_of(config.memory.begin(), config.memory.end(), [&](const memory_range& m) {
          return m.type == memory_range::kind::reserved && m.start <= region.first &&
                 region.last.value() < m.end();
        });
    EXPECT_TRUE(inside) << std::hex << region.first.value();
  }
}

TEST(server, its_windows_hold_what_is_behind_them) {
  const server s;
  constexpr size_t memory_window = 14;
  s.pci.for_each_pci_dev([&](pci_dev& pdev) {
    const pci_dev* above = pdev.bus->self;
    for (size_t i = 0; i < pdev.resource.size() && above != nullptr; ++i) {
      const pci_resource& r = pdev.resource[i];
      if ((r.flags & ioresource_mem) == 0) continue;
      EXPECT_GE(r.start, above->resource[memory_window].start) << pdev.dev.name << ' ' << i;
      EXPECT_LE(r.end, above->resource[memory_window].end) << pdev.dev.name << ' ' << i;
    }
  });
}

TEST(builtin, tables_have_a_sound_checksum_and_length) {
  for (const std::string_view name : builtin_machine_names()) {
    const auto machine = builtin_machine(name);
    ASSERT_TRUE(machine.has_value()) << name;
    EXPECT_EQ(machine->name, name);
    const std::vector<uint8_t>& table = machine->dmar_table;
    EXPECT_EQ(std::accumulate(table.begin(), table.end(), 0u) & 0xff, 0u) << name;
    EXPECT_EQ(config_get(table, 4, 4), table.size()) << name;
    EXPECT_TRUE(std::any_of(machine->memory.begin(), machine->memory.end(),
                            [&](const memory_range& m) {
                              return m.start <= machine->dmar_address &&
                                     machine->dmar_address.value() + table.size() <= m.end();
                            }))
        << name << ": the table lies in memory";
  }
  EXPECT_FALSE(builtin_machine("toaster").has_value());
}

}  // namespace
}  // namespace iommulab::builtin_test
