// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <cctype>

#include "cli/boot/boot_command.h"
#include "cli/boot/run_boot.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lab/events/trace_choice.h"

namespace iommulab::boot_trace_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// The part between the line that names the kernel and the summary.
std::vector<std::string> trace(const command_result& result) {
  std::vector<std::string> lines = lines_of(result.out);
  EXPECT_THAT(lines.front(), StartsWith("Linux "));
  lines.erase(lines.begin());
  lines.erase(std::find(lines.begin(), lines.end(), ""), lines.end());
  return lines;
}

std::vector<std::string> trace(const std::string& classes, const std::string& until = "") {
  return trace(boot({.trace = classes, .until = until}));
}

/// The function whose call a line of the trace is, else empty.
std::string name_in(const std::string& line) {
  const std::string text = trimmed(line);
  const size_t end = text.find('(');
  const bool is_name =
      end != std::string::npos &&
      std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                  [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  return is_name && (text.ends_with(" {") || text.ends_with(";")) ? text.substr(0, end) : "";
}

TEST(boot_trace_test, calls_are_nested_as_braces_and_indentation_say) {
  const std::vector<std::string> lines = trace("calls");
  size_t depth = 0;
  size_t calls = 0;
  for (const std::string& line : lines) {
    const std::string text = trimmed(line);
    if (text.starts_with("}")) {
      ASSERT_GT(depth, 0u);
      --depth;
    }
    ASSERT_EQ(line.size() - text.size(), 2 * depth) << line;
    if (name_in(line).empty()) continue;
    ++calls;
    if (text.ends_with(" {")) ++depth;
  }
  EXPECT_EQ(depth, 0u);
  EXPECT_GT(calls, 100u);
  EXPECT_EQ(count(lines, "intel_iommu_init() {"), 1u);
}

TEST(boot_trace_test, a_call_shows_its_arguments_and_what_it_returned) {
  const std::vector<std::string> lines = trace("calls");
  // The unit of QEMU's q35 is at fed90000h.
  EXPECT_EQ(count(lines, "alloc_iommu(drhd=0xfed90000) {"), 1u);
  EXPECT_EQ(count(lines, "iommu_set_root_entry(iommu=dmar0);"), 1u);
  EXPECT_EQ(count(lines, "iommu_dummy(dev=0000:00:1f.0); /* ret=0 */"),
            count(lines, "iommu_dummy(dev=0000:00:1f.0)"));
  const auto init = std::find(lines.begin(), lines.end(), "  intel_iommu_init() {");
  ASSERT_NE(init, lines.end());
  const auto end = std::find_if(init, lines.end(),
                                [](const std::string& line) { return line.starts_with("  }"); });
  ASSERT_NE(end, lines.end());
  EXPECT_EQ(*end, "  } /* ret=0 */");
}

// The way to the driver, as the walk-through names it: the option, the detection, the initcall.
TEST(boot_trace_test, the_entry_points_are_there) {
  const std::vector<std::string> lines = trace("calls");
  const auto place = [&](const std::string& line) {
    const auto at = std::find(lines.begin(), lines.end(), line);
    EXPECT_NE(at, lines.end()) << line;
    return at - lines.begin();
  };
  EXPECT_LT(place("intel_iommu_setup(str=on) {"), place("pci_iommu_alloc() {"));
  EXPECT_LT(place("  detect_intel_iommu() {"),
            place("  } /* ret=1 iommu_detected=1 x86_init.iommu.iommu_init=intel_iommu_init */"));
  EXPECT_LT(place("pci_iommu_alloc() {"), place("pci_iommu_init() {"));
  EXPECT_LT(place("pci_iommu_init() {"), place("  intel_iommu_init() {"));
}

// "dmar_dev_scope_init() actually does nothing", "init_no_remapping_devices() does nothing": the
// one unit is for everything, and no scope names a device.
TEST(boot_trace_test, on_the_default_machine_scopes_hold_no_device) {
  const std::vector<std::string> lines = trace("calls");
  EXPECT_EQ(count(lines, "init_no_remapping_devices();"), 1u);
  EXPECT_EQ(count(lines, "dmar_insert_dev_scope("), 0u);
  EXPECT_EQ(count(lines, "dmar_match_pci_path("), 0u);
  const std::vector<std::string> of_7_2 = trace(boot({.machines = {"q35-7.2"}, .trace = "calls"}));
  EXPECT_GT(count(of_7_2, "dmar_match_pci_path("), 0u);
}

TEST(boot_trace_test, each_class_shows_its_own_events_and_no_others) {
  const std::vector<std::pair<std::string, std::string>> classes = {
      {"calls", "intel_iommu_init() {"}, {"regs", "write32 dmar0 GCMD"},
      {"tables", "context entry of "},   {"queue", "queue dmar0["},
      {"iova", "iova reserve 0x"},       {"pages", "page alloc "},
  };
  for (const auto& [name, sign] : classes) {
    const std::vector<std::string> lines = trace(name);
    for (const auto& [other, other_sign] : classes) {
      EXPECT_EQ(count(lines, other_sign) > 0, other == name) << name << " shows " << other;
    }
    EXPECT_EQ(count(lines, "DMAR: Host address width 39"), 1u) << name;
  }
  const std::vector<std::string> all = trace("all");
  for (const auto& [name, sign] : classes) EXPECT_GT(count(all, sign), 0u) << name;
}

TEST(boot_trace_test, without_calls_nothing_is_indented) {
  for (const std::string& line : trace("regs,tables")) EXPECT_EQ(trimmed(line), line);
}

TEST(boot_trace_test, translation_is_switched_on_with_the_queue_enabled) {
  const std::vector<std::string> lines = trace("regs");
  constexpr unsigned te = 1u << 31;
  constexpr unsigned qie = 1u << 26;
  char value[32];
  std::snprintf(value, sizeof(value), "0x%x TE|QIE", te | qie);
  EXPECT_EQ(count(lines, std::string("write32 dmar0 GCMD 0x18 = ") + value), 1u);
}

TEST(boot_trace_test, table_entries_are_called_by_the_device_they_belong_to) {
  const std::vector<std::string> lines = trace("tables");
  EXPECT_EQ(count(lines, "root entry of bus 00 at 0x"), 1u);
  EXPECT_GT(count(lines, "context entry of 00:1f.0 at 0x"), 0u);
  EXPECT_EQ(count(lines, "??"), 0u);
}

TEST(boot_trace_test, log_lines_stand_inside_the_function_that_printed_them) {
  const std::vector<std::string> lines = trace("calls");
  const auto line = std::find_if(lines.begin(), lines.end(), [](const std::string& l) {
    return l.find("DMAR: Host address width") != std::string::npos;
  });
  ASSERT_NE(line, lines.end());
  EXPECT_THAT(*line, StartsWith("    /* [    0.0"));
  EXPECT_GT(count({lines.begin(), line}, "parse_dmar_table() {"), 0u);
}

TEST(boot_trace_test, an_unknown_class_is_refused_with_the_classes_there_are) {
  const command_result result = boot({.trace = "calls,colours"});
  expect_refusal_with(result, "'colours'");
  for (const char* name : {"calls", "regs", "tables", "queue", "iova", "pages", "faults", "log"}) {
    EXPECT_TRUE(parse_trace_classes(name).ok()) << name;
    EXPECT_THAT(result.err, HasSubstr(name));
  }
}

TEST(boot_trace_test, an_empty_class_is_refused) {
  expect_refusal_with(boot({.trace = "calls,"}), "''");
}

TEST(boot_trace_test, until_ends_output_and_run_behind_the_function) {
  const std::vector<std::string> whole = trace("calls");
  const std::vector<std::string> part = trace("calls", "iommu_set_root_entry");
  ASSERT_LT(part.size(), whole.size());
  // The last function's line ends with ";" where nothing was seen in it.
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin()));
  EXPECT_EQ(count(part, "iommu_set_root_entry("), 1u);
  EXPECT_THAT(part.back(), Not(HasSubstr("{")));
}

