// SPDX-License-Identifier: GPL-2.0-only
//
// Memory runs out at the n-th allocation of a boot, for every n: of pages (tables, queues) and of
// kernel objects; once, and from there on. However it ends, nothing leaks, nothing is freed twice,
// and no unit translates half-heartedly.
#include <algorithm>
#include <functional>

#include "core/panic.h"
#include "core/spin_lock.h"
#include "intel/expect.h"
#include "platform/machine/builtin.h"
#include "platform/machine/capture_loader.h"
#include "support/golden.h"
#include "support/v4_4/system.h"

namespace iommulab::test::failure_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

struct scenario {
  const char* name;
  std::function<machine_config()> machine;
  const char* command_line;
};

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
void PrintTo(const scenario& s, std::ostream* out) {
  *out << s.name;
}

machine_config small_q35(bool pass_through) {
  q35_options options;
  options.memory = uint64_t{64} << 20;
  options.unit.pass_through = pass_through;
  return q35_machine(options);
}

/// The recorded machine with the most regions: two of one device, one below 1 MiB, one in RAM.
constexpr char regions_capture[] = "kernel/v4_4/firmware/r2";

machine_config regions_machine() {
  auto machine = load_capture((golden::root() / regions_capture).string());
  if (!machine.ok()) throw std::runtime_error(std::string(machine.status().message()));
  return *machine;
}

/// Sound on Tylersburg: the identity domain for one device.
machine_config tylersburg_machine() {
  small_machine m;
  m.add_function(plain_function(at(0, 0x1b), 0x8086, 0x3a3e, 0x040300));
  m.add_function(function_builder(at(0, 0x14), 0x8086, 0x342e, 0x080000)
                     .extended_capability(0x0001, 1, 0x100)
                     .build());
  return m.build();
}

