// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/stop_player.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/pci/registers.h"
#include "core/text_source.h"
#include "platform/endpoints/edu.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

using api_kind = dma_api_item::kind;

// What the recorder had the edu device do.
constexpr uint64_t edu_read_command = edu::command_start.mask();
constexpr uint64_t edu_write_command = mask_of(edu::command_start, edu::command_to_memory);
constexpr uint64_t unmapped_for_read = 0xabc000;
constexpr uint64_t unmapped_for_write = 0xabd000;
constexpr uint64_t fault_bytes = 64;

/// `text` with another number behind "NAME=".
std::string with_number(std::string text, std::string_view name, uint64_t number) {
  const size_t at = text.find(absl::StrCat(" ", std::string(name), "="));
  if (at == std::string::npos) return text;
  const size_t start = at + name.size() + 2;
  const size_t end = std::min(text.find(' ', start), text.size());
  return text.replace(start, end - start, absl::StrFormat("0x%x", number));
}

std::string hex(uint64_t number) {
  return absl::StrFormat("0x%x", number);
}

}  // namespace

std::vector<page_block> stop_player::used_blocks(absl::Span<const dma_api_file> files) {
  std::vector<page_block> blocks;
  const auto add = [&](phys_addr page, uint64_t length) {
    const phys_addr start = page - page.page_offset();
    const uint64_t pages = (page.page_offset() + length + page_size - 1) / page_size;
    blocks.push_back({start, pages * page_size});
  };
  for (const dma_api_file& file : files) {
    for (const dma_api_item& item : file.items) {
      for (const phys_addr page : item.pages) add(page, page_size);
      // A buffer of memory's own addresses is a block of a power of two of pages.
      const uint64_t pages = (item.size + page_size - 1) / page_size;
      if (item.direct && item.what == api_kind::alloc) {
        add(item.phys, std::bit_ceil(pages) * page_size);
      }
      if (item.what == api_kind::map_page) add(item.phys, item.size);
    }
  }
  return blocks;
}

absl::Status stop_player::refuse(const dma_api_file& file, const dma_api_item& item,
                                 std::string_view why) const {
  return line_error(file.name, item.line, "call", item.text, why);
}

absl::Status stop_player::play(const stop_step& step) {
  played_step played{step, recorder_.events().size(), 0, {}, {}, {}};
  absl::Status status;
  switch (step.what) {
    case stop_step::kind::call:
      settle(step.file);
      played.first_event = recorder_.events().size();
      status = call(files_[step.file], files_[step.file].items[step.item], played);
      break;
    case stop_step::kind::timer:
      let_timer_expire();
      break;
    case stop_step::kind::fault:
      status = make_fault(step);
      break;
  }
  played.last_event = recorder_.events().size();
  played_.push_back(std::move(played));
  return status;
}

// A timer that another device's calls armed is a tick older than the ones that come.
void stop_player::settle(size_t file) {
  constexpr int most_ticks = 2;  // a timer has four
  const bool waits = system_.generation().waiting().count > 0;
  if (file != last_file_ && waits && ticks_ < most_ticks) {
    system_.env().clock.advance(ns_per_jiffy);
    ++ticks_;
  }
  last_file_ = file;
}

void stop_player::let_timer_expire() {
  constexpr int most_ticks = 8;
  const size_t first = recorder_.events().size();
  const auto has_flushed = [&] {
    const auto& events = recorder_.events();
    return std::any_of(events.begin() + static_cast<std::ptrdiff_t>(first), events.end(),
                       [](const trace_event& e) { return e.kind() == trace_kind::descriptor; });
  };
  for (int i = 0; i < most_ticks && !has_flushed(); ++i) {
    system_.env().clock.advance(ns_per_jiffy);
  }
  ticks_ = 0;
}

absl::Status stop_player::make_fault(const stop_step& step) {
  const auto slot = parse_pci_address(step.device);
  edu* device = slot ? system_.endpoints().find<edu>(*slot) : nullptr;
  iommulab::device* dev = system_.pci().bus_find_device_by_name(step.device);
  if (device == nullptr || dev == nullptr) {
    return line_error(tracepoints_file, step.line, "device", step.device,
                      "the machine has no edu device there");
  }
  pci_config_space& config = *dev->pci->config;
  config.write16(pci_reg::command,
                 pci_reg::command_bus_master.set(config.read16(pci_reg::command), 1));
  const auto transfer = [&](uint64_t source, uint64_t destination, uint64_t command) {
    device->start_transfer(
        {.source = source, .destination = destination, .count = fault_bytes, .command = command});
    system_.env().clock.advance(edu::transfer_ns);
  };
  transfer(unmapped_for_read, edu::buffer_address, edu_read_command);
  transfer(edu::buffer_address, unmapped_for_write, edu_write_command);
  return absl::OkStatus();
}

void stop_player::remember(const dma_api_file& file, dma_addr recorded, dma_addr ours) {
  mapped_[{file.device, recorded.value() & page_mask}] = dma_addr(ours.value() & page_mask);
}

dma_addr stop_player::ours(const dma_api_file& file, dma_addr recorded) const {
  const auto found = mapped_.find({file.device, recorded.value() & page_mask});
  return found == mapped_.end() ? recorded : found->second + recorded.page_offset();
}

