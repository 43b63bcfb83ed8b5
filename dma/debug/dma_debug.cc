// SPDX-License-Identifier: GPL-2.0-only
#include "dma/debug/dma_debug.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/dma/dma_mapping.h"

namespace iommulab {
namespace {

using enum dma_debug_rule;

/// What a call says of a buffer that has one address.
dma_debug_entry single_entry(device& dev, bool map_single, dma_addr address, uint64_t size,
                             dma_data_direction direction) {
  dma_debug_entry made;
  made.dev = &dev;
  made.type = map_single ? dma_debug_type::single : dma_debug_type::page;
  made.dev_addr = address;
  made.size = size;
  made.direction = direction;
  return made;
}

dma_debug_entry piece_entry(device& dev, const scatterlist& piece, int nents,
                            dma_data_direction direction) {
  dma_debug_entry made = single_entry(dev, false, piece.dma_address, piece.dma_length, direction);
  made.type = dma_debug_type::sg;
  made.phys = sg_phys(piece);
  made.sg_call_ents = nents;
  return made;
}

dma_debug_entry coherent_entry(device& dev, uint64_t size, phys_addr virt, dma_addr address) {
  dma_debug_entry made = single_entry(dev, false, address, size, dma_data_direction::bidirectional);
  made.type = dma_debug_type::coherent;
  made.phys = virt;
  return made;
}

std::string place(const dma_debug_entry& entry) {
  return absl::StrFormat("[device address=0x%016x] [size=%d bytes]", entry.dev_addr.value(),
                         entry.size);
}

std::string mapped_in_words(size_t line) {
  return line == 0 ? std::string() : absl::StrFormat("mapped in line %d", line);
}

/// The kernel's bucket for an address, which decides in what order it looks at mappings.
uint64_t hash_fn(const dma_debug_entry& entry) {
  constexpr unsigned shift = 13;
  constexpr uint64_t mask = 0x3ff;
  return (entry.dev_addr.value() >> shift) & mask;
}

}  // namespace

void dma_debug::keep(const dma_debug_entry& about, dma_debug_rule rule, std::string sentence,
                     std::string history) {
  dma_debug_finding found;
  found.id = rule;
  found.where = about.dev_addr.value();
  found.value = about.size;
  found.sentence = std::move(sentence);
  found.device = absl::StrCat(dev_driver_string(*about.dev), " ", about.dev->name);
  found.line = line_;
  found.history = std::move(history);
  log_.add(std::move(found));
}

void dma_debug::err_printk(const dma_debug_entry& about, dma_debug_rule rule, std::string sentence,
                           std::string history) {
  sentence.insert(0, "DMA-API: ");
  about.dev->bus->env.log.warn(
      absl::StrCat(dev_driver_string(*about.dev), " ", about.dev->name, ": ", sentence));
  keep(about, rule, std::move(sentence), std::move(history));
}

void dma_debug::add_dma_entry(dma_debug_entry entry) {
  entry.line = line_;
  gone_.erase({entry.dev, entry.dev_addr.value()});
  check_overlap(entries_.add(entry));
}

// 4.4 counts the first cache line of each mapping, and complains when it cannot count any further:
// "TODO: report -EEXIST errors here". Later kernels complain at the second; so does the finding.
void dma_debug::check_overlap(const dma_debug_entry& entry) {
  if (entry.direction == dma_data_direction::to_device) return;
  const uint64_t line = active_cachelines::number_of(entry.phys);
  if (!active_.insert(line) && !told_of_overlaps_) {
    told_of_overlaps_ = true;
    const std::string sentence =
        absl::StrFormat("DMA-API: exceeded %d overlapping mappings of cacheline 0x%016x",
                        active_cachelines::max_overlap, line);
    entry.dev->bus->env.log.warn(sentence);
    keep(entry, too_many_overlaps, sentence, {});
  }
  const dma_debug_entry* other = entries_.overlapping(entry);
  if (other == nullptr) return;
  keep(entry, overlapping_mappings,
       "DMA-API: cacheline tracking EEXIST, overlapping mappings aren't supported",
       absl::StrFormat("0x%x, %d bytes, lies in an active mapping%s of 0x%x, %d bytes; Linux 4.4 "
                       "says nothing of the first %d",
                       entry.phys.value(), entry.size,
                       other->line == 0 ? "" : absl::StrFormat(" of line %d", other->line),
                       other->phys.value(), other->size, active_cachelines::max_overlap));
}

void dma_debug::dma_entry_free(const dma_debug_entry& entry) {
  if (entry.direction != dma_data_direction::to_device) {
    active_.remove(active_cachelines::number_of(entry.phys));
  }
  gone_[{entry.dev, entry.dev_addr.value()}] = {entry.line, line_};
  entries_.remove(entry);
}

void dma_debug::check_missing(const dma_debug_entry& ref) {
  if (get_dma_ops(*ref.dev).mapping_error(*ref.dev, ref.dev_addr)) {
    err_printk(ref, unmap_of_error, "device driver tries to free an invalid DMA memory address",
               {});
    return;
  }
  std::string history = "no line of the script mapped it";
  if (const auto found = gone_.find({ref.dev, ref.dev_addr.value()}); found != gone_.end()) {
    history = absl::StrFormat("mapped in line %d, unmapped in line %d", found->second.mapped,
                              found->second.unmapped);
  }
  err_printk(
      ref, unmap_not_allocated,
      absl::StrCat("device driver tries to free DMA memory it has not allocated ", place(ref)),
      line_ == 0 ? std::string() : history);
}

void dma_debug::check_function(const dma_debug_entry& ref, const dma_debug_entry& entry) {
  if (ref.type != entry.type) {
    err_printk(ref, unmap_function,
               absl::StrFormat("device driver frees DMA memory with wrong function %s "
                               "[mapped as %s] [unmapped as %s]",
                               place(ref), name(entry.type), name(ref.type)),
               mapped_in_words(entry.line));
  } else if (entry.type == dma_debug_type::coherent && ref.phys != entry.phys) {
    err_printk(ref, unmap_cpu_address,
               absl::StrFormat("device driver frees DMA memory with different CPU address %s "
                               "[cpu alloc address=0x%016x] [cpu free address=0x%016x]",
                               place(ref), entry.phys.value(), ref.phys.value()),
               mapped_in_words(entry.line));
  }
}

void dma_debug::check_unmap(const dma_debug_entry& ref) {
  const dma_debug_entry* found = entries_.find_exact(ref);
  if (found == nullptr) {
    check_missing(ref);
    return;
  }
  const dma_debug_entry& entry = *found;
  const std::string history = mapped_in_words(entry.line);
  if (ref.size != entry.size) {
    err_printk(ref, unmap_size,
               absl::StrFormat("device driver frees DMA memory with different size "
                               "[device address=0x%016x] [map size=%d bytes] [unmap size=%d bytes]",
                               ref.dev_addr.value(), entry.size, ref.size),
               history);
  }
  check_function(ref, entry);
  if (ref.sg_call_ents != 0 && ref.type == dma_debug_type::sg &&
      ref.sg_call_ents != entry.sg_call_ents) {
    err_printk(ref, unmap_entry_count,
               absl::StrFormat("device driver frees DMA sg list with different entry count "
                               "[map count=%d] [unmap count=%d]",
                               entry.sg_call_ents, ref.sg_call_ents),
               history);
  }
  if (ref.direction != entry.direction) {
    err_printk(
        ref, unmap_direction,
        absl::StrFormat("device driver frees DMA memory with different direction %s "
                        "[mapped with %s] [unmapped with %s]",
                        place(ref), constant_name(entry.direction), constant_name(ref.direction)),
        history);
  }
  if (entry.map_error_unchecked) {
    // The kernel's own words run together.
    err_printk(ref, map_error_unchecked,
               absl::StrFormat("device driver failed to check map error%s [mapped as %s]",
                               place(ref), name(entry.type)),
               history);
  }
  dma_entry_free(entry);
}

void dma_debug::check_sync_direction(const dma_debug_entry& ref, const dma_debug_entry& entry,
                                     toward side) {
  const auto complain = [&](dma_debug_rule rule, std::string_view what) {
    err_printk(ref, rule,
               absl::StrFormat("device driver syncs %s [device address=0x%016x] [size=%d bytes] "
                               "[mapped with %s] [synced with %s]",
                               what, ref.dev_addr.value(), entry.size,
                               constant_name(entry.direction), constant_name(ref.direction)),
               mapped_in_words(entry.line));
  };
  using enum dma_data_direction;
  if (ref.direction != entry.direction) {
    complain(sync_direction, "DMA memory with different direction");
  }
  if (side == toward::cpu && entry.direction != from_device && ref.direction != to_device) {
    complain(sync_for_cpu, "device read-only DMA memory for cpu");
  }
  if (side == toward::device && entry.direction != to_device && ref.direction != from_device) {
    complain(sync_to_device, "device write-only DMA memory to device");
  }
}

// The kernel's complaint about more than the mapping holds comes after a search for mappings that
// hold all of it, so never: what is too long is told as not allocated.
void dma_debug::check_sync(const dma_debug_entry& ref, toward side) {
  const dma_debug_entry* entry = entries_.find_contain(ref);
  if (entry == nullptr) {
    err_printk(
        ref, sync_not_allocated,
        absl::StrCat("device driver tries to sync DMA memory it has not allocated ", place(ref)),
        {});
    return;
  }
  if (entry->direction == dma_data_direction::bidirectional) return;
  check_sync_direction(ref, *entry, side);
  if (ref.sg_call_ents != 0 && ref.type == dma_debug_type::sg &&
      ref.sg_call_ents != entry->sg_call_ents) {
    err_printk(ref, sync_entry_count,
               absl::StrFormat("device driver syncs DMA sg list with different entry count "
                               "[map count=%d] [sync count=%d]",
                               entry->sg_call_ents, ref.sg_call_ents),
               mapped_in_words(entry->line));
  }
}

void dma_debug::debug_dma_map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                                   dma_data_direction direction, dma_addr address,
                                   bool map_single) {
  if (get_dma_ops(dev).mapping_error(dev, address)) return;
  dma_debug_entry entry = single_entry(dev, map_single, address, size, direction);
  entry.phys = page + offset;
  entry.map_error_unchecked = true;
  add_dma_entry(entry);
}

