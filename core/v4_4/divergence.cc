// SPDX-License-Identifier: GPL-2.0-only
#include "core/v4_4/divergence.h"

#include <array>

#include "core/enum_names.h"

namespace iommulab::v4_4 {
namespace {

using enum divergence;
using enum divergence_shows;

// clang-format off
constexpr std::array all = std::to_array<divergence_entry>({
    {free_level_mask, "free_level_mask", "dma_pte_free_level()",
     "masks with the level below and so frees tables in use",
     "table mask and retain level of later kernels", not_recorded},
    {superpage_keeps_its_table, "superpage_keeps_its_table", "__domain_mapping() with superpages",
     "frees the table that the superpage's entry lies in when the range covers it",
     "the table that holds the new entry is retained", not_recorded},
    {map_within_superpage, "map_within_superpage",
     "pfn_to_dma_pte() of a page within a superpage, when mapping",
     "goes on into the superpage's data as if that were a table",
     "the superpage stays, with the error for entries that are set already", operation},
    {superpage_above_domain, "superpage_above_domain", "hardware_largepage_caps()",
     "takes a superpage for which the domain has too few levels",
     "none above the domain's top level", not_recorded},
    {clear_range_past_superpage, "clear_range_past_superpage",
     "dma_pte_clear_range() from a superpage into a table",
     "clears the pointer to the table: the table leaks, and mappings beside the range are lost",
     "clears entries of the table", not_recorded},
    {free_pagetable_keeps_top, "free_pagetable_keeps_top",
     "dma_pte_free_pagetable() when superpages fill the address space", "frees the top table",
     "only when the whole table is to go", not_recorded},
    {hole_stepped_over, "hole_stepped_over", "dma_pte_clear_range()",
     "at a hole, steps to the end of the level above it, over what is mapped there",
     "goes to the next entry that is there", calls},
    {part_of_superpage, "part_of_superpage", "dma_pte_clear_level() of a part of a superpage",
     "walks the superpage's data as a table, and clears words of it",
     "a superpage has nothing below it", calls},
    {clear_level_unaligned, "clear_level_unaligned", "dma_pte_clear_level()",
     "steps by a level's size from an unaligned page and misses the last entry",
     "steps to the next entry's page", not_recorded},

    {disable_with_devices, "disable_with_devices", "disable_dmar_iommu()",
     "calls functions that take device_domain_lock while holding it: a failed start-up hangs when a device is in a domain",
     "takes one membership at a time", not_recorded},
    {alias_outlives_unit, "alias_outlives_unit", "disable_dmar_iommu()",
     "passes over an alias that its device left behind in a domain; its entry points to the freed unit",
     "takes the domain down", not_recorded},
    {ats_switched_off, "ats_switched_off", "iommu_disable_dev_iotlb()",
     "returns for every PCI device: ATS stays on for ever", "condition turned round", not_recorded},
    {failed_start_frees_identity, "failed_start_frees_identity", "init_dmars() failing",
     "leaves the identity domain behind", "takes it down", not_recorded},
    {failed_start_frees_regions, "failed_start_frees_regions",
     "intel_iommu_init() without an iova cache", "leaves RMRR and ATSR structures behind",
     "frees them", not_recorded},
    {domain_of_alias_kept, "domain_of_alias_kept", "get_domain_for_dev() failing to join",
     "takes the domain down, another device's too when it was found through an alias",
     "only one that it made itself", not_recorded},
    {identity_domain_kept, "identity_domain_kept",
     "iommu_prepare_identity_map() failing in software pass-through",
     "takes the identity domain down and goes on using it", "leaves it", not_recorded},
    {tylersburg_identity_domain, "tylersburg_identity_domain", "check_tylersburg_isoch()",
     "asks for identity mapping when the identity domain was not made: null pointer",
     "makes it then", not_recorded},
    {domain_without_table, "domain_without_table", "domain_exit() of a domain that has no page table",
     "follows a null pointer", "nothing to free", not_recorded},
    {flush_without_domain, "flush_without_domain",
     "iommu_flush_iotlb_psi() of a domain that its id does not find", "follows a null pointer",
     "flushes no device-TLB", not_recorded},
    {context_too_few_levels, "context_too_few_levels",
     "domain_context_mapping_one() with a domain of fewer levels than the unit",
     "counts the levels down past zero", "no context entry, -ENOMEM", not_recorded},
    {context_level_missing, "context_level_missing",
     "domain_context_mapping_one() with a domain whose upper levels lead nowhere",
     "takes what lies at address 0 for the table below", "no context entry, -ENOMEM", not_recorded},
    {context_failure_told, "context_failure_told",
     "domain_context_mapping_one() without a context table, or with an empty table at the unit's level",
     "answers 0; the device has a domain and faults at its first access", "-ENOMEM, as later kernels",
     not_recorded},
    {alias_becomes_member, "alias_becomes_member",
     "dmar_insert_one_dev_info() finding the id as an alias",
     "gives the device the entry, not the membership: unmapping stops at a BUG", "gives both",
     not_recorded},
    {function_keeps_its_entry, "function_keeps_its_entry",
     "dmar_insert_one_dev_info() for a device of the ACPI namespace with the id of a function",
     "takes the entry away from the function, which goes on pointing at it",
     "the function keeps it", not_recorded},
    {device_tlb_range_unaligned, "device_tlb_range_unaligned",
     "device-TLB flush of a range not aligned to its size", "stops at a BUG", "aligned down",
     not_recorded},
    {rmrr_width_64, "rmrr_width_64", "RMRR in a domain of 64 bits", "shifts by 64",
     "no limit to compare with", not_recorded},
    {upper_context_table_alone, "upper_context_table_alone",
     "copy_context_table() of a bus whose extended tables are the upper one alone",
     "links the copy as the lower one, so other functions get its entries", "as the upper one",
     not_recorded},
    {search_ends_at_frame_0, "search_ends_at_frame_0",
     "__alloc_and_insert_iova_range() without room above a range that begins at page 0",
     "goes on with a limit that wraps: gives out a range that no device can address, and at the second stops at a BUG",
     "no room", not_recorded},

    {api_map_taken_back, "api_map_taken_back", "intel_iommu_map() when memory runs out",
     "leaves what it mapped of the chunk", "unmaps it", not_recorded},
    {api_map_wraps, "api_map_wraps", "iommu_map() whose end wraps", "stops at a BUG",
     "-EFAULT, with the width's message", not_recorded},
    {api_unmap_past_block, "api_unmap_past_block",
     "iommu_unmap() from the middle of a hole or of a superpage",
     "the enlarged range reaches into the next block; stepping unaligned, 4.4 misses it by luck",
     "stops at the block's end", not_recorded},
    {api_unmap_everything, "api_unmap_everything", "iommu_unmap() of the whole address space",
     "stops at a BUG; later the domain has no table", "all is unmapped, the top table stays",
     not_recorded},
    {api_unmap_beyond_width, "api_unmap_beyond_width", "iommu_unmap() that begins beyond the width",
     "stops at a BUG", "unmaps nothing, returns 0", not_recorded},
    {group_missing_on_removal, "group_missing_on_removal",
     "iommu_group_remove_device() of a device without a group", "follows a null pointer", "returns",
     not_recorded},
    {group_cannot_be_made, "group_cannot_be_made",
     "iommu_group_get_for_dev() when no group can be made", "follows a null pointer", "-ENOMEM",
     not_recorded},

    {unmapped_twice, "unmapped_twice", "add_unmap() of a range that waits already",
     "frees it twice", "frees it once", not_recorded},
    {unmap_without_domain, "unmap_without_domain",
     "intel_unmap() for a device that maps nothing, or was given to the IOMMU API",
     "stops at a BUG", "warns, as of an unmap that matches no mapping", operation},
    {map_in_api_domain, "map_in_api_domain",
     "mapping through the DMA API for a device in a domain of the IOMMU API", "stops at a BUG",
     "the mapping fails", operation},
    {mapping_taken_back, "mapping_taken_back", "__intel_map_single() or intel_map_sg() when memory runs out",
     "frees the range: the first pages stay mapped, or a list's tables go without the unit being told",
     "unmaps, flushes, then frees", not_recorded},

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
    {rhsa_without_unit, "rhsa_without_unit", "dmar_parse_one_rhsa() without a matching unit",
     "prints an address that is none of a unit", "prints the RHSA's", not_recorded},
    {queue_never_answers, "queue_never_answers", "qi_submit_sync() and a unit that never answers",
     "waits for ever", "the panic that command registers get after ten seconds", not_recorded},
});
// clang-format on

static_assert(has_row_of_each(all, &divergence_entry::id));
static_assert(all.size() <= divergence_set().size());

}  // namespace

absl::Span<const divergence_entry> divergences() {
  return all;
}

const divergence_entry& about(divergence id) {
  return all[static_cast<size_t>(id)];
}

std::string_view name(divergence id) {
  return about(id).name;
}

std::string divergence_table() {
  return iommulab::divergence_table("Linux 4.4", divergences());
}

std::vector<divergence_entry> divergences_without(const divergence_set& agreed) {
  return rows_without(divergences(), agreed);
}

void report(environment& env, divergence id, std::string detail) {
  if (env.agreed_divergences.test(static_cast<size_t>(id))) return;
  report_divergence(env, "Linux 4.4", about(id).words(), detail);
}

}  // namespace iommulab::v4_4
