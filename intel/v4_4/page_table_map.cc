// SPDX-License-Identifier: GPL-2.0-only
//
// Mapping runs of pages and scatter lists.
#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/v4_4/divergence.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/pte.h"
#include "intel/v4_4/release.h"

namespace iommulab::v4_4 {
namespace {

[[gnu::cold, gnu::noinline]] void report_superpage_above_domain(const intel_driver& drv,
                                                                uint64_t iov_pfn) {
  report(drv.env, divergence::superpage_above_domain, absl::StrFormat("0x%x", iov_pfn));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: hardware_largepage_caps(). A superpage needs both
// addresses aligned to it, and as many pages.
int hardware_largepage_caps(const intel_driver& drv, const dmar_domain& domain, uint64_t iov_pfn,
                            uint64_t phys_pfn, uint64_t pages) {
  uint64_t merged = iov_pfn | phys_pfn;
  int level = 1;
  constexpr uint64_t stride_mask = (uint64_t{1} << level_stride) - 1;
  // 4.4 takes the unit's word even for a domain with fewer levels than the superpage needs.
  const int most = agaw_to_level(domain.agaw) - 1;
  for (int support = domain.iommu_superpage; support > 0; --support) {
    pages >>= level_stride;
    if ((merged & stride_mask) != 0 || pages == 0) break;
    if (level > most) [[unlikely]] {
      report_superpage_above_domain(drv, iov_pfn);
      break;
    }
    merged >>= level_stride;
    ++level;
  }
  return level;
}

/// A run of pages that is to be mapped, all of it at successive addresses on both sides.
struct mapping_run {
  uint64_t iov_pfn = 0;
  uint64_t phys_pfn = 0;
  uint64_t nr_pages = 0;

  void advance(uint64_t pages) {
    iov_pfn += pages;
    phys_pfn += pages;
    nr_pages -= pages;
  }
};

/// The piece is mapped from `iov_pfn` on; only now does its owner learn where.
mapping_run begin_piece(scatterlist& piece, uint64_t told, uint64_t iov_pfn) {
  const uint64_t offset = piece.offset & told;
  const uint64_t pages = aligned_nrpages(piece.offset, piece.length);
  piece.dma_address = dma_addr((iov_pfn << page_shift) + offset);
  piece.dma_length = piece.length;
  return {iov_pfn, (sg_phys(piece).value() - offset) >> page_shift, pages};
}

/// The pages of a run that superpages at `level` hold; the rest comes behind them.
pfn_range superpages_of(const mapping_run& run, int level) {
  return {run.iov_pfn, run.iov_pfn + (run.nr_pages & level_mask(level)) - 1};
}

/// Whether superpages at `level` fill the table that they are in.
bool fill_their_table(const pfn_range& superpages, int level) {
  return superpages.covers(superpages.start_pfn & level_mask(level + 1), level + 1);
}

/// Small tables that are still there make room for superpages at `level`; the table that will hold
/// those stays.
void make_room(intel_driver& drv, dmar_domain& domain, const mapping_run& run, int level) {
  if (level == 1) return;
  const pfn_range freed = superpages_of(run, level);
  if (fill_their_table(freed, level)) {
    report(drv.env, divergence::superpage_keeps_its_table, absl::StrFormat("0x%x", run.iov_pfn));
  }
  dma_pte_free_pagetable(drv, domain, freed.start_pfn, freed.last_pfn, level + 1);
}

/// An entry that is taken keeps its mapping, and the log says so.
void already_set(intel_driver& drv, uint64_t iov_pfn, uint64_t old, uint64_t wanted) {
  drv.pr.crit("ERROR: DMA PTE for vPFN 0x%x already set (to %x not %x)", iov_pfn, old, wanted);
  drv.env.log.warn_on("__domain_mapping");
}

using leaf_run = leaf_sequence<pte_format>;

leaf_run leaves_of(const mapping_run& run, int level, uint64_t prot) {
  return {run.iov_pfn, phys_addr(run.phys_pfn << page_shift), level, prot};
}

/// set_leaves() one by one, each with whatever there is to tell of it.
[[gnu::noinline]] void set_leaves_telling(intel_driver& drv, dma_pte* pte, const dma_pte* end,
                                          leaf_run leaves) {
  const bool watched = ptes_are_watched(drv);
  for (; pte != end; ++pte, leaves.next()) {
    if (const uint64_t old = load_entry(pte).value; old != 0) {
      already_set(drv, leaves.pfn(), old, leaves.entry().value);
      continue;
    }
    store_entry(pte, leaves.entry());
    if (watched) trace_pte(drv, pte);
  }
}

/// Fills the entries up to `end`. As in 4.4 (cmpxchg64_local()), this is not atomic against another
/// writer of the same entry: who maps a range is alone there.
[[gnu::always_inline]] inline void set_leaves(intel_driver& drv, dma_pte* pte, const dma_pte* end,
                                              leaf_run leaves) {
  if (!ptes_are_watched(drv)) [[likely]] {
    for (; pte != end && load_entry(pte).value == 0; ++pte, leaves.next()) {
      store_entry(pte, leaves.entry());
    }
  }
  if (pte != end) [[unlikely]]
    set_leaves_telling(drv, pte, end, leaves);
}

/// Maps a run that is entries of one table, at `level`. False, and nothing done, when it is not, or
/// when the table is not there. It is inlined so that the caller that passes level 1 gets code for
/// that level alone: most mappings go through it.
[[gnu::always_inline]] inline bool map_entries(intel_driver& drv, const dmar_domain& domain,
                                               const mapping_run& run, int level, uint64_t prot) {
  const uint64_t last_pfn = run.iov_pfn + run.nr_pages - 1;
  const pte_run ptes = entries_of_one_table(drv, domain, {run.iov_pfn, last_pfn}, level);
  if (ptes.first == nullptr) return false;
  // Small pages, and their tables, make room for superpages; 4.4 errs when those fill their table.
  if (level > 1 && (fill_their_table({run.iov_pfn, last_pfn}, level) ||
                    std::any_of(ptes.first, ptes.end(),
                                [](dma_pte& pte) { return load_entry(&pte).value != 0; }))) {
    return false;
  }
  set_leaves(drv, ptes.first, ptes.end(), leaves_of(run, level, prot));
  flush_ptes(drv, domain, ptes.first, ptes.count);
  return true;
}

/// What most mappings are, without the steps of domain_mapping(). False, and nothing done, for any
/// other run, and when calls are followed.
bool map_within_table(intel_driver& drv, const dmar_domain& domain, const mapping_run& run,
                      uint64_t prot) {
  const uint64_t last_pfn = run.iov_pfn + run.nr_pages - 1;
  if (drv.trace.follows_calls() || !domain.has_pgd() || run.nr_pages == 0 ||
      last_pfn < run.iov_pfn || !domain_pfn_supported(domain, last_pfn) ||
      (prot & (dma_pte_read | dma_pte_write)) == 0) {
    return false;
  }
  prot &= pte_format::attributes;
  if (run.nr_pages < level_size(2)) return map_entries(drv, domain, run, 1, prot);
  const int level = hardware_largepage_caps(drv, domain, run.iov_pfn, run.phys_pfn, run.nr_pages);
  return map_entries(drv, domain, run, level, prot);
}

/// How far `run` reaches into the superpage at `level` that it begins in.
uint64_t pages_in_superpage(const mapping_run& run, int level) {
  const uint64_t end = (run.iov_pfn & level_mask(level)) + level_size(level);
  return std::min(run.nr_pages, end - run.iov_pfn);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: __domain_mapping(). With a scatter list, `phys_pfn` means
// nothing. Entries of level 1 go on from piece to piece until their table is full, whether or not
// the next piece would do for a superpage.
int domain_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn,
                   absl::Span<scatterlist> sg, uint64_t phys_pfn, uint64_t nr_pages,
                   uint64_t prot) {
  IOMMULAB_CALL(drv.trace, "__domain_mapping", {"iov_pfn", iov_pfn}, {"phys_pfn", phys_pfn},
                {"nr", nr_pages}, {"prot", static_cast<int>(prot)}, {"sg", !sg.empty()});
  IOMMULAB_NOTE_CALL(drv.trace, "__domain_mapping");
  bug_on(!domain_pfn_supported(domain, iov_pfn + nr_pages - 1),
         "__domain_mapping: beyond the domain's address width");
  if ((prot & (dma_pte_read | dma_pte_write)) == 0) return this_call.result(-EINVAL);
  prot &= pte_format::attributes;

  mapping_run run{iov_pfn, phys_pfn, sg.empty() ? nr_pages : 0};
  const uint64_t told_of_offset = sg.empty() ? 0 : drv.release.told_of_offset();
  size_t next_piece = 0;
  dma_pte* pte = nullptr;
  dma_pte* first_pte = nullptr;
  int level = 0;
  while (nr_pages > 0) {
    while (run.nr_pages == 0) {  // an empty piece takes no page
      bug_on(next_piece == sg.size(), "__domain_mapping: more pages than the scatter list has");
      run = begin_piece(sg[next_piece++], told_of_offset, run.iov_pfn);
    }
    if (pte == nullptr) {
      const int wanted =
          hardware_largepage_caps(drv, domain, run.iov_pfn, run.phys_pfn, run.nr_pages);
      level = wanted;
      first_pte = pte = pfn_to_dma_pte(drv, domain, run.iov_pfn, level);
      if (pte == nullptr) return this_call.result(-ENOMEM);
      if (level > wanted) {
        // Within a superpage that is mapped already, and stays.
        report(drv.env, divergence::map_within_superpage, absl::StrFormat("0x%x", run.iov_pfn));
        already_set(drv, run.iov_pfn, load_entry(pte).value, run.phys_pfn << page_shift | prot);
        const uint64_t pages = std::min(pages_in_superpage(run, level), nr_pages);
        run.advance(pages);
        nr_pages -= pages;
        pte = nullptr;
        continue;
      }
      make_room(drv, domain, run, level);
    }
    const uint64_t count =
        std::min(std::min(run.nr_pages, nr_pages) >> level_to_offset_bits(level), items_left(pte));
    bug_on(count == 0, "__domain_mapping: superpage larger than the rest");
    set_leaves(drv, pte, pte + count, leaves_of(run, level, prot));

    const uint64_t pages = count << level_to_offset_bits(level);
    run.advance(pages);
    nr_pages -= pages;
    pte += count;
    if (nr_pages == 0 || is_first_item(pte) || (level > 1 && run.nr_pages < level_size(level))) {
      domain_flush_cache(drv, domain, first_pte,
                         static_cast<uint64_t>(pte - first_pte) * sizeof(dma_pte));
      pte = nullptr;
    }
  }
  return this_call.result(0);
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_pfn_mapping()
int domain_pfn_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn, uint64_t phys_pfn,
                       uint64_t nr_pages, uint64_t prot) {
  IOMMULAB_CALL(drv.trace, "domain_pfn_mapping", {"domain", domain}, {"iov_pfn", iov_pfn},
                {"phys_pfn", phys_pfn}, {"nr_pages", nr_pages}, {"prot", static_cast<int>(prot)});
  if (map_within_table(drv, domain, {iov_pfn, phys_pfn, nr_pages}, prot)) {
    return this_call.result(0);
  }
  return this_call.result(domain_mapping(drv, domain, iov_pfn, {}, phys_pfn, nr_pages, prot));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: domain_sg_mapping()
int domain_sg_mapping(intel_driver& drv, dmar_domain& domain, uint64_t iov_pfn,
                      absl::Span<scatterlist> sg, uint64_t nr_pages, uint64_t prot) {
  IOMMULAB_CALL(drv.trace, "domain_sg_mapping", {"domain", domain}, {"iov_pfn", iov_pfn},
                {"nents", static_cast<int>(sg.size())}, {"nr_pages", nr_pages},
                {"prot", static_cast<int>(prot)});
  return this_call.result(domain_mapping(drv, domain, iov_pfn, sg, 0, nr_pages, prot));
}

}  // namespace iommulab::v4_4