void dma_debug::debug_dma_mapping_error(device& dev, dma_addr address) {
  for (dma_debug_entry* entry : entries_.at(dev, address)) {
    if (!entry->map_error_unchecked) continue;
    entry->map_error_unchecked = false;
    return;
  }
}

void dma_debug::debug_dma_unmap_page(device& dev, dma_addr address, uint64_t size,
                                     dma_data_direction direction, bool map_single) {
  check_unmap(single_entry(dev, map_single, address, size, direction));
}

void dma_debug::debug_dma_map_sg(device& dev, absl::Span<const scatterlist> sg, int mapped_ents,
                                 dma_data_direction direction) {
  for (const scatterlist& piece : sg.first(static_cast<size_t>(mapped_ents))) {
    dma_debug_entry entry = piece_entry(dev, piece, static_cast<int>(sg.size()), direction);
    entry.sg_mapped_ents = mapped_ents;
    add_dma_entry(entry);
  }
}

int dma_debug::get_nr_mapped_entries(const dma_debug_entry& ref) {
  const dma_debug_entry* entry = entries_.find_exact(ref);
  return entry == nullptr ? 0 : entry->sg_mapped_ents;
}

void dma_debug::debug_dma_unmap_sg(device& dev, absl::Span<const scatterlist> sg,
                                   dma_data_direction direction) {
  int mapped_ents = 0;
  for (size_t i = 0; i < sg.size(); ++i) {
    const dma_debug_entry ref = piece_entry(dev, sg[i], static_cast<int>(sg.size()), direction);
    if (mapped_ents != 0 && i >= static_cast<size_t>(mapped_ents)) break;
    if (i == 0) mapped_ents = get_nr_mapped_entries(ref);
    check_unmap(ref);
  }
}