/// Functions behind a PCIe-to-PCI bridge, with a region each: aliases.
machine_config bridge_machine() {
  small_machine m;
  m.add_function(function_builder(at(0, 5), 0x10b5, 0x8111, 0x060400)
                     .bridge(0, 1, 1)
                     .express(pci_exp_type::pci_bridge, 0x60)
                     .build());
  m.add_function(plain_function(at(1, 1), 0x1033, 0x0035, 0x020000));
  m.add_function(plain_function(at(1, 2), 0x1033, 0x0035, 0x020000));
  constexpr uint8_t include_all = 1;
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{5, 0}, {1, 0}}),
                                    dmar_scope_spec::endpoint(0, {{5, 0}, {2, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(include_all, 0, small_unit_base)
                .add_rmrr(0, 0x3000000, 0x3000fff, scopes)
                .add_atsr(1, 0)
                .finish();
  return m.build();
}

/// USB with a region outside of memory: mapped into the identity domain when that is software's.
machine_config usb_region_machine() {
  small_machine m;
  m.set_ecap(default_ecap().set_pass_through(false));
  m.add_function(plain_function(at(0, 0x1d), 0x8086, 0x1d26, 0x0c0320));
  constexpr uint8_t include_all = 1;
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{0x1d, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(include_all, 0, small_unit_base)
                .add_rmrr(0, 0x45678000, 0x4567ffff, scopes)
                .finish();
  return m.build();
}

const scenario scenarios[] = {
    {"q35", [] { return small_q35(true); }, "intel_iommu=on"},
    {"q35_pass_through", [] { return small_q35(true); }, "intel_iommu=on iommu=pt"},
    {"q35_software_pass_through", [] { return small_q35(false); }, "intel_iommu=on iommu=pt"},
    {"regions", regions_machine, "intel_iommu=on"},
    {"regions_strict", regions_machine, "intel_iommu=on,strict,sp_off"},
    {"bridge", bridge_machine, "intel_iommu=on"},
    {"bridge_pass_through", bridge_machine, "intel_iommu=on iommu=pt"},
    {"usb_region_software_pass_through", usb_region_machine, "intel_iommu=on iommu=pt"},
    {"tylersburg", tylersburg_machine, "intel_iommu=on"},
    {"server", server_machine, "intel_iommu=on"},
    {"server_hardware_pass_through", server_machine, "intel_iommu=on,igfx_off iommu=pt"},
};

/// Which allocations fail.
struct injection {
  const char* name;
  slab_failures& (*of)(kernel&);
  void (slab_failures::*arm)(uint64_t);
};

slab_failures& page_failures(kernel& k) {
  return k.pages().failures();
}
slab_failures& object_failures(kernel& k) {
  return k.slab();
}

const injection injections[] = {
    {"one_page", page_failures, &slab_failures::fail_at},
    {"all_pages_from_then_on", page_failures, &slab_failures::fail_from},
    {"one_object", object_failures, &slab_failures::fail_at},
    {"all_objects_from_then_on", object_failures, &slab_failures::fail_from},
};
// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
void PrintTo(const injection& i, std::ostream* out) {
  *out << i.name;
}

bool translating(system& s, size_t unit) {
  return (s.unit(unit).peek(vtd_register::gsts) & te) != 0;
}

/// A member of a domain that has no context entry: its requests are blocked while nothing in the
/// log says why.
bool some_member_without_context(system& s) {
  std::vector<std::pair<source_id, size_t>> members;
  {
    const spin_guard guard(s.driver().device_domain_lock);
    for (const device_domain_info& info : s.driver().device_domains) {
      members.emplace_back(source_id{info.iommu->segment, info.bus, info.devfn},
                           static_cast<size_t>(info.iommu->seq_id));
    }
  }
  return std::any_of(members.begin(), members.end(), [&](const auto& m) {
    if (s.context_of(m.first, m.second).present()) return false;
    // What the device sees: blocked, and reported.
    const dma_translation t = s.dma(m.first, 0x1000, dma_access::write, m.second);
    EXPECT_EQ(t.outcome, dma_outcome::blocked);
    EXPECT_TRUE(t.reason == vtd::fault_reason::root_entry_not_present ||
                t.reason == vtd::fault_reason::context_entry_not_present);
    return true;
  });
}

void expect_running_and_whole(system& s) {
  for (const dmar_drhd_unit& drhd : s.driver().dmar_drhd_units) {
    EXPECT_EQ(translating(s, static_cast<size_t>(drhd.iommu->seq_id)), !drhd.ignored);
  }
  s.expect_nothing_leaked();
}

void expect_off_and_empty(system& s) {
  for (size_t u = 0; u < s.k().units().size(); ++u) EXPECT_FALSE(translating(s, u));
  EXPECT_EQ(s.driver().si_domain, nullptr);
  EXPECT_EQ(s.driver().live_domains(), 0u);
  EXPECT_FALSE(s.driver().intel_iommu_enabled);
  s.k().finish_boot();
  EXPECT_EQ(s.k().pages().live_pages(), 0u);
  EXPECT_EQ(s.k().pages().live_objects(), 0u);
  EXPECT_EQ(s.k().slab().live(), 0);
  EXPECT_TRUE(s.driver().dmar_drhd_units.empty());
  {
    const spin_guard lock(s.driver().deferred.async_umap_flush_lock);
    EXPECT_TRUE(s.driver().deferred.tables.empty());
  }
  EXPECT_TRUE(s.driver().g_iommus.empty());
}

/// Lines that a failed start-up ends with, and whose they are.
constexpr std::string_view last_words[] = {
    "DMAR: Parse DMAR table failure.",           // dmar_table_init()
    "DMAR: Initialization failed",               // intel_iommu_init()
    "DMAR: Failed to setup IOMMU pass-through",  // init_dmars()
    "DMAR: Reserve IOAPIC range failed",         // dmar_init_reserved_ranges()
    "DMAR: Reserve iova failed",                 // dmar_init_reserved_ranges()
    "Couldn't create iova cache",                // iova_cache_get()
};

class every_allocation : public ::testing::TestWithParam<std::tuple<scenario, injection>> {};

TEST_P(every_allocation, may_fail) {
  const auto& [what, how] = GetParam();
  if (std::string_view(what.name).starts_with("regions") &&
      !std::filesystem::is_directory(golden::root() / regions_capture)) {
    IOMMULAB_MISSING("no " << regions_capture);
  }
  const machine_config machine = what.machine();
  constexpr trace_class quiet = trace_class::none;

  system clean(machine, what.command_line, quiet);
  ASSERT_EQ(clean.boot().intel_iommu_init, 0);
  const uint64_t total = how.of(clean.k()).allocations();
  ASSERT_GT(total, 0u);
  expect_running_and_whole(clean);
  const sequence clean_log = clean.log();

  unsigned failed = 0;
  unsigned survived = 0;
  for (uint64_t n = 1; n <= total; ++n) {
    SCOPED_TRACE(testing::Message() << "allocation " << n << " of " << total);
    system s(machine, what.command_line, quiet);
    (how.of(s.k()).*how.arm)(n);
    ASSERT_NO_THROW(s.boot());
    ASSERT_EQ(s.outcome.panic, "");
    how.of(s.k()).fail_never();
    const sequence log = s.log();
    const bool says_so = std::any_of(log.begin(), log.end(), [&](const std::string& line) {
      return std::find(clean_log.begin(), clean_log.end(), line) == clean_log.end();
    });
    const bool has_ended =
        std::any_of(std::begin(last_words), std::end(last_words),
                    [&](std::string_view words) { return s.log_contains(words); });
    EXPECT_EQ(has_ended, s.outcome.intel_iommu_init != 0) << s.log_text();
    if (s.outcome.intel_iommu_init == 0) {
      ++survived;
      EXPECT_TRUE(says_so || some_member_without_context(s)) << "nothing tells of the failure";
      expect_running_and_whole(s);
      s.k().finish_boot();
      expect_running_and_whole(s);
    } else {
      ++failed;
      expect_off_and_empty(s);
    }
    EXPECT_TRUE(s.k().pages().diagnoses().empty()) << s.k().pages().diagnoses().front().sentence;
    if (HasFailure()) {
      FAIL() << s.log_text();
    }
  }
  // A root table or a unit is missed in every scenario; one lost queue is not.
  EXPECT_GT(failed, 0u);
  if (how.arm == &slab_failures::fail_at) {
    EXPECT_GT(survived, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(boots, every_allocation,
                         ::testing::Combine(::testing::ValuesIn(scenarios),
                                            ::testing::ValuesIn(injections)),
                         [](const auto& test_case) {
                           return std::string(std::get<0>(test_case.param).name) + "_" +
                                  std::get<1>(test_case.param).name;
                         });

// dmar_set_interrupt() without a vector fails the whole start-up, translation that is on already
// included.
TEST(no_vector, switches_off_the_units_that_were_on) {
  for (size_t vectors = 0; vectors < 4; ++vectors) {
    system s(server_machine());
    s.k().irqs().limit(vectors);
    EXPECT_EQ(s.boot().intel_iommu_init, -EINVAL);
    EXPECT_EQ(s.logged("DMAR: No free IRQ vectors"), 1);
    EXPECT_EQ(s.logged("DMAR: Initialization failed"), 1);
    size_t was_on = 0;
    for (const char* unit : {"dmar0", "dmar1", "dmar2", "dmar3"}) {
      const std::vector<uint64_t> commands = s.written(r_gcmd, unit);
      if (std::find(commands.begin(), commands.end(), te | qie) == commands.end()) continue;
      ++was_on;
      EXPECT_EQ(commands.back(), qie) << unit;
    }
    EXPECT_EQ(was_on, vectors);
    expect_off_and_empty(s);
  }
}

}  // namespace
}  // namespace iommulab::test::failure_test
