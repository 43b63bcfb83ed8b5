// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/api_player.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/enum_names.h"
#include "core/text_source.h"

namespace iommulab::verify {
namespace {

using kind = api_call::kind;

/// The function of the kernel that the recording shows.
std::string_view name(kind what) {
  static constexpr auto names = enum_names<kind>({
      {kind::alloc_coherent, "intel_alloc_coherent"},
      {kind::free_coherent, "intel_free_coherent"},
      {kind::map_page, "intel_map_page"},
      {kind::unmap_page, "intel_unmap_page"},
      {kind::map_sg, "intel_map_sg"},
      {kind::unmap_sg, "intel_unmap_sg"},
      {kind::mapping_error, "intel_mapping_error"},
      {kind::unmap_timer, "flush_unmaps_timeout"},
  });
  return names(what);
}

// Longer than the unmap timer's delay, rounded up to ticks.
constexpr uint64_t until_timer_ns = 16'000'000;

/// Where a page of a list lies of which nothing is known. One page off any larger page, so that a
/// long list gives no superpages.
constexpr phys_addr somewhere(0x1001000);

/// The pages of a list, each behind the one before it where nothing else is known.
std::vector<phys_addr> pages_of(const api_call& call) {
  std::vector<phys_addr> pages;
  for (uint64_t i = 0; i < call.size / page_size; ++i) {
    const phys_addr next = pages.empty() ? somewhere : pages.back() + page_size;
    pages.push_back(i < call.list_pages.size() ? call.list_pages[i].value_or(next) : next);
  }
  return pages;
}

/// A list of whole pages, cut where pages do not follow one another, and then anywhere, until it
/// has as many pieces as it is to have. Empty when a piece would be left without a page. A list in
/// which nothing was mapped has one page a piece.
std::vector<scatterlist> make_list(const api_call& call) {
  api_call whole = call;
  if (whole.size == 0) whole.size = call.pieces * page_size;
  const std::vector<phys_addr> pages = pages_of(whole);
  if (call.pieces == 0 || pages.size() < call.pieces) return {};
  std::vector<bool> starts(pages.size(), false);
  starts[0] = true;
  size_t pieces = 1;
  for (const bool only_gaps : {true, false}) {
    for (size_t i = 1; i < pages.size() && pieces < call.pieces; ++i) {
      if (starts[i] || (only_gaps && pages[i] == pages[i - 1] + page_size)) continue;
      starts[i] = true;
      ++pieces;
    }
  }
  std::vector<scatterlist> list;
  for (size_t i = 0; i < pages.size(); ++i) {
    if (starts[i]) list.emplace_back().page = pages[i];
    list.back().length += page_size;
  }
  return list;
}

}  // namespace

bool machine_has(const kernel& system, std::string_view name) {
  const auto& functions = system.machine().pci_functions;
  return std::any_of(functions.begin(), functions.end(),
                     [&](const pci_function_config& f) { return to_string(f.id) == name; });
}

absl::Status api_player::refuse(const api_call& call, std::string_view field,
                                std::string_view value, std::string_view why) const {
  return line_error(differences_.file(), call.line, field, value, why);
}

absl::Status api_player::play(const api_call& call) {
  device* dev = nullptr;
  if (!call.device.empty()) {
    dev = system_.pci().bus_find_device_by_name(call.device);
    if (dev == nullptr) {
      if (!machine_has(system_, call.device)) {
        return refuse(call, "device", call.device, "the machine has no such function");
      }
      differences_.add(call.line, absl::StrFormat("%s() of %s", name(call.what), call.device),
                       "the bus has no such device");
      return absl::OkStatus();
    }
  }
  system_.pages().replay(call.pages, after_replay::choose);
  absl::Status status = perform(call, dev);
  system_.pages().replay({}, after_replay::choose);
  return status;
}

void api_player::let_timer_expire() {
  system_.env().clock.advance(until_timer_ns);
}

void api_player::remember(const device* dev, const api_call& call, dma_addr ours) {
  const uint64_t recorded = call.address.value() != 0 ? call.address.value() : call.phys.value();
  mapped_[{dev, recorded & page_mask}] = dma_addr(ours.value() & page_mask);
}

dma_addr api_player::ours(const device* dev, dma_addr recorded) const {
  const auto found = mapped_.find({dev, recorded.value() & page_mask});
  return found == mapped_.end() ? recorded : found->second + recorded.page_offset();
}

absl::Status api_player::perform(const api_call& call, device* dev) {
  switch (call.what) {
    case kind::alloc_coherent: {
      if (call.mask != 0) dev->coherent_dma_mask = call.mask;
      dma_addr handle;
      const auto phys = dma_alloc_coherent(*dev, call.size, handle, call.flags);
      if (phys) {
        buffers_[{dev, handle.value()}] = {*phys, call.size};
        remember(dev, call, handle);
      } else {
        refused_buffers_.insert({dev, call.address.value()});
      }
      break;
    }
    case kind::free_coherent: {
      const dma_addr handle = ours(dev, call.address);
      const auto found = buffers_.find({dev, handle.value()});
      if (found == buffers_.end()) {
        if (refused_buffers_.erase({dev, call.address.value()}) == 0) {
          return refuse(call, "intel_free_coherent", absl::StrFormat("0x%x", call.address.value()),
                        absl::StrFormat("no buffer of %s is there", call.device));
        }
        differences_.add(call.line,
                         absl::StrFormat("%s() of %s at 0x%x", name(call.what), call.device,
                                         call.address.value()),
                         "the buffer was not to be had");
        break;
      }
      const phys_addr phys = found->second.phys;
      buffers_.erase(found);
      dma_free_coherent(*dev, call.size, phys, handle);
      break;
    }
    case kind::map_page:
      if (call.mask != 0) dev->dma_mask = call.mask;
      last_device_ = dev;
      last_address_ = dma_map_single(*dev, call.phys, call.size, call.dir);
      remember(dev, call, last_address_);
      break;
    case kind::unmap_page:
      dma_unmap_page(*dev, ours(dev, call.address), call.size, call.dir);
      break;
    case kind::map_sg: {
      std::vector<scatterlist> list = make_list(call);
      if (list.empty()) {
        return refuse(call, "intel_map_sg",
                      absl::StrFormat("%d pieces, 0x%x bytes", call.pieces, call.size),
                      "no scatter list is like that");
      }
      dma_map_sg(*dev, absl::MakeSpan(list), call.dir);
      remember(dev, call, list[0].dma_address);
      break;
    }
    case kind::unmap_sg: {
      scatterlist first;
      first.dma_address = ours(dev, call.address);
      dma_unmap_sg(*dev, {&first, 1}, call.dir);
      break;
    }
    case kind::mapping_error:
      if (last_device_ != nullptr) dma_mapping_error(*last_device_, last_address_);
      break;
    case kind::unmap_timer:
      let_timer_expire();
      break;
  }
  return absl::OkStatus();
}

}  // namespace iommulab::verify
