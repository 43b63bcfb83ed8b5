// SPDX-License-Identifier: GPL-2.0-only
//
// The data sheet of scalable mode against bit positions written down here (VT-d specification 3.0:
// 9.2, 9.4 to 9.7, 6.5.2, 10.4.2, 10.4.3).
#include <random>
#include <set>
#include <string>

#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/fault_condition.h"
#include "platform/vtd/spec/first_level_entry.h"
#include "platform/vtd/spec/pasid_descriptors.h"
#include "platform/vtd/spec/pasid_entry.h"
#include "scalable_machine.h"

namespace iommulab::vtd_test::scalable_spec_test {
namespace {

using namespace vtd;  // NOLINT(google-build-using-namespace): the whole data sheet is meant

TEST(scalable_spec, extended_capabilities) {  // 10.4.3
  struct row {
    unsigned bit;
    ecap_register& (ecap_register::*set)(bool);
    bool (ecap_register::*get)() const;
  };
  const row rows[] = {
      {25, &ecap_register::set_memory_types, &ecap_register::memory_types},
      {26, &ecap_register::set_nested_translation, &ecap_register::nested_translation},
      {29, &ecap_register::set_page_requests, &ecap_register::page_requests},
      {30, &ecap_register::set_execute_requests, &ecap_register::execute_requests},
      {31, &ecap_register::set_supervisor_requests, &ecap_register::supervisor_requests},
      {34, &ecap_register::set_extended_accessed_flag, &ecap_register::extended_accessed_flag},
      {41, &ecap_register::set_device_tlb_throttle, &ecap_register::device_tlb_throttle},
      {42, &ecap_register::set_page_request_drain, &ecap_register::page_request_drain},
      {43, &ecap_register::set_scalable_mode, &ecap_register::scalable_mode},
      {45, &ecap_register::set_second_level_dirty, &ecap_register::second_level_dirty},
      {46, &ecap_register::set_second_level, &ecap_register::second_level},
      {47, &ecap_register::set_first_level, &ecap_register::first_level},
      {48, &ecap_register::set_scalable_page_walk_coherency,
       &ecap_register::scalable_page_walk_coherency},
      {49, &ecap_register::set_rid_pasid, &ecap_register::rid_pasid},
      {52, &ecap_register::set_abort_dma_mode, &ecap_register::abort_dma_mode},
      {53, &ecap_register::set_rid_privilege, &ecap_register::rid_privilege},
  };
  for (const row& r : rows) {
    ecap_register ecap;
    EXPECT_EQ((ecap.*r.set)(true).value(), uint64_t{1} << r.bit) << r.bit;
    EXPECT_TRUE((ecap.*r.get)()) << r.bit;
    EXPECT_FALSE((ecap_register(~(uint64_t{1} << r.bit)).*r.get)()) << r.bit;
  }
  EXPECT_EQ(ecap_register().set_pasid_bits(20).value(), uint64_t{1} << 40 | uint64_t{19} << 35);
  EXPECT_EQ(ecap_register(uint64_t{1} << 40 | uint64_t{13} << 35).pasid_bits(), 14u);
  EXPECT_EQ(ecap_register().set_pasid_bits(0).value(), 0u);
}

TEST(scalable_spec, capabilities) {  // 10.4.2
  EXPECT_EQ(cap_register().set_first_level_1g_pages(true).value(), uint64_t{1} << 56);
  EXPECT_EQ(cap_register().set_first_level_5_levels(true).value(), uint64_t{1} << 60);
  EXPECT_EQ(cap_register().set_enhanced_set_interrupt_table(true).value(), uint64_t{1} << 62);
  EXPECT_EQ(cap_register().set_enhanced_set_root_table(true).value(), uint64_t{1} << 63);
  EXPECT_EQ(to_string(cap_register(uint64_t{1} << 63)).substr(0, 10), "16 domains");
}

TEST(scalable_spec, a_context_entry) {  // 9.4; the numbers of a recorded one
  scalable_context_entry entry;
  entry.set_directory(phys_addr(0x5c91000)).set_directory_size_code(2).set_present(true);
  EXPECT_EQ(entry.q[0], 0x5c91401u);
  EXPECT_EQ(entry.pasids(), 512u * 64);
  entry = {};
  EXPECT_EQ(entry.set_fault_processing_disabled(true).q[0], 2u);
  EXPECT_EQ(entry.set_device_tlb(true).q[0], 6u);
  EXPECT_EQ(entry.set_pasid_enabled(true).q[0], 0xeu);
  EXPECT_EQ(entry.set_page_requests(true).q[0], 0x1eu);
  EXPECT_EQ(entry.set_request_pasid(0xabcde).set_request_privileged(true).q[1], 0x1abcdeu);
}

TEST(scalable_spec, a_pasid_table_entry) {  // 9.6; the numbers of a recorded one
  pasid_entry entry;
  entry.set_second_level(phys_addr(0x631f000))
      .set_address_width(1)
      .set_type(pasid_translation::second_level)
      .set_domain(domain_id(3))
      .set_present(true);
  EXPECT_EQ(entry.q[0], 0x631f085u);
  EXPECT_EQ(entry.q[1], 3u);
  entry = {};
  EXPECT_EQ(entry.set_second_level_dirty(true).q[0], uint64_t{1} << 9);
  EXPECT_EQ(entry.set_page_walk_snoop(true).q[1], uint64_t{1} << (87 - 64));
  EXPECT_EQ(entry.set_page_snoop(true).q[1], uint64_t{3} << (87 - 64));
  EXPECT_EQ(entry.set_supervisor_requests(true).q[2], uint64_t{1} << (128 - 128));
  entry.q[2] = 0;
  EXPECT_EQ(entry.set_execute_requests(true).q[2], uint64_t{1} << (129 - 128));
  entry.q[2] = 0;
  EXPECT_EQ(entry.set_first_level_mode(1).q[2], uint64_t{1} << (130 - 128));
  entry.q[2] = 0;
  EXPECT_EQ(entry.set_write_protect(true).q[2], uint64_t{1} << (132 - 128));
  entry.q[2] = 0;
  EXPECT_EQ(entry.set_no_execute(true).q[2], uint64_t{1} << (133 - 128));
  entry.q[2] = 0;
  EXPECT_EQ(entry.set_supervisor_execute_prevented(true).q[2], uint64_t{1} << (134 - 128));
  entry.q[2] = 0;
  EXPECT_EQ(entry.set_extended_accessed(true).q[2], uint64_t{1} << (135 - 128));
  entry.q[2] = 0;
  EXPECT_EQ(entry.set_first_level(phys_addr(0x7000)).q[2], 0x7000u);
}

TEST(scalable_spec, indices_of_a_pasid) {  // 9.5, 9.6
  EXPECT_EQ(pasid_directory_entry::index_of(0xfffff), 0x3fffu);
  EXPECT_EQ(pasid_directory_entry::index_of(64), 1u);
  EXPECT_EQ(pasid_entry::index_of(0xfffff), 63u);
  EXPECT_EQ(pasid_entry::index_of(64), 0u);
}

TEST(scalable_spec, canonical_addresses) {
  for (const unsigned width : {48u, 57u}) {
    const uint64_t half = uint64_t{1} << (width - 1);
    EXPECT_TRUE(is_canonical(0, width) && is_canonical(half - 1, width));
    EXPECT_FALSE(is_canonical(half, width));
    EXPECT_FALSE(is_canonical(~half, width));
    EXPECT_TRUE(is_canonical(0 - half, width) && is_canonical(~uint64_t{0}, width));
  }
  EXPECT_EQ(first_level_width(4), 48u);
  EXPECT_EQ(first_level_width(5), 57u);
}

TEST(scalable_spec, descriptors_decode_what_they_encode) {  // 6.5.2.2, 6.5.2.4, 6.5.2.6
  std::mt19937_64 dice(1);
  for (int i = 0; i < 1000; ++i) {
    const auto type = static_cast<uint64_t>(6 + i % 3);
    const descriptor d{(dice() & ~uint64_t{0xe0f}) | type, dice()};
    descriptor back;
    uint64_t low = 0;
    uint64_t high = 0;
    switch (type) {
      case 6:
        back = pasid_iotlb_descriptor::decode(d).encode();
        low = 0x000fffffffff003f;
        high = 0xfffffffffffff07f;
        low &= ~uint64_t{0x0000f1c0};
        break;
      case 7:
        back = pasid_cache_descriptor::decode(d).encode();
        low = 0x000fffffffff003f;
        break;
      default:
        back = pasid_device_tlb_descriptor::decode(d).encode();
        low = 0xfffffffffffff1ff;
        high = 0xfffffffffffff801;
        break;
    }
    EXPECT_EQ(back, (descriptor{d.low & low, d.high & high})) << type;
    EXPECT_NE(to_string(d).find("pasid"), std::string::npos);
  }
}

TEST(scalable_spec, numbers_that_linux_submits) {
  // qi_submit: PASID cache of domain 2, PASID 0; PASID-based IOTLB, all of domain 2, PASID 1.
  EXPECT_EQ((pasid_cache_descriptor{pasid_cache_granularity::pasid, domain_id(2), 0}.encode().low),
            0x20017u);
  EXPECT_EQ((pasid_iotlb_descriptor{pasid_iotlb_granularity::pasid, domain_id(2), 1, 0, false, 0}
                 .encode()
                 .low),
            0x100020026u);
}

TEST(scalable_spec, reasons_are_conditions_of_the_specification) {  // 7.1.3
  // Page requests, later revisions' conditions, and permissions of the host are not the unit's.
  const std::set<unsigned> not_reported = {0x32, 0x34, 0x47, 0x49, 0x60, 0x88,
                                           0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5};
  for (unsigned n = 0x30; n < 0x100; ++n) {
    const auto reason = static_cast<fault_reason>(n);
    const fault_condition* condition = find_fault_condition(static_cast<uint8_t>(n));
    const bool reported = condition != nullptr && not_reported.count(n) == 0;
    ASSERT_EQ(name(reason) != "unknown", reported) << n;
    if (!reported) continue;
    EXPECT_EQ(condition->mnemonic, mnemonic(reason)) << n;
    EXPECT_TRUE(is_scalable_fault(reason)) << n;
    EXPECT_FALSE(is_interrupt_fault(reason)) << n;
    // What comes before the context entry knows of no FPD.
    const bool early = condition->step == lookup_step::root_register ||
                       condition->step == lookup_step::root_entry || n == 0x40 || n == 0x89;
    EXPECT_EQ(is_qualified(reason), !early) << n;
  }
}

}  // namespace
}  // namespace iommulab::vtd_test::scalable_spec_test
