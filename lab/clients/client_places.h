// SPDX-License-Identifier: GPL-2.0-only
//
// Where a client's memory lies: its blocks at fixed addresses, 1 GiB apart, as the recorded
// client's; and what it hands to system calls.
#pragma once

#include <cstddef>
#include <cstdint>

namespace iommulab::client_places {

inline constexpr uint64_t first_block = 0x7e0000000000;
inline constexpr uint64_t between_blocks = uint64_t{1} << 30;

/// The structure that a call is given, and behind `data_offset` what it points to.
inline constexpr uint64_t arguments = 0x7ffffff00000;
inline constexpr size_t argument_size = 0x40000;
inline constexpr int64_t data_offset = 0x2000;
inline constexpr uint64_t data = arguments + data_offset;

}  // namespace iommulab::client_places