TEST(boot_trace_test, until_leaves_the_registers_as_the_function_left_them) {
  const std::string before = boot({.until = "iommu_set_root_entry"}).out;
  EXPECT_THAT(before, HasSubstr("Stopped behind iommu_set_root_entry()"));
  EXPECT_THAT(before, HasSubstr("dmar0 at 0xfed90000: translation off"));
  EXPECT_THAT(before, Not(HasSubstr("root table not set")));
  const std::string after = boot({.until = "iommu_enable_translation"}).out;
  EXPECT_THAT(after, HasSubstr("dmar0 at 0xfed90000: translation on"));
}

TEST(boot_trace_test, until_cuts_the_log_where_the_function_returned) {
  const command_result result = boot({.until = "parse_dmar_table"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("DMAR: Host address width 39"));
  EXPECT_THAT(result.out, Not(HasSubstr("No RMRR found")));
}

TEST(boot_trace_test, every_function_of_the_boot_can_be_stopped_behind) {
  // Each unwinding goes through other frames.
  std::vector<std::string> names;
  for (const std::string& line : trace("calls")) {
    if (const std::string name = name_in(line); !name.empty()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  ASSERT_GT(names.size(), 30u);
  for (const std::string& name : names) {
    const command_result result = boot({.until = name});
    EXPECT_EQ(result.status, 0) << name << result.err;
    EXPECT_THAT(result.out, HasSubstr("Stopped behind " + name + "()"));
  }
}

TEST(boot_trace_test, a_function_that_never_runs_is_a_finding) {
  expect_refusal_with(boot({.until = "intel_map_page"}),
                      "--until: intel_map_page() was not called in this boot", 1);
}

TEST(boot_trace_test, a_function_that_is_none_is_bad_use_and_the_nearest_is_named) {
  expect_refusal(boot({.until = "iommu_set_root_entri"}),
                 "--until: no function \"iommu_set_root_entri\" is traced; did you mean "
                 "'iommu_set_root_entry'?");
  // The name that C++ leaves of it.
  expect_refusal(boot({.until = "domain_maping"}),
                 "--until: no function \"domain_maping\" is traced; did you mean "
                 "'__domain_mapping'?");
  expect_refusal(boot({.until = "quark"}), "--until: no function \"quark\" is traced");
  expect_refusal(boot({.until = "()"}), "--until: the function has no name");
}

TEST(boot_trace_test, a_function_may_be_written_as_a_call) {
  EXPECT_EQ(boot({.until = "iommu_set_root_entry()"}).out,
            boot({.until = "iommu_set_root_entry"}).out);
}

}  // namespace
}  // namespace iommulab::boot_trace_test
