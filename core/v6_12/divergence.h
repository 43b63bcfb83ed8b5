// SPDX-License-Identifier: GPL-2.0-only
//
// Where the code that is modelled on Linux 6.12, and on 6.1, does something else on purpose, nearly
// always because they would crash, leak, write into mapped memory or lose a mapping there. One
// table says what each is; the code reports it when it happens; the README of intel/v6_12 shows the
// table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/divergence_row.h"
#include "core/environment.h"

namespace iommulab::v6_12 {

enum class divergence : uint8_t {
  // page tables
  map_within_superpage,
  superpage_above_domain,
  clear_range_past_superpage,
  free_pagetable_keeps_top,
  part_of_superpage,
  // domains and devices
  api_map_taken_back,
  api_unmap_past_block,
  api_unmap_everything,
  gather_frees_tables_early,
  unlinked_device_removed,
  copied_context_table_freed,
  unmap_beyond_domain,         // 6.1
  unattached_device_released,  // 6.1
  // table and queue
  structure_length_zero,
  structure_header_cut,
  scope_length_zero,
  structure_shorter_than_its_type,
  scope_path_passes_structure_end,
  queue_never_answers,
};

using divergence_entry = divergence_row<divergence>;

/// All of them, in the enumerators' order.
absl::Span<const divergence_entry> divergences();
const divergence_entry& about(divergence id);
std::string_view name(divergence id);

/// Those that are none from the release: it does as the port does.
divergence_set agreed_by_6_1();
divergence_set agreed_by_6_12();
/// The table of a release that does not have `agreed`, as rows and as its README has it.
std::vector<divergence_entry> divergences_without(const divergence_set& agreed);
std::string divergence_table(std::string_view kernel, const divergence_set& agreed);

/// It happens now: see report_divergence(). Nothing where the running release agrees.
void report(environment& env, divergence id, std::string detail = {});

}  // namespace iommulab::v6_12
