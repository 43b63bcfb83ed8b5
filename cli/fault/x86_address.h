// SPDX-License-Identifier: GPL-2.0-only
//
// What a 64-bit number is as an address of x86-64 and its Linux, by its value alone: which half of
// which paging mode, which region of the kernel's half, or no address at all.
#pragma once

#include <cstdint>
#include <string>

namespace iommulab {

/// The halves of the address space, with 4 levels of paging (48 bits) and with 5 (57 bits).
enum class address_half : uint8_t {
  user,                ///< below 2^47: every process's
  user_of_5_levels,    ///< 2^47 to 2^56: a process's with 5 levels only, else not canonical
  not_canonical,       ///< with neither
  kernel_of_5_levels,  ///< the kernel's with 5 levels only, else not canonical
  kernel,              ///< from 0xffff800000000000 on
};

address_half half_of(uint64_t address);

/// The kernel's region that an address of its half lies in, with 4 or 5 levels: "the direct map of
/// all memory (4 levels, 0xffff888000000000 to 0xffffc87fffffffff)"; empty for a hole.
std::string kernel_region(uint64_t address);

/// Values that the kernel writes where nothing is to be read any more, as they come out of a freed
/// or uninitialised descriptor: "0x6b in every byte: freed slab memory". Empty for others. The low
/// 12 bits are not looked at: fault records have none.
std::string poison_words(uint64_t address);

}  // namespace iommulab
