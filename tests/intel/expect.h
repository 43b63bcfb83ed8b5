// SPDX-License-Identifier: GPL-2.0-only
//
// Register sequences of start-up, put together from the specification's register map (VT-d 3.0,
// 10.4) and the order in which Linux 4.4 goes about it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/gcmd_bits.h"
#include "support/small_machine.h"
#include "support/system.h"

namespace iommulab::test {

using sequence = std::vector<std::string>;

// Offsets and bits as 10.4 gives them.
inline constexpr uint64_t r_ver = 0x00, r_cap = 0x08, r_ecap = 0x10, r_gcmd = 0x18, r_gsts = 0x1c,
                          r_rtaddr = 0x20, r_ccmd = 0x28, r_fsts = 0x34, r_fectl = 0x38,
                          r_fedata = 0x3c, r_feaddr = 0x40, r_feuaddr = 0x44, r_pmen = 0x64,
                          r_iqh = 0x80, r_iqt = 0x88, r_iqa = 0x90;
using gcmd_bits::qie, gcmd_bits::srtp, gcmd_bits::te, gcmd_bits::wbf;
inline constexpr uint64_t descriptor_bytes = 16;

/// A command: GCMD written, GSTS polled once (this hardware is done at once).
inline sequence command(uint64_t bits) {
  return {write4(r_gcmd, bits), read4(r_gsts)};
}

/// dmar_fault() that finds nothing.
inline sequence no_faults() {
  return {read4(r_fsts)};
}

/// dmar_disable_qi() that finds the queue off, then __dmar_enable_qi(). `held`: bits of GCMD that
/// stay set.
inline sequence enable_queue(uint64_t queue, uint64_t held = 0) {
  return chain({{read8(r_gsts), write4(r_iqt, 0), write8(r_iqa, queue)}, command(held | qie)});
}

/// iommu_set_root_entry()
inline sequence set_root(uint64_t root, uint64_t held) {
  return chain({{write8(r_rtaddr, root)}, command(held | srtp)});
}

/// The n-th qi_submit_sync(), counted from 1: two descriptors each.
inline std::string submit(unsigned n) {
  return write4(r_iqt, uint64_t{2} * n * descriptor_bytes);
}

/// dmar_set_interrupt(): message, unmask with a read back, message again for the affinity.
inline sequence set_interrupt(system& s, size_t unit) {
  const auto& data = s.unit(unit);
  const sequence message = {write4(r_fedata, data.peek(vtd_register::fedata)),
                            write4(r_feaddr, data.peek(vtd_register::feaddr)),
                            write4(r_feuaddr, data.peek(vtd_register::feuaddr))};
  return chain({message, {write4(r_fectl, 0), read4(r_fectl)}, message});
}

/// iommu_disable_protect_mem_regions()
inline sequence disable_protected_memory() {
  return {read4(r_pmen), write4(r_pmen, 0), read4(r_pmen)};
}

}  // namespace iommulab::test
