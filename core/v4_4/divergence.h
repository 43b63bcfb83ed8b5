// SPDX-License-Identifier: GPL-2.0-only
//
// Where the code that is modelled on Linux 4.4 does something else on purpose, nearly always
// because 4.4 would crash, hang, leak or lose a mapping there. One table says what each is; the
// code reports it when it happens; the README of intel/v4_4 shows the table, and comparisons with
// recorded runs excuse by it.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/divergence_row.h"
#include "core/environment.h"

namespace iommulab::v4_4 {

enum class divergence : uint8_t {
  // page tables
  free_level_mask,
  superpage_keeps_its_table,
  map_within_superpage,
  superpage_above_domain,
  clear_range_past_superpage,
  free_pagetable_keeps_top,
  hole_stepped_over,
  part_of_superpage,
  clear_level_unaligned,
  // domains and devices
  disable_with_devices,
  alias_outlives_unit,
  ats_switched_off,
  failed_start_frees_identity,
  failed_start_frees_regions,
  domain_of_alias_kept,
  identity_domain_kept,
  tylersburg_identity_domain,
  domain_without_table,
  flush_without_domain,
  context_too_few_levels,
  context_level_missing,
  context_failure_told,
  alias_becomes_member,
  function_keeps_its_entry,
  device_tlb_range_unaligned,
  rmrr_width_64,
  upper_context_table_alone,
  search_ends_at_frame_0,
  // IOMMU API
  api_map_taken_back,
  api_map_wraps,
  api_unmap_past_block,
  api_unmap_everything,
  api_unmap_beyond_width,
  group_missing_on_removal,
  group_cannot_be_made,
  // DMA API
  unmapped_twice,
  unmap_without_domain,
  map_in_api_domain,
  mapping_taken_back,
  // table and queue
  structure_length_zero,
  structure_header_cut,
  scope_length_zero,
  structure_shorter_than_its_type,
  scope_path_passes_structure_end,
  rhsa_without_unit,
  queue_never_answers,
};

using divergence_entry = divergence_row<divergence>;

/// All of them, in the enumerators' order.
absl::Span<const divergence_entry> divergences();
const divergence_entry& about(divergence id);
std::string_view name(divergence id);
/// The table as the README has it, Markdown.
std::string divergence_table();

/// Those that a release does not have.
inline divergence_set set_of(absl::Span<const divergence> ids) {
  return iommulab::set_of<divergence>(ids);
}
/// The table of a release that does not have `agreed`.
std::vector<divergence_entry> divergences_without(const divergence_set& agreed);

/// It happens now: see report_divergence(). Nothing where the running release agrees.
void report(environment& env, divergence id, std::string detail = {});

}  // namespace iommulab::v4_4
