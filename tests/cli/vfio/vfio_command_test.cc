// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab vfio` on its examples, on a recording's script, and on what cannot be used.
#include "cli/vfio/vfio_command.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/output/json.h"
#include "support/command.h"
#include "support/files.h"
#include "support/golden.h"

namespace iommulab::vfio_command_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

command_result run(const vfio_arguments& arguments) {
  return run_command(run_vfio_command, arguments);
}

vfio_arguments example(const std::string& name) {
  vfio_arguments a;
  a.script = std::string(IOMMULAB_SOURCE_DIR) + "/cli/vfio/examples/" + name;
  return a;
}

vfio_arguments program(const std::string& text) {
  vfio_arguments a;
  a.script = temporary("program.vfio", text);
  return a;
}

TEST(vfio_command, shows_results_log_and_effects_in_the_words_of_recordings) {
  const command_result r = run(example("iommufd.vfio"));
  EXPECT_EQ(r.status, 0);
  EXPECT_EQ(r.err, "");
  EXPECT_THAT(r.out, HasSubstr("12 unmap i iova=0x100000 size=0x1000 -> r=0 ok size=0x1000\n"
                               "    IOTLB page did=3 addr=0x100000 am=0 ih=1 dr=1 dw=1\n"));
  EXPECT_THAT(r.out, HasSubstr("  k: DMAR: DRHD: handling fault status reg 2\n"));
  EXPECT_THAT(r.out, HasSubstr("    FAULT sid=0x20 reason=6 addr=0x100000 write=0\n"));
}

TEST(vfio_command, lets_iommufd_stand_behind_the_container) {
  vfio_arguments a = example("type1.vfio");
  a.trace = "calls";
  EXPECT_THAT(run(a).out, HasSubstr("vfio_iommu_type1_map_dma("));
  a.modules.container = "iommufd";
  const command_result r = run(a);
  EXPECT_EQ(r.status, 0);
  EXPECT_THAT(r.out, HasSubstr("iommufd_vfio_map_dma("));
  EXPECT_THAT(r.out, Not(HasSubstr("vfio_iommu_type1_map_dma(")));
}

TEST(vfio_command, refuses_devices_without_isolated_interrupts_when_told) {
  vfio_arguments a = example("type1.vfio");
  a.modules.no_unsafe_interrupts = true;
  EXPECT_THAT(run(a).out, HasSubstr("setiommu c 3 -> r=-1 EPERM"));
}

/// A client's recording of Linux 6.12, "vfio/v1-map".
fs::path recording(const std::string& name) {
  return golden::root() / "kernel/v6_12" / name;
}
#define IOMMULAB_NEEDS_RECORDING(name) \
  if (!golden::exists(recording(name) / "script.txt")) IOMMULAB_MISSING("no recording " << (name))

vfio_arguments script_of(const fs::path& folder) {
  vfio_arguments a;
  a.script = (folder / "script.txt").string();
  return a;
}

/// Operations with their results, without where memory lay, which is another's choice.
std::vector<std::string> results_in(const std::string& text) {
  std::vector<std::string> results;
  for (const std::string_view line : golden::lines(text)) {
    if (line.empty() || line[0] == ' ') continue;
    results.emplace_back(line.substr(0, line.find(" phys=")));
  }
  return results;
}

void expect_recorded_results(const std::string& name) {
  const command_result r = run(script_of(recording(name)));
  EXPECT_EQ(r.status, 0) << r.err;
  const auto recorded = golden::read_text(recording(name) / "ops.txt");
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  EXPECT_EQ(results_in(r.out), results_in(*recorded)) << name;
}

TEST(vfio_command, takes_a_recordings_machine_with_its_script) {
  IOMMULAB_NEEDS_RECORDING("vfio/v1-map");
  expect_recorded_results("vfio/v1-map");
}

TEST(vfio_command, loads_the_modules_as_they_were_when_it_was_recorded) {
  for (const std::string name : {"iommufd/n1-unsafe", "vfio/v5-limits", "vfio/v1-map.kc"}) {
    IOMMULAB_NEEDS_RECORDING(name);
    expect_recorded_results(name);
  }
}

