// SPDX-License-Identifier: GPL-2.0-only
//
// What a unit can do: both capability registers, the codes in them, and them in words.
#pragma once

#include <string>

#include "platform/vtd/spec/cap_register.h"
#include "platform/vtd/spec/ecap_register.h"

namespace iommulab::vtd {

/// Widths and levels of an address-width code (SAGAW bit number, context entry AW).
constexpr unsigned width_of(unsigned code) {
  return 30 + 9 * code;
}
constexpr unsigned levels_of(unsigned code) {
  return 2 + code;
}

/// "65536 domains, widths 39, guest width 39, 2 MiB and 1 GiB pages, …": every field that is set,
/// by name, in register order.
std::string to_string(cap_register cap);
std::string to_string(ecap_register ecap);

}  // namespace iommulab::vtd
