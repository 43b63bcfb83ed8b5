// SPDX-License-Identifier: GPL-2.0-only
//
// Walking and parsing the DMAR table as dmar.c does it. The bytes are read through a bounds
// checked cursor; where 4.4 would hang or read past the end, the walk stops with a named
// diagnosis instead.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "intel/dmar/dmar_state.h"

namespace iommulab {

/// Linux v4.4 include/linux/dmar.h: struct dmar_res_callback
struct dmar_res_callback {
  structure_handlers cb;
  bool ignore_unhandled = false;
  bool print_entry = false;
};

/// Notes what is wrong with the table, in the trace and in the driver's list.
void dmar_report(dmar_state& dmar, table_refusal what, size_t offset, uint64_t value,
                 std::string sentence);
/// The same where the table is refused although 4.4 goes on: the log says so too.
void dmar_refuse(dmar_state& dmar, table_refusal what, size_t offset, uint64_t value,
                 std::string sentence);

/// Calls `fn` with each structure of a whole table and its type until one answers nonzero. A
/// length that does not carry the walk forward, or a header that is cut, is refused: -EINVAL.
int dmar_for_each_structure(dmar_state& dmar, absl::Span<const uint8_t> table,
                            absl::FunctionRef<int(const remapping_structure&, uint16_t type)> fn);

/// The object name of an ANDD structure, up to its NUL or its end.
std::string dmar_andd_name(const remapping_structure& andd);

// Linux v4.4 drivers/iommu/dmar.c, by name.
int detect_intel_iommu(dmar_state& dmar);
int dmar_table_init(dmar_state& dmar);
/// Walks the structures that follow each other in `bytes`, whose first byte is at `table_offset`.
int dmar_walk_remapping_entries(dmar_state& dmar, absl::Span<const uint8_t> bytes,
                                size_t table_offset, const dmar_res_callback& cb);
void warn_invalid_dmar(dmar_state& dmar, uint64_t addr, std::string_view message);
/// Frees every unit when neither DMA nor interrupt remapping is in use (late_initcall).
int dmar_free_unused_resources(dmar_state& dmar);
int dmar_validate_one_drhd(dmar_state& dmar, const remapping_structure& entry);
int dmar_parse_one_drhd(dmar_state& dmar, const remapping_structure& header);
int dmar_parse_one_rhsa(dmar_state& dmar, const remapping_structure& header);
dmar_drhd_unit* dmar_find_dmaru(dmar_state& dmar, const remapping_structure& drhd);
void dmar_free_drhd(dmar_state& dmar, dmar_drhd_unit* dmaru);

/// "Your BIOS is broken; …" with the three DMI strings, as the driver's WARN_TAINT()s print it.
std::string broken_bios(const dmar_state& dmar, std::string_view sentence);
/// Tells the log of it in the way of the kernel at hand.
void warn_broken_bios(const dmar_state& dmar, std::string_view sentence);
/// Whether firmware made sure that no device does DMA outside of its reserved regions, and asks
/// for remapping.
bool dmar_platform_optin(dmar_state& dmar);

}  // namespace iommulab
