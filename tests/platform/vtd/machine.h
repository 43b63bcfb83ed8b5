// SPDX-License-Identifier: GPL-2.0-only
//
// A machine for tests of the unit: memory, a unit, an interrupt sink that remembers, and tables
// built by shifting and adding here, not by the data sheet under test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/vtd/unit.h"
#include "support/gcmd_bits.h"

namespace iommulab::vtd_test {

// Bits as the specification's pictures give them.
inline constexpr uint64_t bit(unsigned n) {
  return uint64_t{1} << n;
}

inline constexpr uint64_t pte_read = 1;
inline constexpr uint64_t pte_write = 2;
inline constexpr uint64_t pte_large = 0x80;
inline constexpr uint64_t pte_snoop = 0x800;

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

struct machine {
  static constexpr uint64_t ram_end = 0x4000000;  // 64 MiB
  static constexpr uint64_t high_start = 0x100000000;
  static constexpr uint64_t high_end = 0x101000000;

  std::unique_ptr<physical_memory> ram = make_memory();
  tracer trace;
  recording_sink sink;
  vtd_unit unit;
  uint64_t root = 0;
  uint64_t next_page = 0x100000;

  explicit machine(vtd_config config = {}) : unit(std::move(config), *ram, sink, trace) {
    root = page();
  }

  static std::unique_ptr<physical_memory> make_memory() {
    const memory_range ranges[] = {
        {phys_addr(0), ram_end, memory_range::kind::ram},
        {phys_addr(high_start), high_end - high_start, memory_range::kind::ram}};
    auto memory = physical_memory::create(ranges);
    EXPECT_TRUE(memory.ok()) << memory.status();
    return std::move(*memory);
  }

  uint64_t& word(uint64_t address) {
    auto* p = ram->object_at<uint64_t>(phys_addr(address));
    EXPECT_NE(p, nullptr) << std::hex << address;
    return *p;
  }
  uint64_t page() {
    const uint64_t at = next_page;
    next_page += 0x1000;
    return at;
  }

  // --- tables -----------------------------------------------------------------------------
  uint64_t context_table(uint8_t bus) {
    uint64_t& entry = word(root + bus * 16u);
    if ((entry & 1) == 0) entry = page() | 1;
    return entry & ~uint64_t{0xfff};
  }
  uint64_t context_address(uint16_t source) {
    return context_table(static_cast<uint8_t>(source >> 8)) + (source & 0xffu) * 16;
  }
  void set_context(uint16_t source, uint64_t low, uint64_t high) {
    const uint64_t at = context_address(source);
    word(at + 8) = high;
    word(at) = low;
  }
  /// Translation through `top`, domain `domain`, `levels` levels.
  void attach(uint16_t source, uint64_t top, unsigned domain, unsigned levels = 3,
              unsigned type = 0) {
    set_context(source, top | (type << 2) | 1, (uint64_t{domain} << 8) | (levels - 2));
  }
  /// Address of the entry for `iova` at `level`, tables above it made as needed.
  uint64_t entry_address(uint64_t top, unsigned levels, uint64_t iova, unsigned level) {
    uint64_t table = top;
    for (unsigned l = levels;; --l) {
      const uint64_t at = table + ((iova >> (12 + 9 * (l - 1))) & 0x1ff) * 8;
      if (l == level) return at;
      if ((word(at) & 3) == 0) word(at) = page() | 3;
      table = word(at) & 0x000ffffffffff000;
    }
  }
  void map(uint64_t top, unsigned levels, uint64_t iova, uint64_t value, unsigned level = 1) {
    word(entry_address(top, levels, iova, level)) = value;
  }

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
  uint64_t record_low(unsigned i = 0) { return unit.read64(frcd() + i * 16); }
  uint64_t record_high(unsigned i = 0) { return unit.read64(frcd() + i * 16 + 8); }
  void clear_record(unsigned i = 0) { unit.write32(frcd() + i * 16 + 12, 0x80000000); }
  void clear_faults() {
    const uint64_t records = ((unit.read64(0x08) >> 40) & 0xff) + 1;
    for (unsigned i = 0; i < records; ++i) clear_record(i);
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

  [[nodiscard]] physical_memory& memory() { return *ram; }
};

}  // namespace iommulab::vtd_test
