// SPDX-License-Identifier: GPL-2.0-only
//
// How Linux 4.4.178 starts units, and how it takes them down, beside how 4.4.1 does (init_dmars(),
// dmar_disable_qi(), disable_dmar_iommu()).
#include "core/iommu/v4_4/iommu_ops.h"
#include "intel/dmar/hotplug.h"
#include "intel/expect.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "platform/machine/builtin.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"
#include "support/v4_4_178/releases.h"

namespace iommulab::test::release_start_up_test {
namespace {

using namespace v4_4;
using linux_4_4::release;
using linux_4_4::releases;
using linux_4_4::system;

using ::testing::Contains;
using ::testing::ElementsAre;

constexpr uint8_t include_all = 1;
constexpr uint64_t second_base = 0xfeda0000;

struct booting : system {
  booting(const machine_config& machine, bool later,
          const std::string& command_line = "intel_iommu=on")
      : system(machine, command_line, trace_class::all, release(later)) {}
  device& dev(source_id id = nic) { return function(id).dev; }
  reports found() { return reported(events()); }
};

// ---- root entries -------------------------------------------------------------------------------

/// What init_dmars() has units do, of what another unit could mind: "dmar0 queue", when that goes
/// on, "root", "flush" for an invalidation, "buffer" for the write buffer, "translate".
std::vector<std::string> steps(system& s) {
  std::vector<std::string> list;
  bool within = false;
  for (const trace_event& e : s.events().events()) {
    if (e.function() == "init_dmars") within = e.kind() == trace_kind::call_enter;
    const auto* write = e.as<events::reg_write>();
    if (!within || write == nullptr) continue;
    const auto add = [&](const char* what) { list.push_back(write->unit + " " + what); };
    if (write->offset == r_rtaddr) add("root");
    if (write->offset == r_iqt && write->value != 0) add("flush");
    if (write->offset != r_gcmd) continue;
    if ((write->value & wbf) != 0) {
      add("buffer");
    } else if ((write->value & te) != 0) {
      add("translate");
    } else if (write->value == qie) {
      add("queue");
    }
  }
  return list;
}

sequence of_each(std::initializer_list<const char*> units,
                 std::initializer_list<const char*> what) {
  sequence list;
  for (const std::string unit : units) {
    for (const char* step : what) list.push_back(unit + " " + step);
  }
  return list;
}

// Units without INCLUDE_ALL are walked from the last to the first.
TEST(root_entries, are_set_when_every_units_queue_is_on) {
  const auto steps_of = [](bool later) {
    booting s(server_machine(), later);
    EXPECT_EQ(s.boot().intel_iommu_init, 0);
    return steps(s);
  };
  const auto units = {"dmar2", "dmar1", "dmar0", "dmar3"};
  EXPECT_EQ(steps_of(false), chain({of_each(units, {"queue", "root", "flush", "flush"}),
                                    of_each(units, {"translate"})}));
  EXPECT_EQ(steps_of(true),
            chain({of_each(units, {"queue"}), of_each(units, {"root", "flush", "flush"}),
                   of_each(units, {"translate"})}));
}

// The write buffer is flushed right before, wherever that is.
TEST(root_entries, come_behind_the_units_own_write_buffer) {
  small_machine m;
  const auto cap = default_cap().set_required_write_buffer_flush(true);
  m.set_cap(cap).add_unit(second_base, cap);
  const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(include_all, 0, small_unit_base)
                .add_drhd(0, 0, second_base, of_nic)
                .finish();
  const auto units = {"dmar1", "dmar0"};
  const sequence end = of_each(units, {"buffer", "translate"});
  for (const bool later : releases) {
    booting s(m.build(), later);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(steps(s),
              later ? chain({of_each(units, {"queue"}),
                             of_each(units, {"buffer", "root", "flush", "flush"}), end})
                    : chain({of_each(units, {"queue", "buffer", "root", "flush", "flush"}), end}));
  }
}

// With one unit there is no other: the accesses are the same, but for the status of
// dmar_disable_qi().
TEST(root_entries, of_one_unit_are_where_they_were) {
  const auto accesses_of = [](bool later) {
    booting s(small_machine().build(), later);
    EXPECT_EQ(s.boot().intel_iommu_init, 0);
    return s.accesses("dmar0", "init_dmars");
  };
  sequence expected = accesses_of(false);
  const auto status = std::find(expected.begin(), expected.end(), read8(r_gsts));
  ASSERT_NE(status, expected.end());
  *status = read4(r_gsts);
  EXPECT_EQ(accesses_of(true), expected);
}

// ---- the status ---------------------------------------------------------------------------------

// GSTS is 4 bytes at 1Ch (10.4.5); RTADDR lies behind it.
TEST(status, is_read_as_wide_as_it_is) {
  for (const bool later : releases) {
    booting s(small_machine().build(), later);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_THAT(s.accesses("dmar0", "dmar_disable_qi"),
                ElementsAre(later ? read4(r_gsts) : read8(r_gsts)));
    EXPECT_EQ(testing::Matches(Contains(read8(r_gsts)))(s.accesses()), !later);
  }
}

// A queue that firmware left on is drained and goes off.
TEST(status, tells_either_way_that_a_queue_is_on) {
  constexpr uint64_t firmwares_queue = 0x100000;
  for (const bool later : releases) {
    booting s(small_machine().build(), later);
    ASSERT_TRUE(s.k().pages().reserve(phys_addr(firmwares_queue), page_size).ok());
    s.unit().write64(r_iqa, firmwares_queue);
    s.unit().write32(r_gcmd, qie);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_EQ(
        s.accesses("dmar0", "dmar_disable_qi"),
        chain({{later ? read4(r_gsts) : read8(r_gsts), read4(r_iqt), read4(r_iqh)}, command(0)}));
  }
}

// ---- the identity domain ------------------------------------------------------------------------

constexpr source_id sound = at(0, 0x1b);

/// Sound on Tylersburg without TLB entries (VTISOCHCTRL, 188h).
small_machine broken_tylersburg() {
  small_machine m;
  m.add_function(plain_function(sound, 0x8086, 0x3a3e, 0x040300));
  m.add_function(function_builder(at(0, 0x14), 0x8086, 0x342e, 0x080000)
                     .extended_capability(0x0001, 1, 0x100)
                     .device_register(0x188, 4, 0)
                     .build());
  return m;
}

TEST(tylersburg, is_checked_before_the_identity_domain_is_made) {
  for (const bool later : releases) {
    booting s(small_machine().build(), later, "intel_iommu=on iommu=pt");
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    sequence order = {"si_domain_init", "check_tylersburg_isoch"};
    if (later) std::reverse(order.begin(), order.end());
    EXPECT_EQ(s.calls_of({"si_domain_init", "check_tylersburg_isoch"}), order);
    EXPECT_EQ(s.found(), reports{});
  }
}

TEST(tylersburg, that_is_broken_gets_the_identity_domain_which_it_asks_for) {
  for (const bool later : releases) {
    booting s(broken_tylersburg().build(), later);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_THAT(s.calls_of({"si_domain_init", "check_tylersburg_isoch"}),
                ElementsAre("check_tylersburg_isoch", "si_domain_init"));
    EXPECT_EQ(s.found(), later ? reports{} : reports{divergence::tylersburg_identity_domain});
    ASSERT_NE(s.driver().si_domain, nullptr);
    EXPECT_EQ(find_domain(s.driver(), s.dev(sound)), s.driver().si_domain);
    EXPECT_EQ(s.dma(sound, 0x1234000).outcome, dma_outcome::passed);
    EXPECT_FALSE(s.context_of(nic).present());
  }
}

// Nobody asked for it, and the check does not.
TEST(tylersburg, that_is_sound_gets_none) {
  for (const bool later : releases) {
    booting s(small_machine().build(), later);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    EXPECT_THAT(s.calls_of({"si_domain_init", "check_tylersburg_isoch"}),
                ElementsAre("check_tylersburg_isoch"));
    EXPECT_EQ(s.driver().si_domain, nullptr);
  }
}

// Memory for the domain is missing: the start-up fails, in either place.
TEST(tylersburg, comes_before_a_failure_of_the_identity_domain) {
  for (const bool later : releases) {
    bool failed = false;
    for (uint64_t page = 1; page < 10 && !failed; ++page) {
      booting s(broken_tylersburg().set_ecap(default_ecap().set_pass_through(false)).build(), later,
                "intel_iommu=on iommu=pt");
      s.k().pages().fail_at(page);
      if (s.boot().intel_iommu_init == 0 || s.calls_of({"si_domain_init"}).empty()) continue;
      failed = true;
      EXPECT_EQ(s.calls_of({"check_tylersburg_isoch"}).empty(), !later);
      EXPECT_EQ(s.driver().live_domains(), 0u);
    }
    EXPECT_TRUE(failed) << "no page is the identity domain's";
  }
}

// ---- taking a unit down -------------------------------------------------------------------------

/// Functions that empty a unit.
sequence emptying(system& s) {
  return s.calls_of({"disable_dmar_iommu", "dmar_remove_one_dev_info", "__dmar_remove_one_dev_info",
                     "domain_exit", "iommu_disable_translation", "free_dmar_iommu"});
}

/// Nothing is left of a start-up that failed.
void expect_gone(system& s) {
  EXPECT_EQ(s.driver().live_domains(), 0u);
  EXPECT_EQ(s.driver().si_domain, nullptr);
  s.k().finish_boot();
  EXPECT_EQ(s.k().pages().live_pages(), 0u);
  EXPECT_EQ(s.k().slab().live(), 0);
  EXPECT_TRUE(s.k().pages().diagnoses().empty());
}

// No vector for the unit's fault event. By then the ISA bridge has its first 16 MiB in a domain of
// its own, to which it comes last: 4.4.1 would wait here for the lock that it holds.
TEST(failed_start, lets_go_of_the_lock_to_take_a_domain_down) {
  small_machine m;
  m.add_function(isa_bridge());
  for (const bool later : releases) {
    booting s(m.build(), later);
    s.k().irqs().limit(0);
    EXPECT_EQ(s.boot().intel_iommu_init, -EINVAL);
    EXPECT_EQ(s.found(), later ? reports{} : reports{divergence::disable_with_devices});
    if (later) {
      EXPECT_THAT(emptying(s), ElementsAre("disable_dmar_iommu", "__dmar_remove_one_dev_info",
                                           "domain_exit", "free_dmar_iommu"));
    }
    expect_gone(s);
  }
}

// Regions of two devices: two domains, and the loop begins again behind each.
TEST(failed_start, takes_every_domain_down) {
  small_machine m;
  constexpr source_id usb = at(0, 0x1d);
  m.add_function(plain_function(usb, 0x8086, 0x1d26, 0x0c0320));
  const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  const dmar_scope_spec of_usb[] = {dmar_scope_spec::endpoint(0, {{0x1d, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(include_all, 0, small_unit_base)
                .add_rmrr(0, 0x3000000, 0x3000fff, of_nic)
                .add_rmrr(0, 0x3001000, 0x3001fff, of_usb)
                .finish();
  for (const bool later : releases) {
    booting s(m.build(), later);
    s.k().irqs().limit(0);
    EXPECT_EQ(s.boot().intel_iommu_init, -EINVAL);
    EXPECT_EQ(s.found(), later ? reports{} : reports{divergence::disable_with_devices});
    if (later) {
      EXPECT_THAT(emptying(s),
                  ElementsAre("disable_dmar_iommu", "__dmar_remove_one_dev_info", "domain_exit",
                              "__dmar_remove_one_dev_info", "domain_exit", "free_dmar_iommu"));
    }
    expect_gone(s);
  }
}

// Both kernels leave the identity domain behind, and the port does not.
TEST(failed_start, frees_the_identity_domain_of_either) {
  small_machine m;
  m.add_function(isa_bridge());
  for (const bool later : releases) {
    booting s(m.build(), later, "intel_iommu=on iommu=pt");
    s.k().irqs().limit(0);
    EXPECT_EQ(s.boot().intel_iommu_init, -EINVAL);
    EXPECT_EQ(s.found(), reports{divergence::failed_start_frees_identity});
    expect_gone(s);
  }
}

/// A unit for one function and one for all others, which is pulled out as its _DSM says.
struct with_removable_unit : booting {
  static constexpr source_id others = at(0, 4);
  /// Behind a PCIe-to-PCI bridge: their requests come as 01:00.0's.
  static constexpr source_id behind = at(1, 1), beside = at(1, 2);

  with_removable_unit(bool later, const std::string& command_line)
      : booting(machine(), later, command_line) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
  }
  static machine_config machine() {
    small_machine m;
    m.add_unit(second_base);
    m.add_function(plain_function(others, 0x8086, 0x10d3, 0x020000));
    m.add_function(function_builder(at(0, 5), 0x10b5, 0x8111, 0x060400)
                       .bridge(0, 1, 1)
                       .express(pci_exp_type::pci_bridge, 0x60)
                       .build());
    m.add_function(plain_function(behind, 0x1033, 0x0035, 0x020000));
    m.add_function(plain_function(beside, 0x1033, 0x0035, 0x020000));
    const dmar_scope_spec of_others[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
    m.table = dmar_builder(39)
                  .add_drhd(0, 0, second_base, of_others)
                  .add_drhd(include_all, 0, small_unit_base)
                  .finish();
    return m.build();
  }
  int pull_the_unit_out() {
    return dmar_device_remove(driver(), [](dmar_dsm_function f) {
      std::optional<std::vector<uint8_t>> structures;
      if (f != dmar_dsm_function::drhd) return structures;
      structures = dmar_builder(39).add_drhd(include_all, 0, small_unit_base).finish();
      constexpr auto header = 48;
      structures->erase(structures->begin(), structures->begin() + header);
      return structures;
    });
  }
};

TEST(unit_removal, takes_devices_out_of_their_own_domains) {
  for (const bool later : releases) {
    with_removable_unit s(later, "intel_iommu=on");
    dmar_domain* stays = get_domain_for_dev(s.driver(), s.dev(s.others), 48);
    ASSERT_NE(get_domain_for_dev(s.driver(), s.dev(nic), 48), nullptr);
    ASSERT_NE(get_domain_for_dev(s.driver(), s.dev(at(0, 0)), 48), nullptr);
    s.events().clear();
    EXPECT_EQ(s.pull_the_unit_out(), 0);
    EXPECT_EQ(s.found(), later ? reports{} : reports{divergence::disable_with_devices});
    if (later) {
      EXPECT_THAT(emptying(s),
                  ElementsAre("disable_dmar_iommu", "__dmar_remove_one_dev_info", "domain_exit",
                              "__dmar_remove_one_dev_info", "domain_exit",
                              "iommu_disable_translation", "free_dmar_iommu"));
    }
    EXPECT_EQ(find_domain(s.driver(), s.dev(nic)), nullptr);
    EXPECT_EQ(find_domain(s.driver(), s.dev(s.others)), stays) << "it is another unit's";
    EXPECT_EQ(s.driver().live_domains(), 1u);
    s.expect_nothing_leaked();
  }
}

// A domain of the IOMMU API is its user's: it loses the device, and stays.
TEST(unit_removal, leaves_domains_of_others_alone) {
  for (const bool later : releases) {
    with_removable_unit s(later, "intel_iommu=on");
    v4_4::iommu_domain* domain = iommu_domain_alloc(*s.dev().bus);
    ASSERT_EQ(iommu_attach_device(*domain, s.dev(nic)), 0);
    ASSERT_NE(get_domain_for_dev(s.driver(), s.dev(at(0, 0)), 48), nullptr);
    s.events().clear();
    EXPECT_EQ(s.pull_the_unit_out(), 0);
    EXPECT_EQ(s.found(), later ? reports{} : reports{divergence::disable_with_devices});
    if (later) {
      EXPECT_THAT(emptying(s), ElementsAre("disable_dmar_iommu", "__dmar_remove_one_dev_info",
                                           "domain_exit", "__dmar_remove_one_dev_info",
                                           "iommu_disable_translation", "free_dmar_iommu"));
    }
    EXPECT_EQ(find_domain(s.driver(), s.dev(nic)), nullptr);
    EXPECT_EQ(s.driver().live_domains(), 1u);
    EXPECT_TRUE(to_dmar_domain(*domain).devices.empty());
    iommu_domain_free(*domain);
    s.expect_nothing_leaked();
  }
}

TEST(unit_removal, takes_devices_out_of_the_identity_domain) {
  for (const bool later : releases) {
    with_removable_unit s(later, "intel_iommu=on iommu=pt");
    dmar_domain* identity = s.driver().si_domain;
    ASSERT_EQ(find_domain(s.driver(), s.dev(nic)), identity);
    s.events().clear();
    EXPECT_EQ(s.pull_the_unit_out(), 0);
    EXPECT_EQ(s.found(), later ? reports{} : reports{divergence::disable_with_devices});
    if (later) {
      EXPECT_THAT(emptying(s), ElementsAre("disable_dmar_iommu", "__dmar_remove_one_dev_info",
                                           "__dmar_remove_one_dev_info",
                                           "iommu_disable_translation", "free_dmar_iommu"))
          << "no domain_exit()";
    }
    EXPECT_EQ(find_domain(s.driver(), s.dev(nic)), nullptr);
    EXPECT_EQ(find_domain(s.driver(), s.dev(s.others)), identity);
    EXPECT_EQ(s.driver().si_domain, identity);
    s.expect_nothing_leaked();
  }
}

// An alias has a place in the domain and is nobody's device: it goes with the domain.
TEST(unit_removal, takes_aliases_along_with_their_domain) {
  for (const bool later : releases) {
    with_removable_unit s(later, "intel_iommu=on");
    dmar_domain* shared = get_domain_for_dev(s.driver(), s.dev(s.behind), 48);
    ASSERT_NE(shared, nullptr);
    ASSERT_EQ(get_domain_for_dev(s.driver(), s.dev(s.beside), 48), shared);
    s.events().clear();
    EXPECT_EQ(s.pull_the_unit_out(), 0);
    EXPECT_EQ(s.found(), later ? reports{} : reports{divergence::disable_with_devices});
    if (later) {
      EXPECT_THAT(emptying(s),
                  ElementsAre("disable_dmar_iommu", "__dmar_remove_one_dev_info", "domain_exit",
                              "__dmar_remove_one_dev_info", "__dmar_remove_one_dev_info",
                              "iommu_disable_translation", "free_dmar_iommu"));
    }
    EXPECT_EQ(s.driver().live_domains(), 0u);
    s.expect_nothing_leaked();
  }
}

// device_notifier() leaves a domain in which there is an alias: with the device gone, that is all
// there is, and either kernel passes over it here and frees the unit below it.
TEST(unit_removal, takes_an_alias_that_its_device_left_behind) {
  for (const bool later : releases) {
    with_removable_unit s(later, "intel_iommu=on");
    ASSERT_NE(get_domain_for_dev(s.driver(), s.dev(s.behind), 48), nullptr);
    const std::string file = "bus/pci/devices/" + to_string(s.behind) + "/remove";
    ASSERT_TRUE(s.k().sysfs().write(file, "1").ok());
    ASSERT_EQ(s.driver().live_domains(), 1u);
    s.events().clear();
    EXPECT_EQ(s.pull_the_unit_out(), 0);
    EXPECT_EQ(s.found(), reports{divergence::alias_outlives_unit});
    EXPECT_EQ(s.driver().live_domains(), 0u);
    s.expect_nothing_leaked();
  }
}

// Nobody in a domain: nothing to take out, and the same in both.
TEST(unit_removal, of_a_unit_without_devices_is_the_same_in_both) {
  for (const bool later : releases) {
    with_removable_unit s(later, "intel_iommu=on");
    s.events().clear();
    EXPECT_EQ(s.pull_the_unit_out(), 0);
    EXPECT_EQ(s.found(), reports{});
    EXPECT_THAT(emptying(s),
                ElementsAre("disable_dmar_iommu", "iommu_disable_translation", "free_dmar_iommu"));
    s.expect_nothing_leaked();
  }
}

}  // namespace
}  // namespace iommulab::test::release_start_up_test
