// SPDX-License-Identifier: GPL-2.0-only
//
// The command line: the words of intel_iommu= (intel_iommu_setup() compares beginnings only), and
// iommu= as far as it concerns the driver.
#include "intel/v4_4/options.h"

#include "intel/expect.h"
#include "support/v4_4/system.h"

namespace iommulab::test::options_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

struct parsed {
  intel_iommu_options options;
  std::vector<std::string> log;
};

parsed parse(std::string_view value) {
  environment env;
  parsed result;
  intel_iommu_setup(env, value, result.options);
  for (const log_line& line : env.log.lines()) result.log.push_back(line.text);
  return result;
}

TEST(intel_iommu_option, is_off_unless_told_otherwise) {
  const intel_iommu_options defaults;
  EXPECT_TRUE(defaults.dmar_disabled);
  EXPECT_TRUE(defaults.dmar_map_gfx);
  EXPECT_TRUE(defaults.intel_iommu_superpage);
  EXPECT_TRUE(defaults.intel_iommu_ecs);
  EXPECT_FALSE(defaults.intel_iommu_strict);
  EXPECT_FALSE(defaults.dmar_forcedac);
  EXPECT_FALSE(defaults.intel_iommu_pasid28);
}

TEST(intel_iommu_option, every_word_does_its_part_and_says_so) {
  struct word {
    const char* text;
    const char* line;
    bool (*done)(const intel_iommu_options&);
  };
  using o = intel_iommu_options;
  const word words[] = {
      {"on", "DMAR: IOMMU enabled", [](const o& v) { return !v.dmar_disabled; }},
      {"off", "DMAR: IOMMU disabled", [](const o& v) { return v.dmar_disabled; }},
      {"igfx_off", "DMAR: Disable GFX device mapping", [](const o& v) { return !v.dmar_map_gfx; }},
      {"forcedac", "DMAR: Forcing DAC for PCI devices", [](const o& v) { return v.dmar_forcedac; }},
      {"strict", "DMAR: Disable batched IOTLB flush",
       [](const o& v) { return v.intel_iommu_strict; }},
      {"sp_off", "DMAR: Disable supported super page",
       [](const o& v) { return !v.intel_iommu_superpage; }},
      {"ecs_off", "Intel-IOMMU: disable extended context table support",
       [](const o& v) { return !v.intel_iommu_ecs; }},
      {"pasid28", "Intel-IOMMU: enable pre-production PASID support",
       [](const o& v) { return v.intel_iommu_pasid28; }},
  };
  std::string all;
  for (const word& w : words) {
    for (const char* suffix : {"", ",", "xyz", ",unknown"}) {
      const parsed p = parse(std::string(w.text) + suffix);
      EXPECT_TRUE(w.done(p.options)) << w.text << suffix;
      EXPECT_EQ(p.log, std::vector<std::string>{w.line}) << w.text << suffix;
    }
    all += (all.empty() ? "" : ",") + std::string(w.text);
  }
  EXPECT_EQ(parse(all).log.size(), std::size(words));
}

TEST(intel_iommu_option, commas_separate_however_many_there_are) {
  for (const char* text : {"on,strict", ",on,strict", "on,,,strict", "on,strict,,"}) {
    const parsed p = parse(text);
    // strcspn() stops at the comma that begins the value, then all commas are skipped.
    EXPECT_FALSE(p.options.dmar_disabled) << text;
    EXPECT_TRUE(p.options.intel_iommu_strict) << text;
  }
  for (const char* text : {"", ",", "o", "nothing", "On", " on", "sp", "igfx"}) {
    const parsed p = parse(text);
    EXPECT_TRUE(p.log.empty()) << text;
    EXPECT_TRUE(p.options.dmar_disabled);
  }
}

TEST(intel_iommu_option, beginnings_count_and_the_last_word_wins) {
  EXPECT_FALSE(parse("only").options.dmar_disabled);
  EXPECT_TRUE(parse("offline").options.dmar_disabled);
  EXPECT_TRUE(parse("on,off").options.dmar_disabled);
  EXPECT_FALSE(parse("off,on").options.dmar_disabled);
}

bool translating(system& s) {
  return (s.unit().peek(vtd_register::gsts) & te) != 0;
}

// intel_iommu_init() parses the table in any case and leaves with -ENODEV; the late initcall then
// frees the units. No unit is written to.
TEST(command_line_option, off_leaves_the_hardware_alone) {
  for (const char* line :
       {"", "intel_iommu=off", "intel_iommu=on iommu=off", "iommu=force", "iommu=pt",
        "intel_iommu=strict", "intel_iommu=on intel_iommu=off", "intel_iommu"}) {
    system s(small_machine().build(), line);
    EXPECT_EQ(s.boot().intel_iommu_init, -ENODEV) << line;
    EXPECT_TRUE(s.outcome.table_detected);
    EXPECT_EQ(s.driver().dmar_drhd_units.size(), 1u);
    EXPECT_FALSE(s.driver().intel_iommu_enabled);
    EXPECT_FALSE(translating(s));
    for (const std::string& a : s.accesses()) EXPECT_TRUE(a.starts_with("R")) << line << ": " << a;
    EXPECT_FALSE(s.k().pci().acs_requested()) << line;
    s.k().finish_boot();
    EXPECT_TRUE(s.driver().dmar_drhd_units.empty());
    EXPECT_EQ(s.k().slab().live(), 0);
  }
}

