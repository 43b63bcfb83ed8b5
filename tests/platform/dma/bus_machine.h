// SPDX-License-Identifier: GPL-2.0-only
//
// A bus with functions on it, in front of the unit of vtd/machine.h. Every function may master the
// bus unless a test says otherwise.
//
//     00:03.0  conventional
//     00:04.0  express, with MSI and, when asked for, ATS of depth 4
//     00:05.0  conventional bridge ─ 08:01.0
//     00:02.0  root port ─ 01:00.0 switch ─ 02:01.0 ─ 03:00.0
//     00:02.1  root port ─ 05:00.0 express to PCI ─ 06:01.0
//                                                 └ 06:02.0 conventional bridge ─ 07:03.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/irq/irq_vectors.h"
#include "platform/dma/dma_bus.h"
#include "platform/pci/function_builder.h"
#include "vtd/machine.h"

namespace iommulab::bus_test {

using namespace vtd_test;  // NOLINT(google-build-using-namespace): its words are this test's too

inline constexpr source_id slot(unsigned bus, unsigned device, unsigned function = 0) {
  return {0, static_cast<uint8_t>(bus), static_cast<uint8_t>(device << 3 | function)};
}
inline constexpr uint16_t memory_and_master = 0x6;
inline constexpr source_id plain = slot(0, 3);
inline constexpr source_id express = slot(0, 4);
inline constexpr uint8_t msi_at = 0x40;
inline constexpr uint8_t express_at = 0x80;
inline constexpr uint16_t ats_at = 0x100;

inline function_builder function_of(source_id where) {
  function_builder f(where, 0x1234, 0x11e8, 0x00ff00);
  f.memory_bar(0, 0xfe800000, 0x100000).command(memory_and_master);
  return f;
}
inline function_builder bridge_of(source_id where, uint8_t secondary, uint8_t subordinate) {
  function_builder f(where, 0x1b36, 0x000c, 0x060400);
  f.bridge(where.bus, secondary, subordinate).command(memory_and_master);
  return f;
}
inline pci_function_config port_of(source_id where, uint8_t secondary, uint8_t subordinate,
                                   pci_exp_type type) {
  return bridge_of(where, secondary, subordinate).express(type, express_at).build();
}

inline std::vector<pci_function_config> all_functions() {
  constexpr uint8_t msi_bytes = 0x18;
  function_builder with_all = function_of(express);
  with_all.capability(0x05, msi_at, msi_bytes).device_register(msi_at + 2, 2, 0x80);
  with_all.express(pci_exp_type::endpoint, express_at).ats(ats_at, 4);
  return {
      function_of(plain).build(),
      with_all.build(),
      bridge_of(slot(0, 5), 8, 8).build(),
      function_of(slot(8, 1)).build(),
      port_of(slot(0, 2), 1, 3, pci_exp_type::root_port),
      port_of(slot(1, 0), 2, 3, pci_exp_type::upstream),
      port_of(slot(2, 1), 3, 3, pci_exp_type::downstream),
      function_of(slot(3, 0)).express(pci_exp_type::endpoint, express_at).build(),
      port_of(slot(0, 2, 1), 5, 7, pci_exp_type::root_port),
      port_of(slot(5, 0), 6, 7, pci_exp_type::pci_bridge),
      function_of(slot(6, 1)).build(),
      bridge_of(slot(6, 2), 7, 7).build(),
      function_of(slot(7, 3)).build(),
  };
}

inline std::unique_ptr<pci_machine> make_pci(const std::vector<pci_function_config>& functions) {
  auto pci = pci_machine::create({{0, 0}}, functions);
  EXPECT_TRUE(pci.ok()) << pci.status();
  return std::move(*pci);
}

/// The unit sees every function.
class bus_machine : public machine {
 public:
  explicit bus_machine(vtd_config config = {}, dma_bus_options options = {},
                       const std::vector<pci_function_config>& functions = all_functions())
      : machine(std::move(config)),
        pci(make_pci(functions)),
        bus(memory(), interrupts, *pci, std::vector<vtd_unit*>{&unit}, everything(functions),
            options) {
    interrupts.set_processor([this](uint8_t vector) { return irqs.do_irq(vector); });
  }

  dma_port& port(source_id where) {
    dma_port* found = bus.port(where);
    EXPECT_NE(found, nullptr) << to_string(where);
    return *found;
  }
  uint16_t id(source_id where) { return port(where).requester().requester_id(); }
  void config16(source_id where, uint16_t offset, uint16_t value) {
    pci->slot(where)->write16(offset, value);
  }
  /// Translation on, with `where`'s requester id in `domain` through an empty table; returns it.
  uint64_t start_with(source_id where, unsigned domain = 5, unsigned levels = 3,
                      unsigned type = 0) {
    const uint64_t top = page();
    attach(id(where), top, domain, levels, type);
    start();
    return top;
  }

  std::string text_at(uint64_t address, size_t length) {
    const std::byte* bytes = memory().at(phys_addr(address), length);
    EXPECT_NE(bytes, nullptr) << std::hex << address;
    return {reinterpret_cast<const char*>(bytes), length};
  }
  void put(uint64_t address, const std::string& text) {
    std::memcpy(memory().at(phys_addr(address), text.size()), text.data(), text.size());
  }
  dma_result write(source_id where, uint64_t address, const std::string& text,
                   address_type type = address_type::untranslated) {
    return port(where).write(address, absl::MakeConstSpan(as_bytes(text), text.size()), type);
  }
  /// What the device finds is in `found`.
  dma_result read(source_id where, uint64_t address, size_t length, std::string& found,
                  address_type type = address_type::untranslated) {
    found.assign(length, '?');
    return port(where).read(
        address, absl::MakeSpan(reinterpret_cast<std::byte*>(found.data()), length), type);
  }

 private:
  static const std::byte* as_bytes(const std::string& text) {
    return reinterpret_cast<const std::byte*>(text.data());
  }
  static unit_of_slot everything(const std::vector<pci_function_config>& functions) {
    unit_of_slot map;
    for (const pci_function_config& f : functions) map[f.id] = 0;
    return map;
  }

 public:
  interrupt_controller interrupts;
  irq_vectors irqs;
  std::unique_ptr<pci_machine> pci;
  dma_bus bus;
};

}  // namespace iommulab::bus_test
