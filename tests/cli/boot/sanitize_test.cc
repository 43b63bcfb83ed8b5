// SPDX-License-Identifier: GPL-2.0-only
//
// Every built-in machine and every capture booted under the sanitizer, and what the devices then
// reach looked at through each unit: nothing is wrong.
#include <filesystem>

#include "cli/boot/run_boot.h"
#include "cli/machines/machine_choice.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lab/events/boot_run.h"
#include "nlohmann/json.hpp"
#include "platform/machine/builtin.h"
#include "support/golden.h"

namespace iommulab::sanitize_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What about the unit varies: it snoops, needs write buffer flushes, caches absence.
struct variant {
  const char* name;
  bool coherent;
  bool rwbf;
  bool caching_mode;
};
constexpr variant variants[] = {{"as it is", false, false, false},
                                {"snooping", true, false, false},
                                {"write buffers", false, true, false},
                                {"caching mode", false, false, true}};

machine_config changed(machine_config machine, const variant& v) {
  for (remapping_unit_config& unit : machine.units) {
    if (v.coherent) unit.ecap.set_page_walk_coherency(true);
    if (v.rwbf) unit.cap.set_required_write_buffer_flush(true);
    if (v.caching_mode) unit.cap.set_caching_mode(true);
  }
  return machine;
}

/// Reads and writes of every function at the ends of what start-up maps, twice: from the tables,
/// and from the caches. Returns how many got through.
unsigned touch_everything(kernel& system) {
  unsigned reached = 0;
  constexpr uint64_t addresses[] = {0, 0x1000, 0xfff000, 0x1000000, 0x7fffe000, 0xfffff000};
  for (const auto& unit : system.units()) {
    for (const pci_function_config& function : system.machine().pci_functions) {
      for (const uint64_t address : addresses) {
        for (int round = 0; round < 2; ++round) {
          dma_request request;
          request.source = function.id;
          request.address = address;
          if (unit->translate(request).ok()) ++reached;
        }
      }
    }
  }
  return reached;
}

unsigned expect_clean(const machine_config& machine, const std::string& command_line) {
  boot_request request;
  request.machine = machine;
  request.command_line = command_line;
  request.sanitize = true;
  const auto run = run_boot(std::move(request));
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return 0;
  const unsigned reached = touch_everything(*(*run)->system);
  EXPECT_TRUE((*run)->system->sanitizer()->log().findings().empty())
      << to_text(*(*run)->system->sanitizer());
  return reached;
}

TEST(sanitized_boot, of_the_built_in_machines_is_clean) {
  for (const std::string_view name : builtin_machine_names()) {
    const machine_config machine = *builtin_machine(name);
    for (const variant& v : variants) {
      for (const char* line : {"intel_iommu=on", "intel_iommu=on,strict iommu=pt"}) {
        SCOPED_TRACE(absl::StrFormat("%s, %s, %s", name, v.name, line));
        EXPECT_GT(expect_clean(changed(machine, v), line), 0u);
      }
    }
  }
}

TEST(sanitized_boot, of_every_capture_is_clean) {
  unsigned captures = 0;
  for (const auto& folder : std::filesystem::directory_iterator(capture("boot"))) {
    SCOPED_TRACE(folder.path().filename());
    auto machine = choose_machine(folder.path().string());
    ASSERT_TRUE(machine.ok()) << machine.status();
    expect_clean(*machine, machine->command_line);
    ++captures;
  }
  EXPECT_GT(captures, 0u);
}

TEST(boot_command, sanitize_prints_the_findings_behind_the_log) {
  boot_arguments arguments;
  arguments.sanitize = true;
  const command_result result = boot(arguments);
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("\n\nIOMMU sanitizer: 0 errors\n"));
  arguments.sanitize = false;
  const command_result plain = boot(arguments);
  EXPECT_THAT(plain.out, Not(HasSubstr("anitizer")));
}

TEST(boot_command, sanitize_is_in_the_document) {
  boot_arguments arguments;
  arguments.sanitize = true;
  arguments.json = true;
  const auto document = nlohmann::json::parse(boot(arguments).out);
  EXPECT_EQ(document["sanitizer"]["errors"], 0);
  EXPECT_TRUE(document["sanitizer"]["findings"].empty());
}

TEST(boot_command, sanitize_checks_one_run) {
  boot_arguments arguments;
  arguments.sanitize = true;
  arguments.diff = true;
  arguments.machines = {"q35", "server"};
  expect_refusal_with(boot(arguments), "--sanitize");
}

}  // namespace
}  // namespace iommulab::sanitize_test
