// SPDX-License-Identifier: GPL-2.0-only
//
// Root and context entries (VT-d specification 9.1 to 9.4), where they are, what they say of each
// kind of device, and what the unit is told of them: iommu_context_addr(),
// domain_context_mapping_one(), context_setup_pass_through() and domain_context_clear_one() of 6.12
// and 6.1.
#include "intel/v6_12/context.h"

#include <gmock/gmock.h>

#include "intel/v6_12/pasid_system.h"
#include "support/absent_function.h"
#include "support/gcmd_bits.h"
#include "support/v6_12/releases.h"
#include "support/v6_12/translation_kinds.h"

namespace iommulab::v6_12::context_test {
namespace {

using test::at, test::nic, test::pasid_machine, test::small_machine;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

using entry = std::pair<uint64_t, uint64_t>;
constexpr uint64_t frame = ~uint64_t{0xfff};

std::string submitted(std::string_view kind, uint64_t low, uint64_t high = 0) {
  return absl::StrFormat("qi_submit: %s dmar0: 0x%x 0x%x 0x0 0x0", kind, low, high);
}
std::string context_cache(uint64_t domain, source_id id) {
  return submitted("cc_inv", uint64_t{id.requester_id()} << 32 | domain << 16 | 0x31);
}
std::string iotlb(uint64_t domain) {
  return submitted("iotlb_inv", domain << 16 | 0xe2);
}
std::string device_tlb() {
  return submitted("dev_tlb_inv", uint64_t{nic.devfn} << 32 | 4 << 16 | 3, 0x7ffffffffffff001);
}

struct system : test::linux_6_12::system {
  explicit system(const machine_config& machine, const std::string& more_words = "",
                  const kernel_profile& profile = v6_12::profile(),
                  const std::string& intel_iommu = "on,sm_on")
      : test::linux_6_12::system(machine, intel_iommu, more_words, profile) {
    EXPECT_EQ(boot(), 0);
    events().clear();
  }
  device& nic() { return dev(test::nic); }
  intel_iommu& iommu() { return *driver().dmar_drhd_units.front().iommu; }
  uint64_t address_of(uint8_t bus, uint8_t devfn, bool alloc) {
    const vtd::context_entry* found = iommu_context_addr(driver(), iommu(), bus, devfn, alloc);
    return found == nullptr ? 0 : virt_to_phys(driver(), found).value();
  }
  std::vector<std::string> take() {
    std::vector<std::string> all = notes("qi_submit");
    events().clear();
    return all;
  }
};

// 9.1, 9.3: 256 entries of 16 bytes a bus. 9.2, 9.4: twice 128 of 32.
TEST(Context, EntriesAreWhereTheUnitLooksForThem) {
  for (const bool scalable : {false, true}) {
    small_machine m;
    if (scalable) m.set_ecap(pasid_machine::second_level());
    system s(m.build());
    const uint64_t root = s.root_table() + uint64_t{16} * 7;
    for (const uint8_t devfn : {uint8_t{0}, uint8_t{0x80}}) {
      EXPECT_EQ(s.address_of(7, devfn, /*alloc=*/false), 0u);
    }
    s.pages().failures().fail_at(1);
    EXPECT_EQ(s.address_of(7, 0, /*alloc=*/true), 0u);
    s.pages().failures().fail_never();
    EXPECT_EQ(s.word(root), 0u);
    const uint64_t live = s.pages().live_pages();
    for (const unsigned devfn : {0u, 1u, 0x7fu, 0x80u, 0x81u, 0xffu}) {
      const uint64_t found = s.address_of(7, static_cast<uint8_t>(devfn), /*alloc=*/true);
      const bool upper = scalable && devfn >= 0x80;
      const uint64_t table = s.word(root + (upper ? 8 : 0));
      EXPECT_EQ(table & 0xfff, 1u);
      EXPECT_EQ(found, (table & frame) + (scalable ? 32 * (devfn & 0x7f) : 16 * devfn)) << devfn;
      EXPECT_EQ(s.address_of(7, static_cast<uint8_t>(devfn), /*alloc=*/false), found);
    }
    EXPECT_EQ(s.pages().live_pages(), live + (scalable ? 2 : 1));
    EXPECT_EQ(s.word(root + 8) != 0, scalable);
  }
}

// 9.3: TT in bits 3:2 of the lower word, 01b for a device that has a cache and is let use it; width
// code and domain in the upper one.
TEST(Context, SaysWhetherADeviceMayCacheTranslations) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    for (const bool unit_knows : {false, true}) {
      pasid_machine m(default_ecap().set_device_tlb(unit_knows));
      m.set_function(std::nullopt, /*ats=*/true);
      system s(m.build(), "", *profile);
      const dmar_domain& domain = *info_of(s.nic()).domain;
      EXPECT_EQ(s.context(nic), entry(domain.pgd.value() | (unit_knows ? 5 : 1), 0x301u))
          << profile->name();
      EXPECT_EQ(info_of(s.nic()).ats_enabled, unit_knows);
    }
  }
}

