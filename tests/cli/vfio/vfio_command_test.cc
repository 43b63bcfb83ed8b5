// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab vfio` on its examples, on a recording's script, and on what cannot be used.
#include "cli/vfio/vfio_command.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "cli/output/json.h"
#include "support/golden.h"

namespace iommulab::vfio_command_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct outcome {
  int status;
  std::string out;
  std::string err;
};

outcome run(const vfio_arguments& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int status = run_vfio_command(arguments, out, err);
  return {status, out.str(), err.str()};
}

vfio_arguments example(const std::string& name) {
  vfio_arguments a;
  a.script = std::string(IOMMULAB_SOURCE_DIR) + "/cli/vfio/examples/" + name;
  return a;
}

vfio_arguments program(const std::string& text) {
  const auto path = std::filesystem::path(testing::TempDir()) / "program.vfio";
  std::ofstream(path) << text;
  vfio_arguments a;
  a.script = path.string();
  return a;
}

TEST(vfio_command, shows_results_log_and_effects_in_the_words_of_recordings) {
  const outcome r = run(example("iommufd.vfio"));
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
  a.container = "iommufd";
  const outcome r = run(a);
  EXPECT_EQ(r.status, 0);
  EXPECT_THAT(r.out, HasSubstr("iommufd_vfio_map_dma("));
  EXPECT_THAT(r.out, Not(HasSubstr("vfio_iommu_type1_map_dma(")));
}

TEST(vfio_command, refuses_devices_without_isolated_interrupts_when_told) {
  vfio_arguments a = example("type1.vfio");
  a.no_unsafe_interrupts = true;
  EXPECT_THAT(run(a).out, HasSubstr("setiommu c 3 -> r=-1 EPERM"));
}

TEST(vfio_command, takes_a_recordings_machine_with_its_script) {
  const auto folder = golden::root() / "kernel/v6_12/vfio/v1-map";
  if (!golden::exists(folder / "script.txt")) GTEST_SKIP() << folder << " is not here";
  vfio_arguments a;
  a.script = (folder / "script.txt").string();
  const outcome r = run(a);
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_THAT(r.out, HasSubstr("1 dev d0 0000:00:03.0 -> group=1\n"));
  EXPECT_THAT(r.out, HasSubstr("27 edu v 1 src=0x200000 dst=0x40000 len=64 -> ok done=1\n"));
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
  outcome r = run(program("locked\nmop\n"));
  EXPECT_EQ(r.status, 2);
  EXPECT_EQ(r.out, "");
  EXPECT_THAT(r.err, HasSubstr("program.vfio: line 2: operation is \"mop\": no operation"));
  vfio_arguments a = program("locked\n");
  a.script = "/nowhere/at/all";
  r = run(a);
  EXPECT_EQ(r.status, 2);
  EXPECT_THAT(r.err, HasSubstr("/nowhere/at/all"));
  a = program("locked\n");
  a.kernel = "v6_1";
  r = run(a);
  EXPECT_EQ(r.status, 2);
  EXPECT_EQ(r.err, "iommulab: kernel v6_1: VFIO is not ported\n");
  r = run(program("iopen i\nioas i\n"));
  EXPECT_EQ(r.status, 2);
  EXPECT_EQ(r.out, "") << "nothing of it is shown";
}

}  // namespace
}  // namespace iommulab::vfio_command_test
