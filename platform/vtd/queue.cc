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

constexpr uint32_t error_bits = vtd::mask_of(vtd::fsts::iqe, vtd::fsts::ite);

/// Bytes that a device-TLB range means: the lowest zero bit of the page frame gives its size
/// (6.5.2.5); 0 when every bit is set, which is everything.
uint64_t device_tlb_bytes(bool size, uint64_t address) {
  if (!size) return page_size;
  const unsigned ones = static_cast<unsigned>(std::countr_one(address >> page_shift));
  return ones + page_shift + 1 >= 64 ? 0 : page_size << (ones + 1);
}

}  // namespace

uint32_t invalidation_queue::head() const {
  const auto index = static_cast<uint32_t>(vtd::iqh::qh.get(registers_.get(vtd_register::iqh)));
  return wide_ ? index / 2 : index;
}

uint32_t invalidation_queue::tail() const {
  const auto index = static_cast<uint32_t>(vtd::iqt::qt.get(registers_.get(vtd_register::iqt)));
  return wide_ ? index / 2 : index;
}

void invalidation_queue::set_head(uint32_t index) {
  registers_.set(vtd_register::iqh, vtd::iqh::qh.make(wide_ ? index * 2 : index));
}

void invalidation_queue::enable() {
  const uint64_t iqa = registers_.get(vtd_register::iqa);
  base_ = iqa & vtd::iqa::iqa.mask();
  wide_ = vtd::iqa::dw.test(iqa);
  entries_ = (static_cast<uint32_t>(page_size) / descriptor_bytes()) << vtd::iqa::qs.get(iqa);
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
  wide_ = false;
  device_tlb_timed_out_ = false;
}

void invalidation_queue::run() {
  if (running_) return;
  running_ = true;
  unsigned errors = 0;
  while (enabled_ && (faults_.status() & error_bits) == 0 && head() != tail()) {
    if (caches_.mode_refused) {
      diagnoses_.add(vtd_diagnosis::rtaddr_mode_unsupported, vtd::iqt_reg,
                     registers_.get(vtd_register::iqt),
                     "descriptors while the table mode is none of the unit's");
      raise_error(vtd::queue_error::mode_invalid);
      break;
    }
    if (!tail_good()) break;
    const uint32_t index = head();
    const std::optional<vtd::wide_descriptor> fetched = fetch(index);
    if (!fetched) {
      diagnoses_.add(vtd_diagnosis::queue_address_invalid, base_ + index * descriptor_bytes(),
                     index, "the descriptor is outside memory");
      raise_error(vtd::queue_error::descriptor_unreadable);
      break;
    }
    const vtd::wide_descriptor d = *fetched;
    trace_descriptor(d.lower, index);
    caches_.observers.tell(&unit_observer::descriptor_fetched, index, d.lower);
    // The head moves on once the descriptor is known to be good; a wait descriptor's interrupt
    // comes after that, so that its handler sees the queue past it.
    execute(d, index);
    // A handler that clears IQE and leaves the descriptor as it is would meet it for ever, and
    // here without any time passing: the second refusal ends the run.
    if (head() == index && ++errors > 1) break;
  }
  running_ = false;
}

bool invalidation_queue::tail_good() {
  const uint64_t iqt = registers_.get(vtd_register::iqt);
  if (wide_ && (vtd::iqt::qt.get(iqt) & 1) != 0) {
    diagnoses_.add(vtd_diagnosis::queue_tail_unaligned, vtd::iqt_reg, iqt,
                   "the tail is not at a descriptor of 256 bits");
    raise_error(vtd::queue_error::tail_unaligned);
    return false;
  }
  if (tail() >= entries_) {
    diagnoses_.add(vtd_diagnosis::queue_tail_invalid, vtd::iqt_reg, iqt,
                   absl::StrFormat("tail %u in a queue of %u", tail(), entries_));
    raise_error(vtd::queue_error::tail_beyond_queue);
    return false;
  }
  return true;
}

// Descriptors of 128 bits are taken for the lower half of one, whose upper half is zero.
std::optional<vtd::wide_descriptor> invalidation_queue::fetch(uint32_t index) const {
  const phys_addr at(base_ + index * descriptor_bytes());
  if (wide_) {
    const auto* d = memory_.object_at<vtd::wide_descriptor>(at);
    if (d == nullptr) return std::nullopt;
    return *d;
  }
  const auto* d = memory_.object_at<descriptor>(at);
  if (d == nullptr) return std::nullopt;
  return vtd::wide_descriptor{*d};
}

void invalidation_queue::raise_error(vtd::queue_error why) {
  if (config_.ecap.scalable_mode()) {
    const uint64_t before = registers_.get(vtd_register::iqer);
    registers_.set(vtd_register::iqer, vtd::iqer::iqei.set(before, static_cast<uint64_t>(why)));
  }
  faults_.raise_status(vtd::fsts::iqe.mask());
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
    case descriptor_type::pasid_device_tlb:
      return config_.ecap.device_tlb() && config_.ecap.scalable_mode();
    case descriptor_type::pasid_cache:
    case descriptor_type::pasid_iotlb:
      return config_.ecap.scalable_mode();
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
  switch (why) {
    case vtd_diagnosis::descriptor_width_invalid:
      return raise_error(vtd::queue_error::width_invalid);
    case vtd_diagnosis::descriptor_reserved_bits:
    case vtd_diagnosis::descriptor_granularity_reserved:
    case vtd_diagnosis::descriptor_mask_too_large:
      return raise_error(vtd::queue_error::reserved_bits);
    default:
      return raise_error(vtd::queue_error::type_invalid);
  }
}

