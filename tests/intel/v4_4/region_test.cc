// SPDX-License-Identifier: GPL-2.0-only
//
// Reserved memory regions (VT-d 8.4) of one device: mapped one to one, refused, and in the way of
// what other domains want. Linux v4.4 drivers/iommu/intel-iommu.c: domain_prepare_identity_map(),
// device_is_rmrr_locked(), iommu_should_identity_map().
#include "intel/dmar/table.h"
#include "intel/expect.h"
#include "support/v4_4/system.h"

namespace iommulab::test::region_test {
namespace {

using linux_4_4::system;
using namespace v4_4;

constexpr uint64_t last_39_bit = (uint64_t{1} << 39) - 1;
constexpr uint64_t nowhere = ~uint64_t{0};
constexpr unsigned pass_through = 2;  // 9.3, TT

constexpr source_id usb = at(0, 0x1d);
constexpr source_id graphics = at(0, 2);

/// One unit of three levels, and a region of the device.
small_machine machine_with(source_id id, uint64_t base, uint64_t limit) {
  small_machine m;
  m.set_cap(default_cap().set_max_guest_address_width(39).set_sagaw(0b00010));
  m.add_function(plain_function(usb, 0x8086, 0x1d26, 0x0c0320));
  m.add_function(plain_function(graphics, 0x8086, 0x0102, 0x030000));
  const dmar_scope_spec scope[] = {dmar_scope_spec::endpoint(0, {{id.device(), id.function()}})};
  m.table =
      dmar_builder(39).add_drhd(1, 0, small_unit_base).add_rmrr(0, base, limit, scope).finish();
  return m;
}

TEST(region, is_mapped_one_to_one_and_nothing_beside_it) {
  constexpr uint64_t base = 0x3000000;
  for (const uint64_t bytes : {uint64_t{0x1000}, uint64_t{0x5000}, uint64_t{0x201000}}) {
    system s(machine_with(nic, base, base + bytes - 1).build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_FALSE(s.log_contains("Mapping reserved region failed"));
    const system::context entry = s.context_of(nic);
    ASSERT_TRUE(entry.present());
    EXPECT_EQ(s.walk(entry.table(), 3, base - page_size), nowhere);
    for (uint64_t a = base; a < base + bytes; a += page_size) {
      ASSERT_EQ(s.walk(entry.table(), 3, a), a);
    }
    EXPECT_EQ(s.walk(entry.table(), 3, base + bytes), nowhere);
    // Its addresses are nobody's to give out.
    iova_domain& addresses = find_domain(s.driver(), s.function(nic).dev)->iovad;
    EXPECT_EQ(find_iova(addresses, (base >> page_shift) - 1), nullptr);
    EXPECT_NE(find_iova(addresses, base >> page_shift), nullptr);
    EXPECT_NE(find_iova(addresses, (base + bytes - 1) >> page_shift), nullptr);
    EXPECT_EQ(find_iova(addresses, (base + bytes) >> page_shift), nullptr);
  }
}

// The device is left without a domain then, so that it faults at once.
TEST(region, is_refused_when_it_cannot_be) {
  struct refused {
    uint64_t base;
    uint64_t limit;
    const char* why;
  };
  for (const refused& c :
       {refused{0x3001000, 0x3000fff, "Your BIOS is broken; RMRR ends before it starts!"},
        refused{last_39_bit - 0xfff, last_39_bit + 0x1000,
                "Your BIOS is broken; RMRR exceeds permitted address width (39 bits)"}}) {
    system s(machine_with(nic, c.base, c.limit).build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_TRUE(s.log_contains(c.why)) << s.log_text();
    EXPECT_EQ(s.logged("DMAR: Mapping reserved region failed"), 1);
    EXPECT_FALSE(s.context_of(nic).present());
    EXPECT_EQ(s.function(nic).dev.archdata_iommu, nullptr);
    s.expect_nothing_leaked();
  }
}

TEST(region, may_be_the_last_page_of_the_address_width) {
  constexpr uint64_t base = last_39_bit - 0xfff;
  system s(machine_with(nic, base, last_39_bit).build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_FALSE(s.log_contains("Your BIOS is broken"));
  EXPECT_EQ(s.walk(s.context_of(nic).table(), 3, base), base);
}

// USB and graphics need their regions at start-up only: they may be given away, and passed through.
TEST(region, keeps_its_device_from_other_domains_unless_it_is_usb_or_graphics) {
  for (const source_id id : {nic, usb, graphics}) {
    for (const char* line : {"intel_iommu=on", "intel_iommu=on iommu=pt"}) {
      system s(machine_with(id, 0x3000000, 0x3000fff).build(), line);
      ASSERT_EQ(s.boot().intel_iommu_init, 0);
      s.k().finish_boot();
      const bool locked = id == nic;
      const bool all = std::string_view(line).ends_with("pt");
      EXPECT_EQ(s.context_of(id).type() == pass_through, all && !locked) << to_string(id);
      device& dev = s.function(id).dev;
      v4_4::iommu_domain* domain = iommu_domain_alloc(*dev.bus);
      ASSERT_NE(domain, nullptr);
      EXPECT_EQ(iommu_attach_device(*domain, dev), locked ? -EPERM : 0);
      EXPECT_EQ(s.log_contains("Device is ineligible for IOMMU domain attach"), locked);
      iommu_detach_device(*domain, dev);
      iommu_domain_free(*domain);
    }
  }
}

// dev_prepare_static_identity_mapping(): a device that no unit translates for is passed over.
TEST(static_identity_mapping, is_of_devices_that_have_a_unit) {
  small_machine m;
  m.add_function(plain_function(usb, 0x8086, 0x1d26, 0x0c0320));
  const dmar_scope_spec scope[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  m.table = dmar_builder(39).add_drhd(0, 0, small_unit_base, scope).finish();
  system s(m.build(), "intel_iommu=on iommu=pt");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.logged("DMAR: Hardware identity mapping for device 0000:00:03.0"), 1);
  for (const char* without : {"0000:00:00.0", "0000:00:1d.0"}) {
    EXPECT_FALSE(s.log_contains("identity mapping for device " + std::string(without)));
  }
  EXPECT_EQ(s.context_of(nic).type(), pass_through);
  EXPECT_FALSE(s.context_of(usb).present());
  device& dev = s.function(usb).dev;
  EXPECT_EQ(get_domain_for_dev(s.driver(), dev, 48), nullptr);
  EXPECT_EQ(domain_add_dev_info(s.driver(), *s.driver().si_domain, dev), -ENODEV);
}

}  // namespace
}  // namespace iommulab::test::region_test
