// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify/api_player.h"

#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/status.h"

namespace iommulab::verify {
namespace {

using kind = api_call::kind;

// Longer than the unmap timer's delay, rounded up to ticks.
constexpr uint64_t until_timer_ns = 16'000'000;

}  // namespace

device* find_pci_device(kernel& system, std::string_view name) {
  device* found = nullptr;
  system.pci().for_each_pci_dev([&](pci_dev& pdev) {
    if (pdev.dev.name == name) found = &pdev.dev;
    return found != nullptr;
  });
  return found;
}

absl::Status api_player::play(const api_call& call) {
  return play(call, {});
}

absl::Status api_player::play(const api_call& call, absl::Span<scatterlist> list) {
  device* dev = nullptr;
  if (!call.device.empty()) {
    dev = find_pci_device(system_, call.device);
    if (dev == nullptr) {
      return errno_status(ENODEV, absl::StrFormat("line %d: %s: the machine has no such function",
                                                  call.line, call.device));
    }
  }
  system_.pages().replay(call.pages, after_replay::choose);
  absl::Status status = perform(call, dev, list);
  system_.pages().replay({}, after_replay::choose);
  return status;
}

absl::Status api_player::perform(const api_call& call, device* dev, absl::Span<scatterlist> list) {
  switch (call.what) {
    case kind::alloc_coherent: {
      if (call.mask != 0) dev->coherent_dma_mask = call.mask;
      dma_addr handle;
      const auto phys = dma_alloc_coherent(*dev, call.size, handle, call.flags);
      if (phys) buffers_[{dev, handle.value()}] = {*phys, call.size};
      break;
    }
    case kind::free_coherent: {
      const auto found = buffers_.find({dev, call.address.value()});
      if (found == buffers_.end()) {
        return errno_status(EINVAL, absl::StrFormat("line %d: no buffer of %s is at 0x%x",
                                                    call.line, call.device, call.address.value()));
      }
      const phys_addr phys = found->second.phys;
      buffers_.erase(found);
      dma_free_coherent(*dev, call.size, phys, call.address);
      break;
    }
    case kind::map_page:
      if (call.mask != 0) dev->dma_mask = call.mask;
      last_device_ = dev;
      last_address_ = dma_map_single(*dev, call.phys, call.size, call.dir);
      break;
    case kind::unmap_page:
      dma_unmap_page(*dev, call.address, call.size, call.dir);
      break;
    case kind::map_sg:
      dma_map_sg(*dev, list, call.dir);
      break;
    case kind::unmap_sg: {
      scatterlist first;
      first.dma_address = call.address;
      dma_unmap_sg(*dev, {&first, 1}, call.dir);
      break;
    }
    case kind::mapping_error:
      if (last_device_ != nullptr) dma_mapping_error(*last_device_, last_address_);
      break;
    case kind::unmap_timer:
      system_.env().clock.advance(until_timer_ns);
      break;
  }
  return absl::OkStatus();
}

}  // namespace iommulab::verify
