// SPDX-License-Identifier: GPL-2.0-only
//
// The steps and the end of a walk in words.
#pragma once

#include <string>

#include "lab/tables/address_walk.h"

namespace iommulab {

/// "root", "context", "level 3".
std::string step_name(const walk_step& step);
/// The entry's bytes as numbers: one word, or both with the high one first.
std::string entry_digits(const walk_step& step);
/// "present, context table 0x1000"; "R W, page 0x3de7d000, 4 KiB". What the step decided, if it
/// blocked the request, is in it: "not present", "reserved bits 0x800".
std::string entry_words(const walk_step& step);
/// Where the specification describes such an entry: "9.1".
std::string_view entry_section(const walk_step& step);
/// "4 KiB", "2 MiB", "1 GiB".
std::string size_words(unsigned bits);
/// What the device that sent the request gets to see.
std::string device_view(const address_walk& walk);
/// Of a request that is blocked without a fault: why.
std::string dropped_words();

}  // namespace iommulab