bool invalidation_queue::reserved_bits_clear(const vtd::wide_descriptor& d) const {
  return vtd::reserved_bits_clear(d, config_.ecap.device_tlb_throttle(),
                                  config_.ecap.page_request_drain());
}

void invalidation_queue::execute(const vtd::wide_descriptor& wide, uint32_t index) {
  const descriptor d = wide.lower;
  if (!wide_ && caches_.scalable) return bad(vtd_diagnosis::descriptor_width_invalid, index, d);
  if (config_.ecap.scalable_mode() ? !d.known_wide_type() : !d.known_type()) {
    return bad(vtd_diagnosis::descriptor_type_unknown, index, d);
  }
  if (!supported(d.type())) return bad(vtd_diagnosis::descriptor_type_unsupported, index, d);
  if (!d.known_type() && !caches_.scalable) {
    return bad(vtd_diagnosis::descriptor_mode_invalid, index, d);
  }
  if (!reserved_bits_clear(wide)) return bad(vtd_diagnosis::descriptor_reserved_bits, index, d);
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
    case descriptor_type::pasid_cache:
      return do_pasid_cache(d, index);
    case descriptor_type::pasid_iotlb:
      return do_pasid_iotlb(d, index);
    case descriptor_type::pasid_device_tlb:
      return do_pasid_device_tlb(d, index);
  }
}

void invalidation_queue::do_pasid_cache(descriptor d, uint32_t index) {
  const auto request = vtd::pasid_cache_descriptor::decode(d);
  if (request.granularity == vtd::pasid_cache_granularity::reserved) {
    return bad(vtd_diagnosis::descriptor_granularity_reserved, index, d);
  }
  caches_.invalidate_pasids(request);
  set_head((index + 1) % entries_);
}

void invalidation_queue::do_pasid_iotlb(descriptor d, uint32_t index) {
  const auto request = vtd::pasid_iotlb_descriptor::decode(d);
  if (request.granularity != vtd::pasid_iotlb_granularity::pasid &&
      request.granularity != vtd::pasid_iotlb_granularity::page) {
    return bad(vtd_diagnosis::descriptor_granularity_reserved, index, d);
  }
  if (request.granularity == vtd::pasid_iotlb_granularity::page) {
    if (request.address_mask > config_.cap.max_address_mask()) {
      return bad(vtd_diagnosis::descriptor_mask_too_large, index, d);
    }
    if ((request.address & ((page_size << request.address_mask) - 1)) != 0) {
      diagnoses_.add(vtd_diagnosis::invalidation_address_unaligned, index, request.address,
                     absl::StrFormat("descriptor %u: the address is not aligned to mask %u", index,
                                     request.address_mask));
    }
  }
  caches_.invalidate_pasid_iotlb(request);
  set_head((index + 1) % entries_);
}

void invalidation_queue::do_pasid_device_tlb(descriptor d, uint32_t index) {
  const auto request = vtd::pasid_device_tlb_descriptor::decode(d);
  const uint64_t bytes = device_tlb_bytes(request.size, request.address);
  const uint64_t address = bytes == 0 ? 0 : request.address & ~(bytes - 1);
  const std::optional<uint32_t> pasid =
      request.global ? std::nullopt : std::optional(request.pasid);
  set_head((index + 1) % entries_);
  if (device_tlbs_ == nullptr) return;
  device_tlb_answered(device_tlbs_->invalidate_pasid(request.source, pasid, address, bytes),
                      request.source, address, bytes);
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
  const uint64_t bytes = device_tlb_bytes(request.size, request.address);
  const uint64_t address = bytes == 0 ? 0 : request.address & ~(bytes - 1);
  set_head((index + 1) % entries_);
  if (device_tlbs_ == nullptr) return;
  device_tlb_answered(device_tlbs_->invalidate(request.source, address, bytes), request.source,
                      address, bytes);
}

void invalidation_queue::device_tlb_answered(device_tlb_reply reply, uint16_t source,
                                             uint64_t address, uint64_t bytes) {
  const auto note = [&](vtd::field64 who) {
    if (!config_.ecap.scalable_mode()) return;
    registers_.set(vtd_register::iqer, who.set(registers_.get(vtd_register::iqer), source));
  };
  switch (reply) {
    case device_tlb_reply::done:
      caches_.observers.tell(&unit_observer::device_tlb_invalidated, source, address, bytes);
      break;
    case device_tlb_reply::timed_out:
      // Noticed by the next wait, as on hardware, where completions arrive later.
      device_tlb_timed_out_ = true;
      note(vtd::iqer::itesid);
      break;
    case device_tlb_reply::completion_error:
      note(vtd::iqer::icesid);
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
