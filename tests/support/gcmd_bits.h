// SPDX-License-Identifier: GPL-2.0-only
//
// Bits of the commands in GCMD and of their status in GSTS, as the VT-d specification gives them
// (10.4.4, 10.4.5); written down for tests, not the data sheet under test.
#pragma once

#include <cstdint>

namespace iommulab::gcmd_bits {

inline constexpr uint32_t te = 1u << 31;
inline constexpr uint32_t srtp = 1u << 30;
inline constexpr uint32_t sfl = 1u << 29;
inline constexpr uint32_t eafl = 1u << 28;
inline constexpr uint32_t wbf = 1u << 27;
inline constexpr uint32_t qie = 1u << 26;
inline constexpr uint32_t ire = 1u << 25;
inline constexpr uint32_t sirtp = 1u << 24;
inline constexpr uint32_t cfi = 1u << 23;

}  // namespace iommulab::gcmd_bits
