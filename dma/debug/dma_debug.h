// SPDX-License-Identifier: GPL-2.0-only
//
// Checks how the DMA API is used, as a kernel with CONFIG_DMA_API_DEBUG does: each mapping is
// remembered, and what is unmapped or handed over is held against it. Linux v4.4 lib/dma-debug.c,
// by name. It changes nothing that driver or hardware do.
//
// A complaint is a warning in the kernel's log, in the kernel's words, and a finding. All are
// printed, as with 1 in the kernel's dma-api/all_errors; the line "Mapped at:" with its backtrace
// is left out, and the finding names the line of the script instead.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/device.h"
#include "core/dma/dma_debug_hooks.h"
#include "dma/debug/active_cachelines.h"
#include "dma/debug/entries.h"
#include "dma/debug/finding.h"

namespace iommulab {

class dma_debug final : public dma_debug_hooks {
 public:
  /// The line of the script that runs from now on; 0 for none.
  void at_line(size_t line) { line_ = line; }

  void debug_dma_map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                          dma_data_direction direction, dma_addr address, bool map_single) override;
  void debug_dma_mapping_error(device& dev, dma_addr address) override;
  void debug_dma_unmap_page(device& dev, dma_addr address, uint64_t size,
                            dma_data_direction direction, bool map_single) override;
  void debug_dma_map_sg(device& dev, absl::Span<const scatterlist> sg, int mapped_ents,
                        dma_data_direction direction) override;
  void debug_dma_unmap_sg(device& dev, absl::Span<const scatterlist> sg,
                          dma_data_direction direction) override;
  void debug_dma_alloc_coherent(device& dev, uint64_t size, dma_addr address,
                                std::optional<phys_addr> virt) override;
  void debug_dma_free_coherent(device& dev, uint64_t size, phys_addr virt,
                               dma_addr address) override;
  void debug_dma_sync_single_range_for_cpu(device& dev, dma_addr address, uint64_t offset,
                                           uint64_t size, dma_data_direction direction) override;
  void debug_dma_sync_single_range_for_device(device& dev, dma_addr address, uint64_t offset,
                                              uint64_t size, dma_data_direction direction) override;
  void debug_dma_sync_sg_for_cpu(device& dev, absl::Span<const scatterlist> sg,
                                 dma_data_direction direction) override;
  void debug_dma_sync_sg_for_device(device& dev, absl::Span<const scatterlist> sg,
                                    dma_data_direction direction) override;

  /// dma_debug_device_change(): the driver leaves its device. What a script mapped counts, not what
  /// drivers of the boot hold.
  void device_released(device& dev);

  /// Whether something is mapped at exactly this address, and in which line it was.
  [[nodiscard]] std::optional<size_t> mapped_in(const device& dev, dma_addr address);
  /// `handle` of the script gets another mapping while this one is active.
  void handle_given_away(device& dev, dma_addr address, uint64_t size, uint64_t handle,
                         size_t mapped_in);

  [[nodiscard]] const dma_debug_log& log() const { return log_; }

 private:
  /// Of a mapping that is no more.
  struct past {
    size_t mapped = 0;
    size_t unmapped = 0;
  };
  enum class toward : uint8_t { cpu, device };

  void add_dma_entry(dma_debug_entry entry);
  void dma_entry_free(const dma_debug_entry& entry);
  void check_unmap(const dma_debug_entry& ref);
  void check_missing(const dma_debug_entry& ref);
  void check_function(const dma_debug_entry& ref, const dma_debug_entry& entry);
  void check_overlap(const dma_debug_entry& entry);
  void check_sync(const dma_debug_entry& ref, toward side);
  void check_sync_direction(const dma_debug_entry& ref, const dma_debug_entry& entry, toward side);
  void sync_list(device& dev, absl::Span<const scatterlist> sg, dma_data_direction direction,
                 toward side);
  int get_nr_mapped_entries(const dma_debug_entry& ref);

  void err_printk(const dma_debug_entry& about, dma_debug_rule rule, std::string sentence,
                  std::string history);
  void keep(const dma_debug_entry& about, dma_debug_rule rule, std::string sentence,
            std::string history);

  dma_debug_entries entries_;
  active_cachelines active_;
  std::map<std::pair<const device*, uint64_t>, past> gone_;
  bool told_of_overlaps_ = false;  ///< WARN_ONCE()
  size_t line_ = 0;
  dma_debug_log log_;
};

}  // namespace iommulab
