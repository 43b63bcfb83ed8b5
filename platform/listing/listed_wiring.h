// SPDX-License-Identifier: GPL-2.0-only
//
// How the functions of a listing hang together: which buses lie behind bridges, what other
// functions a device has, and which functions are virtual ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "platform/listing/listed_function.h"

namespace iommulab {

class listed_wiring {
 public:
  /// What check_listing() takes.
  explicit listed_wiring(const std::vector<listed_function>& listed);

  /// Of a virtual function the function whose it is; nothing for others.
  [[nodiscard]] std::optional<listed_address> physical_of(const listed_function& f) const;
  /// Whether its device has other functions, virtual ones apart.
  [[nodiscard]] bool has_siblings(const listed_function& f) const;
  /// The function behind it in the device's chain of ARI, as its capability says, or else the next
  /// that has one, as of a device that is listed whole; 0 for the last.
  [[nodiscard]] uint8_t next_by_ari(const listed_function& f) const;
  /// Whether there are ports of an Intel chipset that is isolated without ACS.
  [[nodiscard]] bool has_chipset_ports() const { return has_chipset_ports_; }

  /// Whether a bridge leads to the function's bus.
  [[nodiscard]] bool is_behind_a_bridge(const listed_function& f) const {
    return secondaries_.count(bus_of(f)) != 0;
  }
  [[nodiscard]] bool is_behind_cardbus(const listed_function& f) const {
    return cardbus_.count(bus_of(f)) != 0;
  }
  /// Between a bridge's secondary and subordinate bus: where virtual functions overflow to.
  [[nodiscard]] bool is_on_a_virtual_bus(const listed_function& f) const {
    return behind_bridges_.count(bus_of(f)) != 0;
  }

 private:
  using listed_bus = std::pair<uint32_t, uint8_t>;  ///< domain and number

  static listed_bus bus_of(const listed_function& f) { return {f.domain, f.bus}; }
  void learn_virtual_functions(const listed_function& f);
  void learn_wiring(const listed_function& f);

  std::map<listed_address, listed_address> physical_of_;
  std::map<listed_address, unsigned> functions_of_;  ///< by the device's first
  std::map<listed_bus, std::set<uint8_t>> functions_by_ari_;
  std::set<listed_bus> secondaries_;
  std::set<listed_bus> behind_bridges_;
  std::set<listed_bus> cardbus_;
  bool has_chipset_ports_ = false;
};

}  // namespace iommulab