void dma_debug::debug_dma_alloc_coherent(device& dev, uint64_t size, dma_addr address,
                                         std::optional<phys_addr> virt) {
  if (virt) add_dma_entry(coherent_entry(dev, size, *virt, address));
}

void dma_debug::debug_dma_free_coherent(device& dev, uint64_t size, phys_addr virt,
                                        dma_addr address) {
  check_unmap(coherent_entry(dev, size, virt, address));
}

// From here on the kernel takes what lies before the range for part of it.
void dma_debug::debug_dma_sync_single_range_for_cpu(device& dev, dma_addr address, uint64_t offset,
                                                    uint64_t size, dma_data_direction direction) {
  check_sync(single_entry(dev, true, address, offset + size, direction), toward::cpu);
}

void dma_debug::debug_dma_sync_single_range_for_device(device& dev, dma_addr address,
                                                       uint64_t offset, uint64_t size,
                                                       dma_data_direction direction) {
  check_sync(single_entry(dev, true, address, offset + size, direction), toward::device);
}

void dma_debug::sync_list(device& dev, absl::Span<const scatterlist> sg,
                          dma_data_direction direction, toward side) {
  int mapped_ents = 0;
  for (size_t i = 0; i < sg.size(); ++i) {
    const dma_debug_entry ref = piece_entry(dev, sg[i], static_cast<int>(sg.size()), direction);
    if (i == 0) mapped_ents = get_nr_mapped_entries(ref);
    if (i >= static_cast<size_t>(mapped_ents)) return;
    check_sync(ref, side);
  }
}

