// SPDX-License-Identifier: GPL-2.0-only
//
// A number for each place in a sequence, without state: chance that repeats on every machine.
#pragma once

#include <cstdint>

namespace iommulab {

/// The `index`-th output of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", OOPSLA 2014) from `seed`; index >= 1.
constexpr uint64_t mix(uint64_t seed, uint64_t index) {
  uint64_t z = seed + index * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace iommulab
