// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/machine_endpoints.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "platform/endpoints/edu.h"
#include "platform/endpoints/nic.h"
#include "platform/endpoints/nvme.h"
#include "platform/machine/builtin.h"
#include "platform/pci/function_builder.h"

namespace iommulab {
namespace {

constexpr source_id slot(uint8_t bus, unsigned device) {
  return {0, bus, pci_devfn(device, 0)};
}

/// A machine with its bus, without units.
struct assembled {
  explicit assembled(machine_config machine) : config(std::move(machine)) {
    auto made = physical_memory::create(config.memory);
    EXPECT_TRUE(made.ok()) << made.status();
    memory = std::move(*made);
    auto hardware = pci_machine::create(config.pci_roots, config.pci_functions);
    EXPECT_TRUE(hardware.ok()) << hardware.status();
    pci = std::move(*hardware);
    bus = std::make_unique<dma_bus>(*memory, interrupts, *pci, std::vector<vtd_unit*>(),
                                    unit_of_slot());
    auto all = machine_endpoints::create(config, *bus, clock, mmio);
    status = all.status();
    if (all.ok()) endpoints = std::move(*all);
  }

  machine_config config;
  virtual_clock clock;
  interrupt_controller interrupts;
  mmio_space mmio;
  std::unique_ptr<physical_memory> memory;
  std::unique_ptr<pci_machine> pci;
  std::unique_ptr<dma_bus> bus;
  std::unique_ptr<machine_endpoints> endpoints;
  absl::Status status;
};

machine_config q35_with(const std::vector<function_builder>& more) {
  machine_config machine = q35_machine();
  for (const function_builder& function : more) machine.pci_functions.push_back(function.build());
  return machine;
}

TEST(machine_endpoints, are_made_by_the_ids_of_the_functions) {
  const assembled m(q35_with({
      function_builder(slot(0, 8), 0x8086, 0x100e, 0x020000).memory_bar(0, 0xfd000000, 0x20000),
      function_builder(slot(0, 9), 0x1b36, 0x0010, 0x010802).memory_bar_64(0, 0xfd100000, 0x4000),
      function_builder(slot(0, 10), hostile_vendor_id, hostile_device_id, 0x00ff00),
  }));
  ASSERT_TRUE(m.status.ok()) << m.status;
  EXPECT_NE(m.endpoints->find<edu>(slot(0, 4)), nullptr);
  EXPECT_NE(m.endpoints->find<nic>(slot(0, 8)), nullptr);
  EXPECT_NE(m.endpoints->find<nvme>(slot(0, 9)), nullptr);
  EXPECT_NE(m.endpoints->find_hostile(slot(0, 10)), nullptr);
  EXPECT_EQ(m.endpoints->find<edu>(slot(0, 8)), nullptr) << "it is a nic";
  EXPECT_EQ(m.endpoints->find<nic>(slot(0, 5)), nullptr) << "an e1000e is no 8254x";
  EXPECT_EQ(m.endpoints->find_hostile(slot(0, 4)), nullptr);
}

TEST(machine_endpoints, answer_where_the_first_base_address_points) {
  assembled m(server_machine());
  ASSERT_TRUE(m.status.ok()) << m.status;
  // Storage behind the switch, with a base address of 64 bits.
  ASSERT_NE(m.endpoints->find<nvme>(slot(4, 0)), nullptr);
  const auto window = m.mmio.map(phys_addr(0x90200000), nvme::window);
  EXPECT_EQ(window->device_name(), "nvme 0000:04:00.0");
  EXPECT_EQ(window->read32(0x08), 0x00010100u) << "NVM Express 1.1";
  EXPECT_EQ(m.endpoints->find<nvme>(slot(0xc2, 0)), nullptr) << "an empty slot";
}

TEST(machine_endpoints, an_edu_has_the_mask_that_its_property_gives) {
  machine_config machine = q35_machine();
  machine.edus = {{slot(0, 4), 0xffff}};
  assembled m(machine);
  ASSERT_TRUE(m.status.ok()) << m.status;
  m.pci->slot(slot(0, 4))->write16(4, 0x6);
  *m.memory->at(phys_addr(0x5678), 1) = std::byte{0x5a};
  edu& device = *m.endpoints->find<edu>(slot(0, 4));
  device.start_transfer(
      {.source = 0x12345678, .destination = edu::buffer_address, .count = 1, .command = 1});
  m.clock.advance(edu::transfer_ns);
  EXPECT_EQ(device.buffer()[0], std::byte{0x5a}) << "read at 5678h";
}

TEST(machine_endpoints, two_windows_may_not_overlap) {
  const assembled m(q35_with({
      function_builder(slot(0, 8), 0x8086, 0x100e, 0x020000).memory_bar(0, 0xfea00000, 0x20000),
  }));
  EXPECT_FALSE(m.status.ok()) << "the edu's registers are there";
}

}  // namespace
}  // namespace iommulab