std::vector<scatterlist> stop_player::make_list(const dma_api_item& item) const {
  std::vector<scatterlist> list;
  if (item.direct) {
    // Whole pages, or one piece.
    for (const phys_addr start : item.list) {
      scatterlist& piece = list.emplace_back();
      piece.page = start - start.page_offset();
      piece.offset = static_cast<uint32_t>(start.page_offset());
      piece.length = static_cast<uint32_t>(item.size / item.list.size());
    }
    return list;
  }
  for (const list_piece& part : pieces_of(item)) {
    scatterlist& piece = list.emplace_back();
    piece.page = part.start - part.start.page_offset();
    piece.offset = static_cast<uint32_t>(part.start.page_offset());
    piece.length = static_cast<uint32_t>(part.length);
  }
  return list;
}

absl::Status stop_player::call(const dma_api_file& file, const dma_api_item& item,
                               played_step& played) {
  device* dev = system_.pci().bus_find_device_by_name(file.device);
  if (dev == nullptr) return refuse(file, item, "the machine has no such function");
  dev->dma_mask = dma_bit_mask(file.mask_bits);
  dev->coherent_dma_mask = dma_bit_mask(file.coherent_mask_bits);
  // Linux v6.12 drivers/nvme/host/pci.c: nvme_pci_alloc_dev()
  if (file.driver == "nvme") dev->dma_max_seg_size = UINT32_MAX;
  if (!played.step.missed) played.begins = played.step.text;
  played.line = absl::StrCat(item.direct ? "direct " : "", item.given);
  const auto give = [&](std::string_view result) {
    absl::StrAppend(&played.line, " -> ", std::string(result));
  };
  const key at{file.device, item.address.value() & page_mask};
  switch (item.what) {
    case api_kind::alloc: {
      std::vector<phys_addr> pages = item.pages;
      if (item.direct) pages = {item.phys};
      system_.pages().replay(std::move(pages), after_replay::choose);
      dma_addr handle;
      const auto phys = dma_alloc_coherent(*dev, item.size, handle, gfp_kernel);
      system_.pages().replay({}, after_replay::choose);
      if (phys) {
        remember(file, item.address, handle);
        buffers_[at] = *phys;
      }
      give(phys ? hex(handle.value()) : "none");
      played.ends = "alloc_ret:";
      break;
    }
    case api_kind::free: {
      if (item.size == 0) break;  // of nothing, as kfree() takes a null pointer
      const dma_addr handle = ours(file, item.address);
      const auto buffer = buffers_.find(at);
      if (buffer == buffers_.end()) break;  // it was not to be had, which its line says
      played.line = with_number(played.line, "dma", handle.value());
      played.begins = with_number(played.begins, "iova", handle.value());
      const phys_addr phys = buffer->second;
      buffers_.erase(buffer);
      dma_free_coherent(*dev, item.size, phys, handle);
      break;
    }
    case api_kind::map_page: {
      const dma_addr handle = dma_map_page(*dev, item.phys - item.phys.page_offset(),
                                           item.phys.page_offset(), item.size, item.dir);
      remember(file, item.address, handle);
      give(hex(handle.value()));
      played.ends = absl::StrCat("map_page_ret: ret=", hex(handle.value()));
      break;
    }
    case api_kind::unmap_page: {
      const dma_addr handle = ours(file, item.address);
      played.line = with_number(played.line, "dma", handle.value());
      played.begins = with_number(played.begins, "iova", handle.value());
      dma_unmap_page(*dev, handle, item.size, item.dir);
      break;
    }
    case api_kind::map_sg: {
      std::vector<scatterlist> list = make_list(item);
      if (list.empty()) return refuse(file, item, "no list is like that");
      const int entries = dma_map_sg(*dev, absl::MakeSpan(list), item.dir);
      std::string result = item.direct ? std::string() : absl::StrFormat("%d", entries);
      for (int i = 0; i < entries && (item.direct || item.tells_parts); ++i) {
        const scatterlist& piece = list.at(static_cast<size_t>(i));
        absl::StrAppendFormat(&result, "%s0x%x:0x%x", result.empty() ? "" : " ",
                              piece.dma_address.value(), piece.dma_length);
      }
      give(result);
      played.ends = absl::StrFormat("map_sg_ret: ret=%d", entries);
      const key first{file.device,
                      (item.direct ? item.list.front().value() : item.address.value()) & page_mask};
      lists_[first] = {std::move(list)};
      break;
    }
    case api_kind::unmap_sg: {
      const key first{file.device,
                      (item.direct ? item.list.front().value() : item.address.value()) & page_mask};
      const auto list = lists_.find(first);
      if (list == lists_.end()) return refuse(file, item, "no list is mapped there");
      dma_unmap_sg(*dev, absl::MakeSpan(list->second.pieces), item.dir);
      lists_.erase(list);
      break;
    }
    case api_kind::mark:
    case api_kind::flush_timer:
    case api_kind::flush_full:
      return refuse(file, item, "it is no call");
  }
  return absl::OkStatus();
}

}  // namespace iommulab::verify
