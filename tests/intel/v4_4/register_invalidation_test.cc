// SPDX-License-Identifier: GPL-2.0-only
//
// Invalidation through registers, as units without a queue (ECAP.QI = 0) want it: VT-d 6.5.1,
// 10.4.7 (CCMD), 10.4.8 (IOTLB and IVA).
#include "intel/expect.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/flush.h"
#include "intel/v4_4/identity.h"
#include "intel/v4_4/registers.h"
#include "support/v4_4/system.h"

namespace iommulab::test::register_invalidation_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

constexpr uint64_t iro = 0x100;
constexpr uint64_t icc = uint64_t{1} << 63;
constexpr uint64_t ivt = uint64_t{1} << 63;
constexpr uint64_t drain_writes = uint64_t{1} << 48;
constexpr uint64_t context_request(uint64_t g) {
  return icc | g << 61;
}
constexpr uint64_t iotlb_request(uint64_t g, uint64_t did) {
  return ivt | g << 60 | did << 32;
}

vtd::ecap_register no_queue() {
  return default_ecap().set_queued_invalidation(false).set_iotlb_offset(iro);
}

sequence flush_context(uint64_t request) {
  return {write8(r_ccmd, request), read8(r_ccmd)};
}
sequence flush_iotlb(uint64_t request) {
  return {write8(iro + 8, request), read8(iro + 8)};
}
sequence flush_pages(uint64_t iva, uint64_t request) {
  return chain({{write8(iro, iva)}, flush_iotlb(request)});
}

intel_iommu& first_unit(system& s) {
  return *s.driver().dmar_drhd_units.front().iommu;
}

/// The accesses of `fn` alone.
template <typename F>
sequence accesses_of(system& s, F&& fn) {
  s.events().clear();
  fn();
  return s.accesses();
}

// intel_iommu_init_qi() without a queue, then init_dmars(): root pointer, both caches globally.
TEST(register_invalidation, start_up_flushes_by_register) {
  for (const bool drains : {true, false}) {
    small_machine m;
    m.set_ecap(no_queue()).set_cap(default_cap().set_write_drain(drains).set_read_drain(drains));
    system s(m.build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(s.logged("DMAR: dmar0: Using Register based invalidation"), 1);
    EXPECT_EQ(s.logged("DMAR: dmar0: Using Queued invalidation"), 0);
    // __iommu_flush_iotlb() asks for write draining where CAP.DWD offers it, never for reads.
    const uint64_t drain = drains ? drain_writes : 0;
    const sequence expected = chain({no_faults(),
                                     {read4(r_gsts)},
                                     set_root(first_unit(s).root_entry_phys.value(), 0),
                                     flush_context(context_request(1)),
                                     flush_iotlb(iotlb_request(1, 0) | drain),
                                     set_interrupt(s, 0),
                                     command(te),
                                     disable_protected_memory()});
    EXPECT_EQ(s.accesses("dmar0", "init_dmars"), expected);
    EXPECT_TRUE(s.unit().diagnoses().entries().empty());
  }
}

// __iommu_flush_context(): the fields that each granularity needs (10.4.7).
TEST(register_invalidation, context_requests_carry_domain_source_and_mask) {
  small_machine m;
  m.set_ecap(no_queue());
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  const auto flush = [&](vtd::context_granularity g) {
    return accesses_of(s, [&] {
      first_unit(s).flush.flush_context(s.driver(), first_unit(s), domain_id(0x1234), 0x0518, 3, g);
    });
  };
  EXPECT_EQ(flush(vtd::context_granularity::global), flush_context(context_request(1)));
  EXPECT_EQ(flush(vtd::context_granularity::domain), flush_context(context_request(2) | 0x1234));
  EXPECT_EQ(flush(vtd::context_granularity::device),
            flush_context(context_request(3) | uint64_t{3} << 32 | 0x0518u << 16 | 0x1234));
}

// iommu_flush_iotlb_psi(): the smallest power of two that covers the pages in AM, the leaf hint in
// IH (10.4.8.2), the domain's id in the request.
TEST(register_invalidation, page_requests_carry_address_mask_and_hint) {
  small_machine m;
  m.set_ecap(no_queue());
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.function(nic).dev, 48);
  ASSERT_NE(domain, nullptr);
  const uint64_t request = iotlb_request(3, 1) | drain_writes;  // the first id after 0
  constexpr uint64_t ih = 1 << 6;
  const auto flush = [&](uint64_t pfn, uint64_t pages, bool hint) {
    return accesses_of(s, [&] {
      iommu_flush_iotlb_psi(s.driver(), first_unit(s), *domain, pfn, pages, hint, false);
    });
  };
  EXPECT_EQ(flush(0x1000, 1, false), flush_pages(0x1000000, request));
  EXPECT_EQ(flush(0x1000, 1, true), flush_pages(0x1000000 | ih, request));
  EXPECT_EQ(flush(0x1000, 2, false), flush_pages(0x1000000 | 1, request));
  EXPECT_EQ(flush(0x1000, 5, true), flush_pages(0x1000000 | ih | 3, request));
  EXPECT_EQ(flush(0x40000, 1 << 18, false), flush_pages(0x40000000 | 18, request));
  // Beyond CAP.MAMV the whole domain goes, without an address.
  EXPECT_EQ(flush(0x80000, (1 << 18) + 1, false), flush_iotlb(iotlb_request(2, 1) | drain_writes));
}

