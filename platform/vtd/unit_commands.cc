// SPDX-License-Identifier: GPL-2.0-only
//
// The command registers: GCMD (VT-d specification 10.4.4), CCMD (10.4.7) and IOTLB (10.4.8).
#include <bit>

#include "absl/strings/str_format.h"
#include "platform/vtd/spec/registers.h"
#include "platform/vtd/unit.h"

namespace iommulab {
namespace {

namespace gcmd = vtd::gcmd;
namespace gsts = vtd::gsts;

/// Commands that do something each time they are written as one.
constexpr uint32_t one_shots = vtd::mask_of(gcmd::srtp, gcmd::sfl, gcmd::wbf, gcmd::sirtp);
/// Commands that hold: what counts is whether the bit differs from its status.
constexpr uint32_t toggles = vtd::mask_of(gcmd::te, gcmd::eafl, gcmd::qie, gcmd::ire, gcmd::cfi);

}  // namespace

void vtd_unit::set_status(vtd::field32 bit, bool on) {
  registers_.set(vtd_register::gsts, bit.set(registers_.get32(vtd_register::gsts), on));
}

bool vtd_unit::status(vtd::field32 bit) const {
  return bit.test(registers_.get32(vtd_register::gsts));
}

bool vtd_unit::capable(bool capability, vtd::field32 command, uint32_t written) {
  if (capability) return true;
  diagnoses_.add(vtd_diagnosis::gcmd_capability_missing, vtd::gcmd_reg, written,
                 absl::StrFormat("the command in bit %u needs a capability that is clear: ignored",
                                 command.low));
  return false;
}

void vtd_unit::global_command(uint32_t written) {
  const uint32_t now = registers_.get32(vtd_register::gsts);
  const uint32_t changed = (written ^ now) & toggles;
  const uint32_t commands = changed | (written & one_shots);
  if (std::popcount(commands) > 1) {
    diagnoses_.add(vtd_diagnosis::gcmd_multiple_bits, vtd::gcmd_reg, written,
                   absl::StrFormat("%d commands in one write, while GSTS is 0x%x",
                                   std::popcount(commands), now));
  }
  const auto asked = [commands](vtd::field32 bit) { return bit.test(commands); };
  const bool remaps_interrupts = config_.ecap.interrupt_remapping();

  if (asked(gcmd::sirtp) && capable(remaps_interrupts, gcmd::sirtp, written)) {
    latch_interrupt_table();
  }
  if (asked(gcmd::srtp)) latch_root_table();
  // WBF completes at once: memory here has no write buffers. WBFS is never seen set.
  if (asked(gcmd::wbf)) {
    capable(config_.cap.required_write_buffer_flush(), gcmd::wbf, written);
    observers_.tell(&unit_observer::write_buffer_flushed);
  }
  // No unit has a fault log in memory (config.cc).
  if (asked(gcmd::sfl)) capable(false, gcmd::sfl, written);
  if (asked(gcmd::eafl)) capable(false, gcmd::eafl, written);
  if (asked(gcmd::qie) && capable(config_.ecap.queued_invalidation(), gcmd::qie, written)) {
    enable_queue(gcmd::qie.test(written));
  }
  if (asked(gcmd::ire) && capable(remaps_interrupts, gcmd::ire, written)) {
    enable_interrupt_remapping(gcmd::ire.test(written));
  }
  if (asked(gcmd::cfi) && capable(remaps_interrupts, gcmd::cfi, written)) {
    set_status(gsts::cfis, gcmd::cfi.test(written));
  }
  if (asked(gcmd::te)) enable_translation(gcmd::te.test(written));
}

void vtd_unit::latch_root_table() {
  const uint64_t rtaddr = registers_.get(vtd_register::rtaddr);
  latch_table_mode(rtaddr);
  latched_rtaddr_ = rtaddr;
  root_table_ = rtaddr & vtd::rtaddr::rta.mask();
  observers_.tell(&unit_observer::root_latched, root_table_);
  set_status(gsts::rtps, true);
  // Hardware keeps what it cached under the old root: software owes a global invalidation of
  // the context-cache and of the IOTLB (10.4.4, SRTP).
  caches_.contexts_stale_since_root = true;
  caches_.pasids_stale_since_root = mode_ == vtd::table_mode::scalable;
  caches_.iotlb_stale_since_root = true;
  if (config_.cap.enhanced_set_root_table()) invalidate_after_root();
}

// Units from before scalable mode know legacy mode alone, and ignore what was reserved to them.
// Others refuse requests when the mode is none of theirs (RTA.1).
void vtd_unit::latch_table_mode(uint64_t rtaddr) {
  const auto wanted = static_cast<vtd::table_mode>(vtd::rtaddr::ttm.get(rtaddr));
  const bool scalable_unit = config_.ecap.scalable_mode();
  const bool has = wanted == vtd::table_mode::legacy ||
                   (wanted == vtd::table_mode::scalable && scalable_unit) ||
                   (wanted == vtd::table_mode::abort_dma && config_.ecap.abort_dma_mode());
  if (!has) {
    diagnoses_.add(vtd_diagnosis::rtaddr_mode_unsupported, vtd::rtaddr_reg, rtaddr,
                   scalable_unit ? "the table mode is none of the unit's: all requests are blocked"
                                 : "the table mode is not legacy: taken as legacy");
  }
  mode_ = has || scalable_unit ? wanted : vtd::table_mode::legacy;
  root_refused_ = !has && scalable_unit;
  beyond_legacy_ = mode_ != vtd::table_mode::legacy;
  caches_.mode_refused = root_refused_;
  caches_.scalable = mode_ == vtd::table_mode::scalable && !root_refused_;
  if (scalable_unit) observers_.tell(&unit_observer::table_mode_latched, mode_);
}

// CAP.ESRTPS: setting the root table invalidates what was cached under the old one.
void vtd_unit::invalidate_after_root() {
  vtd::context_cache_descriptor contexts;
  contexts.granularity = vtd::context_granularity::global;
  caches_.invalidate_contexts(contexts);
  vtd::iotlb_descriptor pages;
  pages.granularity = vtd::iotlb_granularity::global;
  if (mode_ == vtd::table_mode::scalable) {
    vtd::pasid_cache_descriptor pasids;
    pasids.granularity = vtd::pasid_cache_granularity::global;
    caches_.invalidate_pasids(pasids);
  }
  caches_.invalidate_iotlb(pages);
}

void vtd_unit::latch_interrupt_table() {
  const uint64_t irta = registers_.get(vtd_register::irta);
  latched_irta_ = irta;
  interrupt_table_ = phys_addr(irta & vtd::irta::irta.mask());
  interrupt_table_entries_ = uint32_t{2} << vtd::irta::s.get(irta);
  extended_interrupt_mode_ = vtd::irta::eime.test(irta);
  observers_.tell(&unit_observer::interrupt_table_latched,
                  latched_interrupt_table{interrupt_table_, interrupt_table_entries_,
                                          extended_interrupt_mode_});
  set_status(gsts::irtps, true);
  // CAP.ESIRTPS: the same of the interrupt table.
  if (config_.cap.enhanced_set_interrupt_table()) caches_.invalidate_interrupts({});
}

void vtd_unit::enable_translation(bool on) {
  if (on) {
    const uint64_t rtaddr = registers_.get(vtd_register::rtaddr);
    if (!status(gsts::rtps)) {
      diagnoses_.add(vtd_diagnosis::translation_without_root, vtd::gcmd_reg, rtaddr,
                     "TE set before the root table pointer was");
    } else if (rtaddr != latched_rtaddr_) {
      diagnoses_.add(vtd_diagnosis::rtaddr_not_latched, vtd::rtaddr_reg, rtaddr,
                     absl::StrFormat("TE set while hardware uses the root table 0x%x that SRTP "
                                     "latched",
                                     latched_rtaddr_));
    }
    const char* const stale = caches_.contexts_stale_since_root ? "context-cache"
                              : caches_.pasids_stale_since_root ? "PASID-cache"
                              : caches_.iotlb_stale_since_root  ? "IOTLB"
                                                                : nullptr;
    if (stale != nullptr) {
      diagnoses_.add(
          vtd_diagnosis::stale_caches_after_srtp, vtd::gcmd_reg, rtaddr,
          absl::StrFormat("TE set without a global invalidation of the %s since SRTP", stale));
    }
  }
  translation_enabled_ = on;
  observers_.tell(&unit_observer::translation_switched, on);
  set_status(gsts::tes, on);
}

void vtd_unit::enable_queue(bool on) {
  set_status(gsts::qies, on);
  if (!on) return queue_.disable();
  queue_.enable();
  queue_.run();
}

void vtd_unit::enable_interrupt_remapping(bool on) {
  const uint64_t irta = registers_.get(vtd_register::irta);
  if (on && !status(gsts::irtps)) {
    diagnoses_.add(vtd_diagnosis::interrupt_remapping_without_table, vtd::gcmd_reg, irta,
                   "IRE set before the interrupt table pointer was");
  } else if (on && irta != latched_irta_) {
    diagnoses_.add(
        vtd_diagnosis::irta_not_latched, vtd::irta_reg, irta,
        absl::StrFormat("IRE set while hardware uses 0x%x that SIRTP latched", latched_irta_));
  }
  set_status(gsts::ires, on);
}

/// Register-based commands belong to the time without the queue. With it on, the command is not
/// done, and its bit stays set: what hardware does is undefined (6.5.1), and never completing is
/// what shows the mistake.
bool vtd_unit::refuse_register_invalidation(const register_file::touched& item,
                                            uint64_t command_bit) {
  const uint32_t offset = registers_.rows()[static_cast<size_t>(item.which)].offset;
  if ((item.before & command_bit) != 0) {
    diagnoses_.add(vtd_diagnosis::invalidation_while_busy, offset, item.written,
                   "written while the command before it has not completed");
  }
  if (!item.command || (registers_.get(item.which) & command_bit) == 0) return true;
  if (!queue_.enabled()) return false;
  diagnoses_.add(vtd_diagnosis::register_invalidation_with_queue, offset, item.written,
                 "register-based invalidation while the queue is enabled: never completes");
  return true;
}

void vtd_unit::context_command(const register_file::touched& item) {
  namespace ccmd = vtd::ccmd;
  if (refuse_register_invalidation(item, ccmd::icc.mask())) return;

  const uint64_t value = registers_.get(vtd_register::ccmd);
  vtd::context_cache_descriptor request;
  request.granularity = static_cast<vtd::context_granularity>(ccmd::cirg.get(value));
  request.domain = domain_id(static_cast<uint16_t>(ccmd::did.get(value)));
  request.source = static_cast<uint16_t>(ccmd::sid.get(value));
  request.function_mask = static_cast<uint8_t>(ccmd::fm.get(value));
  if (request.granularity == vtd::context_granularity::none) {
    diagnoses_.add(vtd_diagnosis::invalidation_granularity_reserved, vtd::ccmd_reg, value,
                   "CIRG is 00b: ignored");
  }
  caches_.invalidate_contexts(request);
  registers_.set(vtd_register::ccmd, ccmd::caig.set(ccmd::icc.set(value, 0),
                                                    static_cast<uint64_t>(request.granularity)));
}

void vtd_unit::iotlb_command(const register_file::touched& item) {
  namespace reg = vtd::iotlb;
  if (refuse_register_invalidation(item, reg::ivt.mask())) return;

  const uint64_t value = registers_.get(vtd_register::iotlb);
  const uint64_t iva = registers_.get(vtd_register::iva);
  const uint32_t iva_offset = config_.ecap.iotlb_offset() + vtd::iva_reg_relative;
  vtd::iotlb_descriptor request;
  request.granularity = static_cast<vtd::iotlb_granularity>(reg::iirg.get(value));
  request.domain = domain_id(static_cast<uint16_t>(reg::did.get(value)));
  request.address = iva & vtd::iva::addr.mask();
  request.leaf_hint = vtd::iva::ih.test(iva);
  request.address_mask = static_cast<uint8_t>(vtd::iva::am.get(iva));

  if (request.granularity == vtd::iotlb_granularity::none) {
    diagnoses_.add(vtd_diagnosis::invalidation_granularity_reserved,
                   iva_offset + vtd::iotlb_reg_relative, value, "IIRG is 00b: ignored");
  }
  if (request.granularity == vtd::iotlb_granularity::page) {
    if (!config_.cap.page_selective_invalidation()) {
      request.granularity = vtd::iotlb_granularity::domain;  // reported in IAIG
    } else if (request.address_mask > config_.cap.max_address_mask()) {
      diagnoses_.add(
          vtd_diagnosis::invalidation_mask_too_large, iva_offset, iva,
          absl::StrFormat("AM is above MAMV %u: ignored", config_.cap.max_address_mask()));
      request.granularity = vtd::iotlb_granularity::none;
    } else if ((request.address & ((page_size << request.address_mask) - 1)) != 0) {
      diagnoses_.add(vtd_diagnosis::invalidation_address_unaligned, iva_offset, iva,
                     "the address is not aligned to its mask: rounded down");
    }
  }
  caches_.invalidate_iotlb(request);
  registers_.set(vtd_register::iotlb,
                 reg::iaig.set(reg::ivt.set(value, 0), static_cast<uint64_t>(request.granularity)));
}

}  // namespace iommulab