TEST(vfio_command, options_go_before_what_was_recorded) {
  IOMMULAB_NEEDS_RECORDING("vfio/v1-map.kc");
  vfio_arguments a = script_of(recording("vfio/v1-map.kc"));
  a.trace = "calls";
  EXPECT_THAT(run(a).out, HasSubstr("iommufd_vfio_map_dma("));
  a.modules.container = "vfio";
  EXPECT_THAT(run(a).out, HasSubstr("vfio_iommu_type1_map_dma("));
  IOMMULAB_NEEDS_RECORDING("vfio/v5-limits");
  a = script_of(recording("vfio/v5-limits"));
  a.modules.dma_entry_limit = 7;
  EXPECT_THAT(run(a).out, HasSubstr("parameters/dma_entry_limit -> 7\n"));
  a.modules.no_unsafe_interrupts = true;
  EXPECT_THAT(run(a).out, HasSubstr("setiommu c 3 -> r=-1 EPERM"));
}

TEST(vfio_command, takes_the_kernel_that_a_recordings_path_names) {
  IOMMULAB_NEEDS_RECORDING("vfio/v1-map");
  const fs::path root = fs::path(testing::TempDir()) / absl::StrCat("vfio_command_", ::getpid());
  const auto kernel_below = [&](const std::string& folder) {
    const fs::path copy = root / folder / "v1-map";
    fs::create_directories(copy.parent_path());
    fs::copy(recording("vfio/v1-map"), copy, fs::copy_options::recursive);
    vfio_arguments a = script_of(copy);
    a.json = true;
    const command_result r = run(a);
    return r.status == 2 ? r.err : json::parse(r.out)["kernel"].get<std::string>();
  };
  EXPECT_EQ(kernel_below("v4_4/vfio"), "v4_4");
  EXPECT_EQ(kernel_below("v6_12/vfio"), "v6_12");
  EXPECT_EQ(kernel_below("mine"), "v6_12") << "no kernel's name: the command's default";
  EXPECT_THAT(kernel_below("v9_9/vfio"), HasSubstr("there is no such kernel here"));
  vfio_arguments a = script_of(root / "v4_4/vfio/v1-map");
  a.kernel = "v6_12";
  a.json = true;
  EXPECT_EQ(json::parse(run(a).out)["kernel"], "v6_12");
  fs::remove_all(root);
}

TEST(vfio_command, prints_one_document) {
  vfio_arguments a = example("iommufd.vfio");
  a.json = true;
  a.trace = "queue";
  a.sanitize = true;
  const json document = json::parse(run(a).out);
  EXPECT_EQ(document["schema"], "iommulab.vfio");
  EXPECT_EQ(document["kernel"], "v6_12");
  const json& unmap = document["operations"][11];
  EXPECT_EQ(unmap["operation"], "unmap i iova=0x100000 size=0x1000");
  EXPECT_EQ(unmap["result"], "r=0 ok size=0x1000");
  EXPECT_EQ(unmap["effects"][0], "IOTLB page did=3 addr=0x100000 am=0 ih=1 dr=1 dw=1");
  EXPECT_EQ(unmap["events"].size(), 2u) << "the invalidation, and the wait for it";
  EXPECT_TRUE(document.contains("sanitizer"));
}

TEST(vfio_command, says_in_one_sentence_what_cannot_be_used) {
  expect_refusal_with(run(program("locked\nmop\n")),
                      "program.vfio: line 2: operation is \"mop\": no operation");
  vfio_arguments a = program("locked\n");
  a.script = "/nowhere/at/all";
  expect_refusal_with(run(a), "/nowhere/at/all");
  a = program("locked\n");
  a.kernel = "v6_1";
  expect_refusal(run(a), "kernel v6_1: VFIO is not ported");
  expect_refusal_with(run(program("iopen i\nioas i\n")), "line 2: ioas: ");  // nothing is shown
}

}  // namespace
}  // namespace iommulab::vfio_command_test