// pci_swiotlb_detect_override() ends pci_iommu_alloc()'s search before detect_intel_iommu(): the
// table is parsed for interrupt remapping, and that is all.
TEST(command_line_option, forced_bounce_buffers_leave_remapping_hardware_alone) {
  for (const char* line :
       {"intel_iommu=on iommu=soft", "iommu=soft,pt intel_iommu=on", "swiotlb=force intel_iommu=on",
        "intel_iommu=on swiotlb=65536,force", "intel_iommu=on swiotlb=,force"}) {
    system s(small_machine().build(), line);
    EXPECT_EQ(s.boot().intel_iommu_init, -ENODEV) << line;
    EXPECT_FALSE(s.outcome.table_detected) << line;
    EXPECT_EQ(s.driver().dmar_drhd_units.size(), 1u) << line;
    EXPECT_FALSE(s.k().pci().acs_requested()) << line;
    EXPECT_FALSE(translating(s)) << line;
  }
}

// setup_io_tlb_npages() compares the rest with "force" whole.
TEST(command_line_option, swiotlb_sizes_alone_force_nothing) {
  for (const char* line : {"intel_iommu=on swiotlb=65536", "intel_iommu=on swiotlb=forced",
                           "intel_iommu=on swiotlb=noforce", "intel_iommu=on swiotlb="}) {
    system s(small_machine().build(), line);
    EXPECT_EQ(s.boot().intel_iommu_init, 0) << line;
    EXPECT_TRUE(translating(s)) << line;
  }
}

// irq_remapping_prepare() returns before it looks at the table: intel_iommu_init() parses it.
TEST(command_line_option, without_interrupt_remapping_the_table_is_parsed_later) {
  for (const char* line : {"intel_iommu=on intremap=off", "nointremap intel_iommu=on",
                           "intel_iommu=on intremap=on,nosid,off"}) {
    system s(small_machine().build(), line);
    ASSERT_EQ(s.boot().intel_iommu_init, 0) << line;
    bool inside_init = false;
    bool parsed_inside = false;
    for (const trace_event& e : s.events().events()) {
      const bool enters = e.kind() == trace_kind::call_enter;
      if (e.function() == "intel_iommu_init") inside_init = enters;
      if (enters && e.function() == "parse_dmar_table") {
        parsed_inside = inside_init;
      }
    }
    EXPECT_TRUE(parsed_inside) << line;
    EXPECT_TRUE(translating(s)) << line;
  }
}

// setup_elfcorehdr() wants a number, but takes what it gets for an address.
TEST(command_line_option, elfcorehdr_without_a_number_is_malformed) {
  const std::string malformed = "Malformed early option 'elfcorehdr'";
  const struct {
    const char* word;
    bool kdump;
    bool complaint;
  } cases[] = {{"elfcorehdr=0x30000000", true, false},
               {"elfcorehdr=64K@768M", true, false},
               {"elfcorehdr=", true, true},
               {"elfcorehdr=here", true, true},
               {"elfcorehdr", false, true},
               {"quiet", false, false}};
  for (const auto& c : cases) {
    system s(small_machine().build(), std::string("intel_iommu=on ") + c.word);
    ASSERT_EQ(s.boot().intel_iommu_init, 0) << c.word;
    EXPECT_EQ(s.driver().options.is_kdump_kernel, c.kdump) << c.word;
    EXPECT_EQ(s.log_contains(malformed), c.complaint) << c.word;
  }
}

TEST(command_line_option, on_enables_whatever_else_iommu_says) {
  for (const char* line :
       {"intel_iommu=on", "intel_iommu=on iommu=force", "iommu=noforce intel_iommu=on,sp_off",
        "intel_iommu=off intel_iommu=on", "quiet intel_iommu=on root=/dev/sda1"}) {
    system s(small_machine().build(), line);
    EXPECT_EQ(s.boot().intel_iommu_init, 0) << line;
    EXPECT_TRUE(translating(s));
    EXPECT_EQ(s.driver().si_domain, nullptr);
    EXPECT_TRUE(s.k().pci().acs_requested());
  }
}

TEST(command_line_option, pt_puts_every_device_into_the_identity_domain) {
  for (const char* line : {"intel_iommu=on iommu=pt", "intel_iommu=on iommu=force,pt"}) {
    system s(small_machine().build(), line);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    ASSERT_NE(s.driver().si_domain, nullptr);
    EXPECT_EQ(s.context_of(nic).type(), 2u);
    EXPECT_EQ(s.context_of(at(0, 0)).type(), 2u);
  }
}

// pasid28 asks for identity mapping of graphics (IDENTMAP_GFX), and of nothing else.
TEST(command_line_option, pasid28_maps_graphics_one_to_one) {
  small_machine m;
  m.add_function(plain_function(at(0, 2), 0x8086, 0x0102, 0x030000));
  system s(m.build(), "intel_iommu=on,pasid28");
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(s.context_of(at(0, 2)).type(), 2u);
  EXPECT_FALSE(s.context_of(nic).present());
}

// sp_off takes superpages from every domain (domain_init(), domain_update_iommu_superpage()).
TEST(command_line_option, sp_off_maps_small_pages) {
  for (const bool off : {false, true}) {
    small_machine m;
    m.add_function(isa_bridge());
    system s(m.build(), off ? "intel_iommu=on,sp_off" : "intel_iommu=on");
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    // 16 MiB one to one: a leaf of 2 MiB at level 2, or a table below it.
    const system::context entry = s.context_of(at(0, 0x1f));
    const uint64_t level_2 = s.word(entry.table()) & ~uint64_t{0xfff};
    constexpr uint64_t large = 0x80;
    EXPECT_EQ((s.word(level_2) & large) == 0, off);
    EXPECT_EQ(s.walk(entry.table(), 3, 0xfff123), 0xfff123u);
  }
}

}  // namespace
}  // namespace iommulab::test::options_test
