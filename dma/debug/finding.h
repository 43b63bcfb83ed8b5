// SPDX-License-Identifier: GPL-2.0-only
//
// What dma_debug found: which rule of the DMA API a caller broke, in the kernel's words, and in
// which line of the script.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnosis.h"

namespace iommulab {

enum class dma_debug_rule : uint8_t {
  // Unmapping. Linux v4.4 lib/dma-debug.c: check_unmap()
  unmap_of_error,       ///< the address with which a mapping failed
  unmap_not_allocated,  ///< nothing is mapped there: never was, or is no more
  unmap_size,           ///< another size than was mapped
  unmap_function,       ///< not the counterpart of what mapped
  unmap_cpu_address,    ///< coherent memory, and the memory is another
  unmap_entry_count,    ///< a scatter list of another length
  unmap_direction,      ///< another direction than was mapped
  map_error_unchecked,  ///< nobody asked whether the mapping had failed
  // Handing over. check_sync()
  sync_not_allocated,  ///< nothing is mapped there, or not all of it
  sync_direction,      ///< another direction than was mapped
  sync_for_cpu,        ///< for the CPU, what a device only reads
  sync_to_device,      ///< to the device, what it only writes
  sync_entry_count,    ///< a scatter list of another length
  // Mappings that stay. dma_debug_device_change(), active_cacheline_inc_overlap()
  pending_allocations,  ///< a driver leaves its device, and mappings stay
  too_many_overlaps,    ///< more mappings of a cache line than can be counted
  // What no sentence of 4.4's is about.
  overlapping_mappings,  ///< two mappings of the same memory, into both of which a device may write
  handle_given_away,     ///< the only name of an active mapping is given to another
};
/// The stable name, the enumerator's own.
std::string_view name(dma_debug_rule rule);

/// `where` is the device address, `value` the size; the sentence is the kernel's, behind the name
/// of the device.
struct dma_debug_finding : diagnosis_record<dma_debug_rule> {
  std::string device;   ///< "edu 0000:00:04.0"
  size_t line = 0;      ///< of the script; 0 outside one
  std::string history;  ///< of the mapping, in words; empty when nothing is known
};

/// One paragraph.
std::string to_text(const dma_debug_finding& f);

/// The first `capacity` findings, and how many there were. All are errors.
class dma_debug_log {
 public:
  static constexpr size_t capacity = 256;

  void add(dma_debug_finding f);
  [[nodiscard]] const std::vector<dma_debug_finding>& findings() const { return findings_; }
  [[nodiscard]] uint64_t errors() const { return errors_; }

 private:
  std::vector<dma_debug_finding> findings_;
  uint64_t errors_ = 0;
};

/// The findings, one paragraph each, behind a line that counts them.
std::string to_text(const dma_debug_log& log);

}  // namespace iommulab