// CAP.PSI = 0: page requests are none of the unit's, domain requests take their place.
TEST(register_invalidation, units_without_page_requests_get_domain_requests) {
  small_machine m;
  m.set_ecap(no_queue());
  m.set_cap(default_cap().set_page_selective_invalidation(false).set_max_address_mask(0));
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.function(nic).dev, 48);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(accesses_of(s,
                        [&] {
                          iommu_flush_iotlb_psi(s.driver(), first_unit(s), *domain, 0x1000, 1, true,
                                                false);
                        }),
            flush_iotlb(iotlb_request(2, 1) | drain_writes));
}

// IAIG = 00b: hardware refused (10.4.8.1). The unit does so for an address mask above MAMV.
TEST(register_invalidation, a_refused_request_is_reported) {
  small_machine m;
  m.set_ecap(no_queue()).set_cap(default_cap().set_max_address_mask(9));
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  iommu_flush_iotlb_reg(s.driver(), first_unit(s), domain_id(1), 0x1000000, 9,
                        vtd::iotlb_granularity::page);
  EXPECT_EQ(s.logged("DMAR: Flush IOTLB failed"), 0);
  iommu_flush_iotlb_reg(s.driver(), first_unit(s), domain_id(1), 0x1000000, 10,
                        vtd::iotlb_granularity::page);
  EXPECT_EQ(s.logged("DMAR: Flush IOTLB failed"), 1);
  EXPECT_EQ(s.logged("DMAR: TLB flush request 3, actual 0"), 1);
}

// A coarser flush than asked for is fine, and noted at debug level: PSI clear turns pages to
// domain.
TEST(register_invalidation, a_coarser_flush_is_a_debug_line) {
  small_machine m;
  m.set_ecap(no_queue());
  m.set_cap(default_cap().set_page_selective_invalidation(false).set_max_address_mask(0));
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  iommu_flush_iotlb_reg(s.driver(), first_unit(s), domain_id(1), 0x1000000, 0,
                        vtd::iotlb_granularity::page);
  EXPECT_EQ(s.logged("DMAR: TLB flush request 3, actual 2"), 1);
  EXPECT_EQ(s.logged("DMAR: Flush IOTLB failed"), 0);
}

// Caching mode (6.1): an entry that becomes present was cached as absent under domain 0; the
// context entry's device and then the new domain are flushed.
TEST(register_invalidation, caching_mode_flushes_what_becomes_present) {
  small_machine m;
  m.set_ecap(no_queue()).set_cap(default_cap().set_caching_mode(true));
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  const sequence seen = accesses_of(
      s, [&] { ASSERT_NE(get_domain_for_dev(s.driver(), s.function(nic).dev, 48), nullptr); });
  EXPECT_EQ(seen, chain({flush_context(context_request(3) | uint64_t{nic.devfn} << 16),
                         flush_iotlb(iotlb_request(2, 1) | drain_writes)}));
}

// domain_context_clear_one(): global invalidations after each alias.
TEST(register_invalidation, leaving_a_domain_flushes_globally) {
  small_machine m;
  m.set_ecap(no_queue());
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  dmar_domain* domain = get_domain_for_dev(s.driver(), s.function(nic).dev, 48);
  ASSERT_NE(domain, nullptr);
  const sequence seen =
      accesses_of(s, [&] { dmar_remove_one_dev_info(s.driver(), s.function(nic).dev); });
  EXPECT_EQ(seen, chain({flush_context(context_request(1)),
                         flush_iotlb(iotlb_request(1, 0) | drain_writes)}));
  EXPECT_FALSE(s.context_of(nic).present());
  domain_exit(s.driver(), domain);
}

}  // namespace
}  // namespace iommulab::test::register_invalidation_test
