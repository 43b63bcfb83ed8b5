// SPDX-License-Identifier: GPL-2.0-only
//
// Where the code that is modelled on Linux 6.12 does something else on purpose, nearly always
// because 6.12 would crash, leak, write into mapped memory or lose a mapping there. One table says
// what each is; the code reports it when it happens; the README of intel/v6_12 shows the table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"
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
  unlinked_device_removed,
  copied_context_table_freed,
  // table and queue
  structure_length_zero,
  structure_header_cut,
  scope_length_zero,
  structure_shorter_than_its_type,
  scope_path_passes_structure_end,
  queue_never_answers,
};

/// How a divergence can show in a recorded run of the kernel.
enum class divergence_shows : uint8_t {
  not_recorded,  ///< the kernel comes to harm in a way that no recording holds, or memory alone
                 ///< tells
  operation,     ///< an operation answers otherwise, or the kernel dies in it
  start_up,      ///< the kernel hangs while it boots
};

struct divergence_entry {
  divergence id;
  std::string_view name;    ///< the enumerator's
  std::string_view where;   ///< function of the kernel, or what the driver is asked
  std::string_view kernel;  ///< what Linux 6.12 does
  std::string_view here;    ///< what is done instead
  divergence_shows shows;
};

/// All of them, in the enumerators' order.
absl::Span<const divergence_entry> divergences();
const divergence_entry& about(divergence id);
std::string_view name(divergence id);
std::string_view name(divergence_shows shows);
/// The table as the README has it, Markdown.
std::string divergence_table();

/// It happens now: an event of kind `diagnosis` with the divergence's name, one more in the
/// environment's list, and as long as that has room a remark in the log; `detail` says with what.
void report(environment& env, divergence id, std::string detail = {});

}  // namespace iommulab::v6_12