/// The machine of legacy mode with a function behind a bridge, whose requests may bear an alias.
machine_config with_alias(bool caching = false) {
  test::translation_kind kind = test::translation_kinds().front();
  kind.cap.set_caching_mode(caching);
  return test::machine_of(kind);
}

// pci_for_each_dma_alias(): the device, and what the bridge makes of it. Each has an entry, and
// each is flushed by its own id when it goes.
TEST(Context, OfADeviceIsThatOfItsAliases) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    system s(with_alias(), "", *profile);
    device& dev = s.dev(test::behind_bridge);
    const entry of_device = s.context(test::behind_bridge);
    EXPECT_EQ(of_device.first & 0xfff, 1u);
    EXPECT_EQ(s.context(test::alias_of_bridge), of_device);
    const unsigned id = static_cast<unsigned>(of_device.second >> 8);
    s.pci().remove(*dev.pci);
    EXPECT_THAT(s.take(), ElementsAre(context_cache(id, test::behind_bridge), iotlb(id),
                                      context_cache(id, test::alias_of_bridge), iotlb(id)))
        << profile->name();
    EXPECT_EQ(s.context(test::behind_bridge), entry(0, 0));
    EXPECT_EQ(s.context(test::alias_of_bridge), entry(0, 0));
    EXPECT_NE(s.context(test::bridge).first & 1, 0u) << "the bridge itself stays";
  }
}

// An entry that is there is left alone; one that comes is told in caching mode: context cache under
// domain 0, IOTLB under the domain's id.
TEST(Context, IsNotWrittenTwice) {
  system s(with_alias(/*caching=*/true));
  device& dev = s.dev(test::behind_bridge);
  dmar_domain& domain = *info_of(dev).domain;
  const entry before = s.context(test::behind_bridge);
  const unsigned id = static_cast<unsigned>(before.second >> 8);
  EXPECT_EQ(domain_context_mapping(s.driver(), domain, dev), 0);
  EXPECT_EQ(device_setup_pass_through(s.driver(), dev), 0);
  EXPECT_EQ(s.context(test::behind_bridge), before);
  EXPECT_THAT(s.take(), IsEmpty());
  domain_context_clear(s.driver(), info_of(dev));
  s.take();
  EXPECT_EQ(domain_context_mapping(s.driver(), domain, dev), 0);
  EXPECT_EQ(s.context(test::behind_bridge), before);
  EXPECT_EQ(s.context(test::alias_of_bridge), before);
  EXPECT_THAT(s.take(), ElementsAre(context_cache(0, test::behind_bridge), iotlb(id),
                                    context_cache(0, test::alias_of_bridge), iotlb(id)));
  domain_context_clear(s.driver(), info_of(dev));
  s.take();
  EXPECT_EQ(device_setup_pass_through(s.driver(), dev), 0);
  EXPECT_THAT(s.take(), ElementsAre(context_cache(0, test::behind_bridge), iotlb(1),
                                    context_cache(0, test::alias_of_bridge), iotlb(1)));
}