void dma_debug::debug_dma_sync_sg_for_cpu(device& dev, absl::Span<const scatterlist> sg,
                                          dma_data_direction direction) {
  sync_list(dev, sg, direction, toward::cpu);
}

void dma_debug::debug_dma_sync_sg_for_device(device& dev, absl::Span<const scatterlist> sg,
                                             dma_data_direction direction) {
  sync_list(dev, sg, direction, toward::device);
}

void dma_debug::device_released(device& dev) {
  std::vector<const dma_debug_entry*> pending = entries_.of(dev);
  std::erase_if(pending, [](const dma_debug_entry* entry) { return entry->line == 0; });
  if (pending.empty()) return;
  // Of several the kernel names the one that it comes to last.
  const dma_debug_entry& leaked = **std::max_element(
      pending.begin(), pending.end(), [](const dma_debug_entry* a, const dma_debug_entry* b) {
        return std::pair(hash_fn(*a), a->number) < std::pair(hash_fn(*b), b->number);
      });
  std::sort(pending.begin(), pending.end(), [](const dma_debug_entry* a, const dma_debug_entry* b) {
    return a->number < b->number;
  });
  std::string history = "mapped and never unmapped:";
  for (const dma_debug_entry* entry : pending) {
    absl::StrAppendFormat(&history, "%s line %d 0x%x", entry == pending.front() ? "" : ",",
                          entry->line, entry->dev_addr.value());
  }
  err_printk(leaked, pending_allocations,
             absl::StrFormat("device driver has pending DMA allocations while released from device "
                             "[count=%d]\nOne of leaked entries details: %s [mapped with %s] "
                             "[mapped as %s]",
                             pending.size(), place(leaked), constant_name(leaked.direction),
                             name(leaked.type)),
             std::move(history));
}

std::optional<size_t> dma_debug::mapped_in(const device& dev, dma_addr address) {
  const auto found = entries_.at(dev, address);
  if (found.empty()) return std::nullopt;
  return found.front()->line;
}

void dma_debug::handle_given_away(device& dev, dma_addr address, uint64_t size, uint64_t handle,
                                  size_t mapped_in) {
  dma_debug_entry about;
  about.dev = &dev;
  about.dev_addr = address;
  about.size = size;
  keep(about, dma_debug_rule::handle_given_away,
       absl::StrFormat("handle %d is used for another mapping, and 0x%x, %d bytes, is mapped still",
                       handle, address.value(), size),
       mapped_in_words(mapped_in));
}

}  // namespace iommulab
