// SPDX-License-Identifier: GPL-2.0-only
#include "platform/pci/pci_function.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "core/pci/registers.h"
#include "pci/random_tree.h"
#include "platform/pci/function_builder.h"
#include "platform/pci/pci_machine.h"

namespace iommulab::pci_function_test {
namespace {

constexpr source_id here{0, 0, pci_devfn(1, 0)};

TEST(pci_function, a_memory_bar_answers_the_size_probe_and_takes_a_new_address) {
  pci_function f(
      function_builder(here, 1, 1, 0xff0000).memory_bar(0, 0xfea00000, 0x100000).build());
  EXPECT_EQ(f.read32(0x10), 0xfea00000);
  f.write32(0x10, 0xffffffff);
  EXPECT_EQ(f.read32(0x10), 0u - 0x100000u);
  f.write32(0x10, 0xd0000000);
  EXPECT_EQ(f.read32(0x10), 0xd0000000);
  f.write32(0x14, 0xffffffff);
  EXPECT_EQ(f.read32(0x14), 0u) << "a register that is not there";
}

TEST(pci_function, a_64_bit_bar_keeps_its_type_bits) {
  constexpr uint64_t size = uint64_t{8} << 30;
  pci_function f(
      function_builder(here, 1, 1, 0xff0000).memory_bar_64(2, 0x380000000000, size, true).build());
  f.write32(0x18, 0xffffffff);
  f.write32(0x1c, 0xffffffff);
  EXPECT_EQ(f.read32(0x18), 0xcu) << "no address bit below 4 GiB, 64 bits, prefetchable";
  EXPECT_EQ(f.read32(0x1c), static_cast<uint32_t>((~(size - 1)) >> 32));
}

TEST(pci_function, an_io_bar_keeps_its_lowest_bit) {
  pci_function f(function_builder(here, 1, 1, 0xff0000).io_bar(1, 0xc040, 0x20).build());
  f.write32(0x14, 0xffffffff);
  EXPECT_EQ(f.read32(0x14), 0xffffffe1u);
}

TEST(pci_function, identity_and_status_are_read_only) {
  pci_function f(function_builder(here, 0x8086, 0x10d3, 0x020000).status(0x0200).build());
  for (const uint16_t reg : {pci_reg::vendor_id, pci_reg::device_id, pci_reg::status}) {
    const uint16_t before = f.read16(reg);
    f.write16(reg, 0xffff);
    EXPECT_EQ(f.read16(reg), before) << reg;
    f.write16(reg, 0);
    EXPECT_EQ(f.read16(reg), before) << reg;
  }
  f.write16(pci_reg::command, 0xffff);
  EXPECT_EQ(f.read16(pci_reg::command) & 0x0007, 7);
  EXPECT_EQ(f.read16(pci_reg::command) & 0xf800, 0) << "reserved";
}

TEST(pci_function, acs_control_takes_what_the_capability_offers) {
  pci_function f(function_builder(here, 1, 1, 0x060400).bridge(0, 1, 1).acs(0x100, 0x1d).build());
  EXPECT_EQ(f.size(), 4096);
  f.write16(0x106, 0xffff);
  EXPECT_EQ(f.read16(0x106), 0x1d);
  f.write16(0x104, 0);
  EXPECT_EQ(f.read16(0x104), 0x1d) << "the capability itself is fixed";
}

TEST(pci_function, a_bridge_takes_bus_numbers_and_windows_in_their_grain) {
  pci_function f(function_builder(here, 1, 1, 0x060400).bridge(0, 1, 1).build());
  f.write8(pci_reg::secondary_bus, 0x42);
  EXPECT_EQ(f.secondary_bus(), 0x42);
  f.write16(pci_reg::memory_base, 0x1234);
  EXPECT_EQ(f.read16(pci_reg::memory_base), 0x1230);
}

TEST(pci_function, reads_ones_while_absent_and_comes_back_as_after_reset) {
  pci_function f(function_builder(here, 0x8086, 1, 0xff0000).memory_bar(0, 0x1000, 0x1000).build());
  f.write32(0x10, 0x5000);
  f.set_present(false);
  EXPECT_EQ(f.read32(0), 0xffffffff);
  f.write32(0x10, 0x6000);
  f.set_present(true);
  EXPECT_EQ(f.read32(0x10), 0x1000u);
  EXPECT_EQ(f.read8(0x300), 0xff) << "beyond 256 bytes";
}

std::vector<pci_function_config> bridge_and_device() {
  return {function_builder({0, 0, pci_devfn(1, 0)}, 1, 1, 0x060400).bridge(0, 5, 6).build(),
          function_builder({0, 5, pci_devfn(0, 0)}, 1, 2, 0x060400).bridge(5, 6, 6).build(),
          function_builder({0, 6, pci_devfn(2, 0)}, 1, 3, 0xff0000).build()};
}

TEST(pci_machine, a_function_answers_under_the_number_that_its_bridge_has) {
  const auto machine = pci_machine::create({{0, 0}}, bridge_and_device()).value();
  EXPECT_TRUE(machine->answers({0, 6, pci_devfn(2, 0)}));
  machine->slot({0, 5, 0})->write8(pci_reg::secondary_bus, 9);
  EXPECT_FALSE(machine->answers({0, 6, pci_devfn(2, 0)}));
  EXPECT_TRUE(machine->answers({0, 9, pci_devfn(2, 0)}));
  EXPECT_EQ(machine->config({0, 9, pci_devfn(2, 0)})->read16(pci_reg::device_id), 3);
}

TEST(pci_machine, what_is_behind_an_absent_or_a_closed_bridge_does_not_answer) {
  const auto machine = pci_machine::create({{0, 0}}, bridge_and_device()).value();
  ASSERT_TRUE(machine->set_present({0, 0, pci_devfn(1, 0)}, false).ok());
  EXPECT_FALSE(machine->answers({0, 5, 0}));
  EXPECT_FALSE(machine->answers({0, 6, pci_devfn(2, 0)}));
  ASSERT_TRUE(machine->set_present({0, 0, pci_devfn(1, 0)}, true).ok());
  EXPECT_TRUE(machine->answers({0, 6, pci_devfn(2, 0)}));
  machine->slot({0, 0, pci_devfn(1, 0)})->write8(pci_reg::secondary_bus, 0);
  EXPECT_FALSE(machine->answers({0, 0, 0}));
  EXPECT_EQ(status_errno(machine->set_present({0, 3, 3}, true)), ENODEV);
}

TEST(pci_machine, keeps_segments_and_root_buses_apart) {
  const auto machine = pci_machine::create({{0, 0}, {0, 0x80}, {1, 0}},
                                           {function_builder({0, 0, 8}, 1, 1, 0xff0000).build(),
                                            function_builder({0, 0x80, 8}, 1, 2, 0xff0000).build(),
                                            function_builder({1, 0, 8}, 1, 3, 0xff0000).build()})
                           .value();
  EXPECT_EQ(machine->config({0, 0, 8})->read16(pci_reg::device_id), 1);
  EXPECT_EQ(machine->config({0, 0x80, 8})->read16(pci_reg::device_id), 2);
  EXPECT_EQ(machine->config({1, 0, 8})->read16(pci_reg::device_id), 3);
  EXPECT_EQ(machine->config({1, 0x80, 8}), nullptr);
}

TEST(pci_machine, names_what_cannot_be_wired) {
  const auto one = function_builder({0, 0, 8}, 1, 1, 0xff0000).build();
  const auto stray = function_builder({0, 7, 8}, 1, 1, 0xff0000).build();
  auto cut = one;
  cut.config.resize(100);
  const auto message = [](const std::vector<pci_function_config>& list) {
    return std::string(pci_machine::create({{0, 0}}, list).status().message());
  };
  EXPECT_EQ(message({one, stray}),
            "PCI function 0000:07:01.0: no root bus and no bridge leads to bus 07");
  EXPECT_EQ(message({one, one}), "PCI function 0000:00:01.0: the address is given twice");
  EXPECT_EQ(message({cut}),
            "PCI function 0000:00:01.0: 100 bytes of config space, not 256 or 4096");
}

/// Who answers at an address, by a search of all functions as they are at the moment.
const pci_function* found_by_search(const pci_machine& machine,
                                    const std::vector<pci_function_config>& configs, source_id id) {
  const std::vector<const pci_function*> all = machine.functions();
  const auto bridge_of = [&](const pci_function& f) -> const pci_function* {
    const pci_function_config* above = random_tree::bridge_above(configs, f.description().id);
    if (above == nullptr) return nullptr;
    return *std::find_if(all.begin(), all.end(), [&](const pci_function* other) {
      return other->description().id == above->id;
    });
  };
  for (const pci_function* f : all) {
    const source_id slot = f->description().id;
    const pci_function* const bridge = bridge_of(*f);
    const source_id now{slot.segment, bridge == nullptr ? slot.bus : bridge->secondary_bus(),
                        slot.devfn};
    bool reached = now == id && f->present();
    for (const pci_function* at = bridge; reached && at != nullptr; at = bridge_of(*at)) {
      reached = at->present() && at->secondary_bus() != 0;
    }
    if (reached) return f;
  }
  return nullptr;
}

TEST(pci_machine, answers_as_a_search_of_all_functions_would_whatever_happens_to_bridges) {
  random_tree::chance chance(1);
  for (int tree = 0; tree < 20; ++tree) {
    const auto configs = random_tree::functions(chance, 40);
    const auto machine = pci_machine::create(random_tree::roots(), configs).value();
    std::vector<source_id> bridges;
    for (const pci_function* f : machine->functions()) {
      if (f->is_bridge()) bridges.push_back(f->description().id);
    }
    size_t answers = 0;
    for (int step = 0; step < 40; ++step) {
      SCOPED_TRACE(absl::StrCat("tree ", tree, ", step ", step));
      pci_function& changed = *machine->slot(bridges[random_tree::pick(chance, bridges.size())]);
      if (!changed.present() || random_tree::pick(chance, 3) == 0) {
        changed.set_present(!changed.present());
      } else {
        changed.write8(pci_reg::secondary_bus, static_cast<uint8_t>(random_tree::pick(chance, 12)));
      }
      for (int look = 0; look < 40; ++look) {
        const source_id id{static_cast<uint16_t>(random_tree::pick(chance, random_tree::segments)),
                           static_cast<uint8_t>(random_tree::pick(chance, 12)),
                           static_cast<uint8_t>(random_tree::pick(chance, 16))};
        const pci_function* const expected = found_by_search(*machine, configs, id);
        ASSERT_EQ(machine->config(id), expected) << to_string(id);
        if (expected != nullptr) ++answers;
      }
    }
    EXPECT_NE(answers, 0u);
  }
}

}  // namespace
}  // namespace iommulab::pci_function_test
