// SPDX-License-Identifier: GPL-2.0-only
//
// The invalidation queue with descriptors of 256 bits (VT-d specification 3.0, 6.5.2, and IQER of
// later revisions).
#include "scalable_machine.h"

namespace iommulab::vtd_test::queue_test {
namespace {

constexpr uint64_t iova = 0x12345000;

struct queue_machine : scalable_machine {
  uint64_t status = page();
  explicit queue_machine(vtd_config config = everything()) : scalable_machine(std::move(config)) {}
  /// IQER.IQEI, and whether IQE is set; both are cleared.
  unsigned error() {
    if ((fsts() & fsts_iqe) == 0) return 0;
    const auto info = static_cast<unsigned>(unit.read64(0xb0) & 0xf);
    EXPECT_NE(info, 0u);
    return info;
  }
};

TEST(vtd_scalable_queue, descriptors_of_32_bytes) {  // 11.4.23 DW
  queue_machine m;
  m.start();
  EXPECT_EQ(m.unit.queue().entries(), 128u);  // 4 KiB / 32
  EXPECT_EQ(m.unit.queue().descriptor_bytes(), 32u);
  m.submit(0x200000025, m.status);
  EXPECT_EQ(m.word(m.status), 2u);
  EXPECT_EQ(m.head_offset(), 4u * 32);  // three of the start, and this
}

TEST(vtd_scalable_queue, the_queue_wraps) {
  queue_machine m;
  m.start();
  for (unsigned i = 0; i < 300; ++i) m.submit(uint64_t{i} << 32 | 0x25, m.status);
  EXPECT_EQ(m.word(m.status), 299u);
  EXPECT_EQ(m.head_offset(), (3 + 300) % 128 * 32u);
}

TEST(vtd_scalable_queue, qs_is_of_pages) {  // 11.4.23 QS; 801h is what Linux writes
  queue_machine m;
  m.unit.write64(0x90, m.ring | 0x801);
  m.command(qie);
  EXPECT_EQ(m.unit.queue().entries(), 256u);
}

TEST(vtd_scalable_queue, descriptors_of_16_bytes_are_there_still) {
  queue_machine m;
  m.enable_queue(false);
  EXPECT_EQ(m.unit.queue().entries(), 256u);
  m.submit(0x200000025, m.status);
  EXPECT_EQ(m.word(m.status), 2u);
  EXPECT_EQ(m.head_offset(), 16u);
}

TEST(vtd_scalable_queue, scalable_mode_takes_no_descriptors_of_16_bytes) {  // IQEI 5
  queue_machine m;
  m.set_root(m.root | queue_machine::scalable);
  m.enable_queue(false);
  m.submit(0x11);
  EXPECT_EQ(m.error(), 5u);
  EXPECT_EQ(m.head_offset(), 0u);
}

TEST(vtd_scalable_queue, nothing_is_done_while_the_mode_is_refused) {  // IQEI 7
  queue_machine m;
  m.set_root(m.root | uint64_t{2} << 10);
  m.enable_queue();
  m.submit(0x11);
  EXPECT_EQ(m.error(), 7u);
}

TEST(vtd_scalable_queue, types_of_scalable_mode_in_legacy_mode) {  // IQEI 3
  for (const uint64_t low : {uint64_t{0x37}, uint64_t{0x26}, uint64_t{0x8}}) {
    queue_machine m;
    m.start(0);
    m.submit(low);
    EXPECT_EQ(m.error(), 3u) << low;
  }
}

TEST(vtd_scalable_queue, types_that_there_are_not) {  // IQEI 3
  for (unsigned type = 0; type < 0x80; ++type) {
    queue_machine m;
    m.start();
    m.submit(uint64_t{type & 0xf} | uint64_t{type >> 4} << 9);
    const bool known = type >= 1 && type <= 8;
    EXPECT_EQ(m.error() == 3, !known) << type;
  }
}

TEST(vtd_scalable_queue, types_without_their_capability) {  // IQEI 3
  vtd_config config = everything();
  config.ecap.set_page_requests(false).set_device_tlb(false);
  queue_machine m(config);
  m.start();
  m.submit(0x8);
  EXPECT_EQ(m.error(), 3u);
}

TEST(vtd_scalable_queue, reserved_bits) {  // IQEI 4; 6.5.2.1 to 6.5.2.8
  struct row {
    const char* what;
    uint64_t low;
    uint64_t reserved_low;
    uint64_t reserved_high;
  };
  const uint64_t none = 0;
  const auto bits = [](unsigned high, unsigned low) {
    return (high == 63 ? 0 : uint64_t{1} << (high + 1)) - (uint64_t{1} << low);
  };
  const row rows[] = {
      {"context", 0x11, bits(8, 6) | bits(15, 12) | bits(63, 50), ~none},
      {"IOTLB", 0x12, bits(8, 8) | bits(15, 12) | bits(63, 32), bits(11, 7)},
      {"device-TLB", 0x3, bits(8, 4) | bits(15, 12) | bits(31, 21) | bits(63, 48), bits(11, 1)},
      {"interrupt entries", 0x4, bits(8, 5) | bits(26, 12) | bits(63, 48), ~none},
      {"wait", 0x5, bits(8, 8) | bits(31, 12), bits(1, 0)},
      {"PASID-based IOTLB", 0x26, bits(8, 6) | bits(15, 12) | bits(63, 52), bits(11, 7)},
      {"PASID-cache", 0x37, bits(8, 6) | bits(15, 12) | bits(63, 52), ~none},
      {"PASID-based device-TLB", 0x8, bits(15, 12) | bits(63, 52), bits(10, 1)},
  };
  for (const row& r : rows) {
    for (unsigned n = 4; n < 256; ++n) {
      if (n >= 9 && n <= 11) continue;  // the type
      queue_machine m;
      m.start();
      std::array<uint64_t, 4> q = {r.low, 0, 0, 0};
      q[n / 64] |= bit(n % 64);
      m.submit(q[0], q[1], q[2], q[3]);
      const std::array<uint64_t, 4> reserved = {r.reserved_low, r.reserved_high, ~none, ~none};
      if ((reserved[n / 64] & bit(n % 64)) != 0) {
        EXPECT_EQ(m.error(), 4u) << r.what << " bit " << n;
      } else if ((r.low & 0xf) != 5) {  // of a wait the status address may be nowhere
        EXPECT_TRUE(m.error() == 0 || n < 6) << r.what << " bit " << n;
      }
    }
  }
}

TEST(vtd_scalable_queue, granularities_that_there_are_not) {  // IQEI 4
  for (const uint64_t low : {uint64_t{0x27}, uint64_t{0x06}, uint64_t{0x16}, uint64_t{0x01}}) {
    queue_machine m;
    m.start();
    m.submit(low);
    EXPECT_EQ(m.error(), 4u) << low;
  }
}

TEST(vtd_scalable_queue, masks_beyond_mamv) {  // IQEI 4; MAMV is 18
  queue_machine m;
  m.start();
  m.submit(0x36, 18);
  EXPECT_EQ(m.error(), 0u);
  m.submit(0x36, 19);
  EXPECT_EQ(m.error(), 4u);
}

TEST(vtd_scalable_queue, a_tail_in_the_middle_of_a_descriptor) {  // IQEI 6
  queue_machine m;
  m.start();
  m.unit.write64(0x88, 4 * 32 + 16);
  EXPECT_EQ(m.error(), 6u);
}

TEST(vtd_scalable_queue, a_tail_beyond_the_queue) {  // IQEI 1
  queue_machine m;
  m.start();
  m.unit.write64(0x88, 128 * 32);
  EXPECT_EQ(m.error(), 1u);
}

TEST(vtd_scalable_queue, descriptors_that_cannot_be_read) {  // IQEI 2
  queue_machine m;
  m.ring = 0x3000000000;
  m.unit.write64(0x90, m.ring | 0x800);
  m.command(qie);
  m.unit.write64(0x88, 32);
  EXPECT_EQ(m.error(), 2u);
}

TEST(vtd_scalable_queue, the_head_stays_at_a_bad_descriptor) {  // 6.5.2.9
  queue_machine m;
  m.start();
  const uint64_t before = m.head_offset();
  m.submit(0xf);
  m.submit(0x200000025, m.status);
  EXPECT_EQ(m.head_offset(), before);
  EXPECT_EQ(m.word(m.status), 0u);
  // Put right and acknowledged, the queue goes on.
  m.word(m.ring + before) = 0x37;
  m.unit.write32(0x34, fsts_iqe);
  EXPECT_EQ(m.word(m.status), 2u);
  EXPECT_EQ(m.head_offset(), before + 64);
}

TEST(vtd_scalable_queue, page_requests_are_drained_only_with_the_capability) {  // 6.5.2.8 PD
  queue_machine m;
  m.start();
  m.submit(0x2000000a5, m.status);
  EXPECT_EQ(m.error(), 0u);
  EXPECT_EQ(m.word(m.status), 2u);
  vtd_config config = everything();
  config.ecap.set_page_request_drain(false);
  queue_machine without(config);
  without.start();
  without.submit(0x2000000a5, without.status);
  EXPECT_EQ(without.error(), 4u);
}

TEST(vtd_scalable_queue, the_registers_of_a_unit_without_scalable_mode) {
  machine m;
  m.unit.write64(0x90, 0x100000 | 0x800);
  EXPECT_EQ(m.unit.read64(0x90), 0x100000u);  // DW is reserved
  EXPECT_TRUE(m.unit.diagnoses().has(vtd_diagnosis::reserved_bits_set));
  EXPECT_EQ(m.unit.read64(0xb0), 0u);
}

class telling_devices : public device_tlb_sink {
 public:
  device_tlb_reply invalidate(uint16_t source, uint64_t address, uint64_t bytes) override {
    return invalidate_pasid(source, std::nullopt, address, bytes);
  }
  device_tlb_reply invalidate_pasid(uint16_t source, std::optional<uint32_t> pasid,
                                    uint64_t address, uint64_t bytes) override {
    last_source = source;
    last_pasid = pasid;
    last_address = address;
    last_bytes = bytes;
    return reply;
  }
  uint16_t last_source = 0;
  std::optional<uint32_t> last_pasid;
  uint64_t last_address = 0;
  uint64_t last_bytes = 1;
  device_tlb_reply reply = device_tlb_reply::done;
};

TEST(vtd_scalable_queue, device_tlbs_are_told_of_the_pasid) {  // 6.5.2.6
  queue_machine m;
  telling_devices devices;
  m.unit.set_device_tlbs(&devices);
  m.start();
  const uint64_t low = 0x8 | uint64_t{nic} << 16 | uint64_t{7} << 32;
  m.submit(low, iova);
  EXPECT_EQ(devices.last_source, nic);
  EXPECT_EQ(devices.last_pasid, 7u);
  EXPECT_EQ(devices.last_address, iova);
  EXPECT_EQ(devices.last_bytes, 0x1000u);
  m.submit(low, 0x40000000 | 0x3000 | 0x800);  // S: two ones, so 2^3 pages
  EXPECT_EQ(devices.last_address, 0x40000000u);
  EXPECT_EQ(devices.last_bytes, 0x8000u);
  m.submit(low, iova | 1);  // G
  EXPECT_EQ(devices.last_pasid, std::nullopt);
  m.submit(low, 0x7ffffffffffff800);  // everything
  EXPECT_EQ(devices.last_bytes, 0u);
}

TEST(vtd_scalable_queue, who_did_not_answer) {  // IQER ITESID, ICESID
  queue_machine m;
  telling_devices devices;
  m.unit.set_device_tlbs(&devices);
  m.start();
  devices.reply = device_tlb_reply::timed_out;
  m.submit(0x8 | uint64_t{nic} << 16, iova);
  m.submit(0x200000025, m.status);
  EXPECT_NE(m.fsts() & 0x40, 0u);  // ITE
  EXPECT_EQ((m.unit.read64(0xb0) >> 32) & 0xffff, uint64_t{nic});
  m.unit.write32(0x34, 0x40);
  devices.reply = device_tlb_reply::completion_error;
  m.submit(0x8 | uint64_t{disk} << 16, iova);
  EXPECT_NE(m.fsts() & 0x20, 0u);  // ICE
  EXPECT_EQ(m.unit.read64(0xb0) >> 48, uint64_t{disk});
}

}  // namespace
}  // namespace iommulab::vtd_test::queue_test
