// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/queue.h"

#include <atomic>
#include <bit>

#include "absl/strings/str_format.h"
#include "platform/vtd/spec/registers.h"
#include "platform/vtd/unit_observer.h"

namespace iommulab {
namespace {

using vtd::descriptor;
using vtd::descriptor_type;

constexpr uint32_t descriptors_per_page = page_size / sizeof(descriptor);
constexpr uint32_t error_bits = vtd::mask_of(vtd::fsts::iqe, vtd::fsts::ite);

/// Bytes that a device-TLB range means: the lowest zero bit of the page frame gives its size
/// (6.5.2.5); 0 when every bit is set, which is everything.
uint64_t device_tlb_bytes(const vtd::device_tlb_descriptor& d) {
  if (!d.size) return page_size;
  const unsigned ones = static_cast<unsigned>(std::countr_one(d.address >> page_shift));
  return ones + page_shift + 1 >= 64 ? 0 : page_size << (ones + 1);
}

}  // namespace

uint32_t invalidation_queue::head() const {
  return static_cast<uint32_t>(vtd::iqh::qh.get(registers_.get(vtd_register::iqh)));
}

uint32_t invalidation_queue::tail() const {
  return static_cast<uint32_t>(vtd::iqt::qt.get(registers_.get(vtd_register::iqt)));
}

void invalidation_queue::set_head(uint32_t index) {
  registers_.set(vtd_register::iqh, vtd::iqh::qh.make(index));
}

void invalidation_queue::enable() {
  const uint64_t iqa = registers_.get(vtd_register::iqa);
  base_ = iqa & vtd::iqa::iqa.mask();
  entries_ = descriptors_per_page << vtd::iqa::qs.get(iqa);
  enabled_ = true;
  set_head(0);
  if (tail() != 0) {
    diagnoses_.add(vtd_diagnosis::queue_enabled_with_tail, vtd::iqt_reg,
                   registers_.get(vtd_register::iqt), "QIE set while IQT is not zero");
  }
}

void invalidation_queue::disable() {
  if (head() != tail()) {
    diagnoses_.add(vtd_diagnosis::queue_disabled_while_busy, vtd::iqh_reg,
                   registers_.get(vtd_register::iqh),
                   absl::StrFormat("QIE cleared with head %u and tail %u", head(), tail()));
  }
  enabled_ = false;
  device_tlb_timed_out_ = false;
  set_head(0);
}

void invalidation_queue::address_written(uint64_t value) {
  if (!enabled_) return;
  diagnoses_.add(vtd_diagnosis::iqa_changed_while_enabled, vtd::iqa_reg, value,
                 "IQA written while the queue is enabled: no effect until it is enabled again");
}

void invalidation_queue::completion_status_written() {
  if (!vtd::ics::iwc.test(registers_.get32(vtd_register::ics))) completion_.conditions_gone();
}

void invalidation_queue::reset() {
  enabled_ = false;
  base_ = 0;
  entries_ = 0;
  device_tlb_timed_out_ = false;
}

void invalidation_queue::run() {
  if (running_) return;
  running_ = true;
  unsigned errors = 0;
  while (enabled_ && (faults_.status() & error_bits) == 0 && head() != tail()) {
    if (tail() >= entries_) {
      diagnoses_.add(vtd_diagnosis::queue_tail_invalid, vtd::iqt_reg,
                     registers_.get(vtd_register::iqt),
                     absl::StrFormat("tail %u in a queue of %u", tail(), entries_));
      faults_.raise_status(vtd::fsts::iqe.mask());
      break;
    }
    const uint32_t index = head();
    const std::optional<descriptor> fetched = fetch(index);
    if (!fetched) {
      diagnoses_.add(vtd_diagnosis::queue_address_invalid, base_ + index * sizeof(descriptor),
                     index, "the descriptor is outside memory");
      faults_.raise_status(vtd::fsts::iqe.mask());
      break;
    }
    const descriptor d = *fetched;
    trace_descriptor(d, index);
    caches_.observers.tell(&unit_observer::descriptor_fetched, index, d);
    // The head moves on once the descriptor is known to be good; a wait descriptor's interrupt
    // comes after that, so that its handler sees the queue past it.
    execute(d, index);
    // A handler that clears IQE and leaves the descriptor as it is would meet it for ever, and
    // here without any time passing: the second refusal ends the run.
    if (head() == index && ++errors > 1) break;
  }
  running_ = false;
}

std::optional<descriptor> invalidation_queue::fetch(uint32_t index) const {
  const auto* d = memory_.object_at<descriptor>(phys_addr(base_ + index * sizeof(descriptor)));
  if (d == nullptr) return std::nullopt;
  return *d;
}

void invalidation_queue::trace_descriptor(descriptor d, uint32_t index) const {
  trace_.tell([&] {
    return events::descriptor{config_.name, index, d.low, d.high, vtd::to_string(d)};
  });
}

bool invalidation_queue::supported(descriptor_type type) const {
  switch (type) {
    case descriptor_type::device_tlb:
      return config_.ecap.device_tlb();
    case descriptor_type::interrupt_entry:
      return config_.ecap.interrupt_remapping();
    default:
      return true;
  }
}

void invalidation_queue::bad(vtd_diagnosis why, uint32_t index, descriptor d) {
  diagnoses_.add(why, index, d.low,
                 absl::StrFormat("descriptor %u is low 0x%x high 0x%x: %s", index, d.low, d.high,
                                 vtd::to_string(d)));
  faults_.raise_status(vtd::fsts::iqe.mask());
}

void invalidation_queue::execute(descriptor d, uint32_t index) {
  if (!d.known_type()) return bad(vtd_diagnosis::descriptor_type_unknown, index, d);
  if (!supported(d.type())) return bad(vtd_diagnosis::descriptor_type_unsupported, index, d);
  if (!d.reserved_bits_clear(config_.ecap.device_tlb_throttle())) {
    return bad(vtd_diagnosis::descriptor_reserved_bits, index, d);
  }
  switch (d.type()) {
    case descriptor_type::context_cache:
      return do_context(d, index);
    case descriptor_type::iotlb:
      return do_iotlb(d, index);
    case descriptor_type::device_tlb:
      return do_device_tlb(d, index);
    case descriptor_type::interrupt_entry:
      return do_interrupt_entry(d, index);
    case descriptor_type::wait:
      return do_wait(d, index);
    default:
      break;
  }
}

void invalidation_queue::do_context(descriptor d, uint32_t index) {
  const auto request = vtd::context_cache_descriptor::decode(d);
  if (request.granularity == vtd::context_granularity::none) {
    return bad(vtd_diagnosis::descriptor_granularity_reserved, index, d);
  }
  caches_.invalidate_contexts(request);
  set_head((index + 1) % entries_);
}

void invalidation_queue::do_iotlb(descriptor d, uint32_t index) {
  auto request = vtd::iotlb_descriptor::decode(d);
  if (request.granularity == vtd::iotlb_granularity::none) {
    return bad(vtd_diagnosis::descriptor_granularity_reserved, index, d);
  }
  if (request.granularity == vtd::iotlb_granularity::page) {
    if (!config_.cap.page_selective_invalidation()) {
      request.granularity = vtd::iotlb_granularity::domain;  // coarser is always allowed
    } else if (request.address_mask > config_.cap.max_address_mask()) {
      return bad(vtd_diagnosis::descriptor_mask_too_large, index, d);
    } else if ((request.address & ((page_size << request.address_mask) - 1)) != 0) {
      diagnoses_.add(vtd_diagnosis::invalidation_address_unaligned, index, request.address,
                     absl::StrFormat("descriptor %u: the address is not aligned to mask %u", index,
                                     request.address_mask));
    }
  }
  caches_.invalidate_iotlb(request);
  set_head((index + 1) % entries_);
}

void invalidation_queue::do_device_tlb(descriptor d, uint32_t index) {
  const auto request = vtd::device_tlb_descriptor::decode(d);
  const uint64_t bytes = device_tlb_bytes(request);
  const uint64_t address = bytes == 0 ? 0 : request.address & ~(bytes - 1);
  set_head((index + 1) % entries_);
  if (device_tlbs_ == nullptr) return;
  switch (device_tlbs_->invalidate(request.source, address, bytes)) {
    case device_tlb_reply::done:
      caches_.observers.tell(&unit_observer::device_tlb_invalidated, request.source, address,
                             bytes);
      break;
    case device_tlb_reply::timed_out:
      // Noticed by the next wait, as on hardware, where completions arrive later.
      device_tlb_timed_out_ = true;
      break;
    case device_tlb_reply::completion_error:
      faults_.raise_status(vtd::fsts::ice.mask());
      break;
  }
}

void invalidation_queue::do_interrupt_entry(descriptor d, uint32_t index) {
  const auto request = vtd::interrupt_entry_descriptor::decode(d);
  if (request.selective && request.index_mask > config_.ecap.max_handle_mask()) {
    return bad(vtd_diagnosis::descriptor_mask_too_large, index, d);
  }
  caches_.invalidate_interrupts(request);
  set_head((index + 1) % entries_);
}

void invalidation_queue::do_wait(descriptor d, uint32_t index) {
  const auto request = vtd::wait_descriptor::decode(d);
  set_head((index + 1) % entries_);
  // 1. A device-TLB invalidation before it timed out: the wait is aborted, and nothing more is
  //    fetched until ITE is cleared (6.5.2.10).
  if (device_tlb_timed_out_) {
    device_tlb_timed_out_ = false;
    faults_.raise_status(vtd::fsts::ite.mask());
    return;
  }
  // 2. SW: the status word, whole.
  if (request.status_write) {
    if (auto* word = memory_.object_at<uint32_t>(request.status_address)) {
      std::atomic_ref<uint32_t>(*word).store(request.status_data, std::memory_order_release);
    } else {
      diagnoses_.add(vtd_diagnosis::wait_status_unwritable, request.status_address.value(), d.low,
                     absl::StrFormat("descriptor %u: the status address is outside memory", index));
    }
  }
  // 3. IF: IWC, and an event unless one is already waiting to be serviced (10.4.24).
  if (request.interrupt && !vtd::ics::iwc.test(registers_.get32(vtd_register::ics))) {
    registers_.set(vtd_register::ics, vtd::ics::iwc.mask());
    completion_.raise();
  }
}

}  // namespace iommulab
