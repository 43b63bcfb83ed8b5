// SPDX-License-Identifier: GPL-2.0-only
//
// A machine for tests of the unit: memory with tables in it, a unit, and an interrupt sink that
// remembers.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "platform/vtd/unit.h"
#include "support/gcmd_bits.h"
#include "table_memory.h"

namespace iommulab::vtd_test {

// Bits as the specification's pictures give them.
inline constexpr uint64_t bit(unsigned n) {
  return uint64_t{1} << n;
}

using gcmd_bits::cfi, gcmd_bits::eafl, gcmd_bits::ire, gcmd_bits::qie, gcmd_bits::sfl,
    gcmd_bits::sirtp, gcmd_bits::srtp, gcmd_bits::te, gcmd_bits::wbf;

inline constexpr uint16_t nic = 0x0018;      // 00:03.0
inline constexpr uint16_t disk = 0x00fa;     // 00:1f.2
inline constexpr uint16_t far_bus = 0x8501;  // 85:00.1

class recording_sink : public interrupt_sink {
 public:
  void deliver(msi_message message) override {
    messages.push_back(message);
    if (handler) handler(message);
  }
  std::vector<msi_message> messages;
  std::function<void(msi_message)> handler;
};

struct machine : table_memory {
  tracer trace;
  recording_sink sink;
  vtd_unit unit;

  explicit machine(vtd_config config = {}) : unit(std::move(config), *ram, sink, trace) {}

  // --- registers ---------------------------------------------------------------------------
  uint32_t gsts() { return unit.read32(0x1c); }
  uint32_t fsts() { return unit.read32(0x34); }
  void command(uint32_t bits) {
    const uint32_t held = gsts() & (te | eafl | qie | ire | cfi);
    unit.write32(0x18, held | bits);
  }
  void command_off(uint32_t bits) {
    unit.write32(0x18, gsts() & (te | eafl | qie | ire | cfi) & ~bits);
  }
  void set_root(uint64_t table) {
    unit.write64(0x20, table);
    command(srtp);
  }
  void flush_contexts() { unit.write64(0x28, bit(63) | (uint64_t{1} << 61)); }
  uint64_t iotlb_offset() { return ((unit.read64(0x10) >> 8) & 0x3ff) * 16 + 8; }
  void flush_iotlb() { unit.write64(iotlb_offset(), bit(63) | (uint64_t{1} << 60)); }
  void flush_domain(unsigned domain) {
    unit.write64(iotlb_offset(), bit(63) | (uint64_t{2} << 60) | (uint64_t{domain} << 32));
  }
  void flush_pages(unsigned domain, uint64_t address, unsigned mask, bool leaf_hint) {
    unit.write64(iotlb_offset() - 8, address | (leaf_hint ? 0x40u : 0u) | mask);
    unit.write64(iotlb_offset(), bit(63) | (uint64_t{3} << 60) | (uint64_t{domain} << 32));
  }
  /// Translation on, over `root`, the way software is to do it.
  void start() {
    set_root(root);
    flush_contexts();
    flush_iotlb();
    command(te);
    ASSERT_NE(gsts() & te, 0u);
  }

  // --- fault records -----------------------------------------------------------------------
  uint64_t frcd() { return ((unit.read64(0x08) >> 24) & 0x3ff) * 16; }
  uint64_t record_low(uint64_t i = 0) { return unit.read64(frcd() + i * 16); }
  uint64_t record_high(uint64_t i = 0) { return unit.read64(frcd() + i * 16 + 8); }
  void clear_record(uint64_t i = 0) { unit.write32(frcd() + i * 16 + 12, 0x80000000); }
  void clear_faults() {
    const uint64_t records = ((unit.read64(0x08) >> 40) & 0xff) + 1;
    for (uint64_t i = 0; i < records; ++i) clear_record(i);
    unit.write32(0x34, 0x7d);
  }

  // --- what a device does ------------------------------------------------------------------
  dma_translation ask(uint16_t source, uint64_t address, dma_access access, uint64_t length = 8,
                      address_type type = address_type::untranslated) {
    dma_request request;
    request.source = source_id::from_requester_id(0, source);
    request.address = address;
    request.length = length;
    request.access = access;
    request.type = type;
    return unit.translate(request);
  }
  dma_translation read(uint16_t source, uint64_t address) {
    return ask(source, address, dma_access::read);
  }
  dma_translation write(uint16_t source, uint64_t address) {
    return ask(source, address, dma_access::write);
  }
  /// Moves data; stops at the first refusal and says whether everything moved.
  bool dma_write(uint16_t source, uint64_t address, const std::string& data) {
    for (uint64_t done = 0; done < data.size();) {
      const dma_translation t = ask(source, address + done, dma_access::write, data.size() - done);
      if (!t.ok() || t.length == 0) return false;
      std::byte* to = ram->at(phys_addr(t.address), t.length);
      if (to == nullptr) return false;
      std::memcpy(to, data.data() + done, t.length);
      done += t.length;
    }
    return true;
  }
  bool dma_read(uint16_t source, uint64_t address, uint64_t length, std::string& out) {
    for (uint64_t done = 0; done < length;) {
      const dma_translation t = ask(source, address + done, dma_access::read, length - done);
      if (!t.ok() || t.length == 0) return false;
      const std::byte* from = ram->at(phys_addr(t.address), t.length);
      if (from == nullptr) return false;
      out.append(reinterpret_cast<const char*>(from), t.length);
      done += t.length;
    }
    return true;
  }

  [[nodiscard]] std::vector<std::string> diagnosed() const {
    std::vector<std::string> names;
    for (const diagnosis_entry& e : unit.diagnoses().entries()) {
      names.emplace_back(name(e.id));
    }
    return names;
  }
};

}  // namespace iommulab::vtd_test
