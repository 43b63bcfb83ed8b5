// SPDX-License-Identifier: GPL-2.0-only
#include "core/v6_12/divergence.h"

#include <array>

#include "core/enum_names.h"

namespace iommulab::v6_12 {
namespace {

using enum divergence;
using enum divergence_shows;

// clang-format off
constexpr std::array all_divergences = std::to_array<divergence_entry>({
    {map_within_superpage, "map_within_superpage",
     "pfn_to_dma_pte() of a page within a superpage, when mapping",
     "goes on into the superpage's data as if that were a table",
     "the superpage stays, with the error for entries that are set already", operation},
    {superpage_above_domain, "superpage_above_domain", "hardware_largepage_caps()",
     "takes a superpage for which the domain has too few levels",
     "none above the domain's top level", not_recorded},
    {clear_range_past_superpage, "clear_range_past_superpage",
     "dma_pte_clear_range() from a superpage into a table",
     "clears the pointer to the table, which leaks", "clears entries of the table", not_recorded},
    {free_pagetable_keeps_top, "free_pagetable_keeps_top",
     "dma_pte_free_pagetable() when one superpage is the whole address space",
     "frees the top table, into which the superpage is then written", "the top table stays",
     not_recorded},
    {part_of_superpage, "part_of_superpage", "dma_pte_clear_level() of a part of a superpage",
     "walks the superpage's data as a table, and clears words of it",
     "a superpage has nothing below it", not_recorded},

    {api_map_taken_back, "api_map_taken_back", "iommu_map() when memory runs out",
     "leaves what the last call of the driver mapped, which the core does not count",
     "unmaps it, and flushes", operation},
    {api_unmap_past_block, "api_unmap_past_block",
     "iommu_unmap() from the middle of a hole",
     "takes the hole's size from there on, and unmaps what lies behind the hole, asked for or not",
     "unmaps up to the hole's end, or what was asked for where that is more, and answers so",
     operation},
    {api_unmap_everything, "api_unmap_everything", "iommu_unmap() of the whole address space",
     "frees the top table under the domain's feet", "the domain keeps its top table", operation},
    {gather_frees_tables_early, "gather_frees_tables_early",
     "iommu_unmap() of runs of different sizes, when tables of the later one go",
     "frees these with the flush of the run before, and leaves them in paging-structure caches",
     "they wait for their own run's flush", operation},
    {unlinked_device_removed, "unlinked_device_removed",
     "intel_iommu_probe_device() failing for a device without ATS",
     "takes a node out of a tree that it is not in", "takes out what is in", not_recorded},
    {copied_context_table_freed, "copied_context_table_freed",
     "free_context_table() with tables copied from another kernel",
     "leaves a table behind whose first entry is a copied one", "frees it", not_recorded},
    {unmap_beyond_domain, "unmap_beyond_domain", "iommu_unmap() beyond the domain's width",
     "panics: there is no entry to look at", "answers that nothing was unmapped", operation},
    {unattached_device_released, "unattached_device_released",
     "intel_iommu_release_device() of a device that was attached to nothing",
     "follows the null pointer to its domain", "skips what is done to the domain", operation},

    {structure_length_zero, "structure_length_zero", "a structure of the table with a length of 0",
     "ends the parse there, then hangs looking for ANDD structures", "refused with a diagnosis",
     start_up},
    {structure_header_cut, "structure_header_cut", "a structure whose header the table's end cuts",
     "reads the header past the table's end, then hangs looking for ANDD structures",
     "refused with a diagnosis", start_up},
    {scope_length_zero, "scope_length_zero", "a device scope without a length",
     "hangs counting the scopes", "refused with a diagnosis", start_up},
    {structure_shorter_than_its_type, "structure_shorter_than_its_type",
     "a structure shorter than its fields", "reads the missing fields from whatever follows",
     "refused with a diagnosis", not_recorded},
    {scope_path_passes_structure_end, "scope_path_passes_structure_end",
     "a scope past the end of its structure",
     "accepts the scope and compares its path with whatever follows the structure",
     "accepted, as far as it is there, with a note", not_recorded},
    {queue_never_answers, "queue_never_answers", "qi_submit_sync() and a unit that never answers",
     "waits for ever", "the panic that command registers get after ten seconds", not_recorded},
});
// clang-format on

static_assert(has_row_of_each(all_divergences, &divergence_entry::id));

}  // namespace

absl::Span<const divergence_entry> divergences() {
  return all_divergences;
}

const divergence_entry& about(divergence id) {
  return all_divergences[static_cast<size_t>(id)];
}

std::string_view name(divergence id) {
  return about(id).name;
}

divergence_set agreed_by_6_1() {
  return set_of<divergence>({unlinked_device_removed});
}

divergence_set agreed_by_6_12() {
  return set_of<divergence>({unmap_beyond_domain, unattached_device_released});
}

std::vector<divergence_entry> divergences_without(const divergence_set& agreed) {
  return rows_without(divergences(), agreed);
}

std::string divergence_table(std::string_view kernel, const divergence_set& agreed) {
  const std::vector<divergence_entry> rows = divergences_without(agreed);
  return iommulab::divergence_table<divergence>(kernel, rows);
}

void report(environment& env, divergence id, std::string detail) {
  if (env.agreed_divergences.test(static_cast<size_t>(id))) return;
  report_divergence(env, env.kernel_name, about(id).words(), detail);
}

}  // namespace iommulab::v6_12