// -ENOMEM without a page for the bus's table, through domains and pass-through alike.
TEST(Context, NeedsAPageForItsTable) {
  system s(with_alias());
  device& dev = s.dev(test::behind_bridge);
  dmar_domain& domain = *info_of(dev).domain;
  domain_context_clear(s.driver(), info_of(dev));
  const uint64_t link = s.word(s.root_table() + 16);
  s.word(s.root_table() + 16) = 0;
  s.pages().failures().fail_from(1);
  EXPECT_EQ(domain_context_mapping(s.driver(), domain, dev), -ENOMEM);
  EXPECT_EQ(device_setup_pass_through(s.driver(), dev), -ENOMEM);
  s.pages().failures().fail_never();
  // Nothing is to be cleared where there is no table.
  s.take();
  domain_context_clear(s.driver(), info_of(dev));
  EXPECT_THAT(s.take(), IsEmpty());
  s.word(s.root_table() + 16) = link;
  EXPECT_EQ(domain_context_mapping(s.driver(), domain, dev), 0);
}

// TT 10b, no table, and the widest that the unit has, whatever domains use: 57 bits is code 3.
TEST(Context, OfPassThroughHasTheWidestCode) {
  small_machine m;
  m.set_cap(default_cap().set_sagaw(0b01010).set_max_guest_address_width(57));
  system s(m.build(), "iommu=pt");
  EXPECT_EQ(s.context(nic), entry(0x9, 0x103));
}

// CAP.RWBF: an entry that comes is behind a flush of write buffers.
TEST(Context, IsBehindAWriteBufferFlush) {
  small_machine m;
  m.set_cap(default_cap().set_required_write_buffer_flush(true));
  system s(m.build());
  domain_context_clear(s.driver(), info_of(s.nic()));
  s.events().clear();
  EXPECT_EQ(domain_context_mapping(s.driver(), *info_of(s.nic()).domain, s.nic()), 0);
  ASSERT_EQ(s.written(0x18).size(), 1u);
  EXPECT_NE(s.written(0x18).front() & gcmd_bits::wbf, 0u);
}

// intel_context_flush_no_pasid(): the device's own cache last, twice for QuickAssist devices 4940h
// to 4943h, and not at all for a device that is gone. In scalable mode the IOTLB has its turn when
// PASID table entries go.
TEST(Context, FlushReachesTheDevicesOwnCache) {
  for (const bool scalable : {false, true}) {
    for (const bool early : {false, true}) {
      pasid_machine m(
          (scalable ? pasid_machine::second_level() : default_ecap()).set_device_tlb(true));
      m.set_function(std::nullopt, /*ats=*/true);
      if (early) {
        m.functions[1].config[2] = 0x41;
        m.functions[1].config[3] = 0x49;
      }
      system s(m.build());
      ASSERT_TRUE(info_of(s.nic()).ats_enabled);
      const auto flush = [&] {
        intel_context_flush_no_pasid(s.driver(), info_of(s.nic()), 9, at(1, 2).requester_id());
        return s.take();
      };
      std::vector<std::string> expected = {context_cache(9, at(1, 2))};
      if (!scalable) expected.push_back(iotlb(9));
      const std::vector<std::string> without_device = expected;
      expected.insert(expected.end(), early ? 2 : 1, device_tlb());
      EXPECT_THAT(flush(), ElementsAreArray(expected));
      {
        const test::absent_function gone(*s.nic().pci);
        EXPECT_THAT(flush(), ElementsAreArray(without_device));
      }
      info_of(s.nic()).ats_enabled = false;
      EXPECT_THAT(flush(), ElementsAreArray(without_device));
      info_of(s.nic()).ats_enabled = true;
    }
  }
}

// domain_lookup_dev_info(): the domain's device with this id behind this unit.
TEST(Context, LooksADeviceUp) {
  system s(with_alias());
  device_domain_info& info = info_of(s.dev(test::behind_bridge));
  const auto look = [&](source_id id) {
    return domain_lookup_dev_info(s.driver(), *info.domain, s.iommu(), id.bus, id.devfn);
  };
  EXPECT_EQ(look(test::behind_bridge), &info);
  EXPECT_EQ(look(test::alias_of_bridge), nullptr);
  EXPECT_EQ(look({0, 0, test::behind_bridge.devfn}), nullptr);
  EXPECT_EQ(look(test::bridge), &info_of(s.dev(test::bridge)));
  EXPECT_EQ(look(test::isa), nullptr) << "of another domain";
}

}  // namespace
}  // namespace iommulab::v6_12::context_test
