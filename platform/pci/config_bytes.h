// SPDX-License-Identifier: GPL-2.0-only
//
// Configuration space as a run of bytes: little-endian access and the two capability chains.
// Reads beyond the bytes give zero. A chain that loops ends after as many steps as could fit.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/bit_field.h"

namespace iommulab {

/// `count` bytes (1 to 4) at `offset`.
uint32_t config_get(absl::Span<const uint8_t> bytes, uint16_t offset, unsigned count);
/// A field of the register at `offset`.
template <typename Word>
Word config_get(absl::Span<const uint8_t> bytes, uint16_t offset, bit_field<Word> field) {
  return field.get(static_cast<Word>(config_get(bytes, offset, sizeof(Word))));
}
/// Bytes of the value that lie beyond the span are dropped.
void config_put(absl::Span<uint8_t> bytes, uint16_t offset, unsigned count, uint32_t value);

/// Calls `fn` with id and offset of each capability, in the chain's order.
void for_each_capability(absl::Span<const uint8_t> bytes,
                         absl::FunctionRef<void(uint8_t id, uint16_t offset)> fn);
/// The same for the extended capabilities from 100h on.
void for_each_extended_capability(absl::Span<const uint8_t> bytes,
                                  absl::FunctionRef<void(uint16_t id, uint16_t offset)> fn);

/// Takes back what a running kernel switches on: ACS, ATS, PRI, PASID, ARI forwarding, MSI and
/// MSI-X, as a function comes out of reset.
void reset_controls(absl::Span<uint8_t> bytes);

}  // namespace iommulab
