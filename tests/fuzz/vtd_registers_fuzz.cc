// SPDX-License-Identifier: GPL-2.0-only
//
// The remapping unit under arbitrary software: register accesses, tables and descriptors made of
// whatever bytes come, requests from any device. It must neither crash nor hang, and some things
// must hold whatever was done:
//   - a request that went through the tables stays within one mapping and within the request;
//   - FSTS.PPF is the OR of the fault records' F bits;
//   - the queue's head stays inside the largest queue there can be;
//   - the bounded list of diagnoses stays bounded.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "platform/vtd/spec/registers.h"
#include "platform/vtd/unit.h"

namespace iommulab {
namespace {

constexpr uint64_t memory_bytes = 64 * page_size;

/// Takes numbers off the input; zeros when it is used up.
class byte_source {
 public:
  byte_source(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  [[nodiscard]] bool empty() const { return left_ == 0; }
  template <typename T>
  T take() {
    T value{};
    const size_t count = left_ < sizeof(T) ? left_ : sizeof(T);
    std::memcpy(&value, data_, count);
    data_ += count;
    left_ -= count;
    return value;
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

/// An interrupt handler that is itself a driver: it clears what it finds.
class servicing_sink : public interrupt_sink {
 public:
  void deliver(msi_message) override {
    if (unit == nullptr || ++depth > 4) return;
    unit->write32(vtd::fsts_reg, unit->read32(vtd::fsts_reg));
    unit->write32(vtd::ics_reg, vtd::ics::iwc.mask());
    --depth;
  }
  vtd_unit* unit = nullptr;
  unsigned depth = 0;
};

void require(bool holds) {
  if (!holds) std::abort();
}

vtd_config config_from(byte_source& input) {
  vtd_config config;
  const auto choices = input.take<uint16_t>();
  const auto choice = [choices](unsigned n) { return ((choices >> n) & 1) != 0; };
  if (choice(0)) config.add_table_width(48);
  if (choice(1)) config.add_table_width(57);
  if (choice(2)) config.add_table_width(30);
  config.cap.set_caching_mode(choice(3))
      .set_required_write_buffer_flush(choice(4))
      .set_protected_low_memory(choice(5))
      .set_protected_high_memory(choice(6))
      .set_zero_length_read(choice(7))
      .set_page_selective_invalidation(!choice(8))
      .set_super_pages(choice(9) ? 0 : 3)
      .set_number_of_fault_records(choice(10) ? 4 : 1)
      .set_number_of_domains(choice(11) ? 256 : 65536);
  config.ecap.set_queued_invalidation(true)
      .set_interrupt_remapping(choice(12))
      .set_device_tlb(choice(13))
      .set_snoop_control(choice(14))
      .set_pass_through(!choice(15));
  require(check(config).ok());
  return config;
}

void check_invariants(vtd_unit& unit) {
  const unsigned records = unit.config().cap.number_of_fault_records();
  bool pending = false;
  for (unsigned i = 0; i < records; ++i) {
    pending = pending || vtd::frcd_high::f.test(unit.peek(frcd_high_half(i)));
  }
  const auto status = static_cast<uint32_t>(unit.peek(vtd_register::fsts));
  require(vtd::fsts::ppf.test(status) == pending);
  require(vtd::fsts::fri.get(status) < records);
  require((unit.peek(vtd_register::iqh) & ~vtd::iqh::qh.mask()) == 0);
  require(unit.diagnoses().entries().size() <= diagnosis_log::capacity);
}

void request(vtd_unit& unit, byte_source& input) {
  dma_request r;
  r.source = source_id::from_requester_id(0, input.take<uint16_t>());
  r.address = input.take<uint64_t>();
  r.length = input.take<uint16_t>();
  const auto kind = input.take<uint8_t>();
  r.access = (kind & 1) != 0 ? dma_access::write : dma_access::read;
  r.type = static_cast<address_type>((kind >> 1) % 3);
  const dma_translation t = unit.translate(r);
  require(t.length <= r.length);
  if (t.outcome != dma_outcome::translated || t.page_bits == 0) return;
  const uint64_t page = uint64_t{1} << t.page_bits;
  require((t.address & (page - 1)) + t.length <= page);
  require((t.address & (page - 1)) == (r.address & (page - 1)));
}

void step(vtd_unit& unit, physical_memory& memory, byte_source& input) {
  const auto what = input.take<uint8_t>();
  const uint64_t offset = input.take<uint16_t>() % (unit.size() + 16);
  switch (what % 8) {
    case 0:
      (void)unit.read32(offset);
      return;
    case 1:
      (void)unit.read64(offset);
      return;
    case 2:
      return unit.write32(offset, input.take<uint32_t>());
    case 3:
      return unit.write64(offset, input.take<uint64_t>());
    case 4: {  // the registers that matter, more often than chance would
      constexpr uint32_t lively[] = {vtd::gcmd_reg, vtd::rtaddr_reg, vtd::ccmd_reg,
                                     vtd::fsts_reg, vtd::fectl_reg,  vtd::pmen_reg,
                                     vtd::iqt_reg,  vtd::iqa_reg,    vtd::iectl_reg};
      const uint32_t reg = lively[offset % std::size(lively)];
      return unit.write64(reg & ~7u, input.take<uint64_t>());
    }
    case 5:
      return request(unit, input);
    case 6: {
      const auto value = input.take<uint64_t>();
      const uint64_t at = (uint64_t{input.take<uint16_t>()} * 8) % memory_bytes;
      *memory.object_at<uint64_t>(phys_addr(at)) = value;
      return;
    }
    default:
      return unit.write32(vtd::gcmd_reg, uint32_t{1} << (23 + offset % 9));
  }
}

}  // namespace
}  // namespace iommulab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace iommulab;
  const memory_range ranges[] = {{phys_addr(0), memory_bytes, memory_range::kind::ram}};
  auto memory = physical_memory::create(ranges);
  require(memory.ok());
  byte_source input(data, size);
  tracer trace;
  servicing_sink sink;
  vtd_unit unit(config_from(input), **memory, sink, trace);
  sink.unit = &unit;
  while (!input.empty()) {
    step(unit, **memory, input);
    check_invariants(unit);
  }
  return 0;
}
