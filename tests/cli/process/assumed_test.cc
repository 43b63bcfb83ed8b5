// SPDX-License-Identifier: GPL-2.0-only
//
// Of a machine that is known in part, every command says what it assumed: in text, and in JSON.
#include <gmock/gmock.h>

#include <fstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "support/shell.h"

namespace iommulab::assumed_test {
namespace {

using ::testing::HasSubstr;

constexpr const char* memory = "memory, of which neither BIOS-e820 lines of a log nor /proc/iomem";
constexpr const char* numbers = "the numbers, without the table of remapping";

struct asked {
  const char* arguments;
  const char* assumed;
};
constexpr asked texts[] = {
    {"boot --machine known", memory},
    {"machines known", memory},
    {"groups --machine known", numbers},
    {"groups --machine known --why 00:02.0", numbers},
    {"groups --machine known --svg", numbers},
    {"groups --machine known --dot", numbers},
    {"translate 00:02.0 1000 --machine known", memory},
    {"dma it.dma --machine known", memory},
    {"dma it.dma --machine known --kernel v4_4_178 --kernel v6_12", memory},
    {"dma it.dma --diff --machine known --kernel v4_4_178 --kernel v6_12", memory},
    {"boot --diff --machine known --machine q35", memory},
    {"dmar table.bin --machine known", memory},
    {"vfio it.vfio --machine known", memory},
    {"trace boot --machine known", memory},
    {"trace boot --machine known --against known.trace", memory},
    {"trace boot --machine known --format perfetto", memory},
    {"step boot --machine known --batch", memory},
    {"fault --machine known 'DMAR: [DMA Read] Request device [00:02.0] fault addr 9c000000 [fault "
     "reason 06] PTE Read access is not set'",
     memory},
};
constexpr asked documents[] = {
    {"boot --machine known --json", memory},
    {"machines known --json", memory},
    {"groups --machine known --json", numbers},
    {"groups --machine known --why 00:02.0 --json", numbers},
    {"translate 00:02.0 1000 --machine known --json", memory},
    {"dma it.dma --machine known --json", memory},
    {"dma it.dma --machine known --kernel v4_4_178 --kernel v6_12 --json", memory},
    {"dmar table.bin --machine known --json", memory},
    {"vfio it.vfio --machine known --json", memory},
    {"trace boot --machine known --format json", memory},
    {"fault --machine known --json 'DMAR: DRHD: handling fault status reg 2'", memory},
};

class of_a_machine_known_in_part : public shell {
 protected:
  void SetUp() override {
    shell::SetUp();
    std::filesystem::create_directory(folder_ + "/known");
    std::ofstream(folder_ + "/known/lspci.txt")
        << "00:00.0 0600: 8086:29c0\n00:02.0 0200: 8086:10d3\n\tCapabilities: [e0] Express (v1) "
           "Endpoint\n";
    std::ofstream(folder_ + "/it.vfio") << "mem m0 0x1000\n";
    EXPECT_EQ(run("dmar --machine q35 -o table.bin").status, 0);
    EXPECT_EQ(run("trace boot --machine known -o known.trace").status, 0);
    std::ofstream(folder_ + "/it.dma") << "# dev 0 0000:00:02.0\nalloc 1 0 0x1000\n";
  }
  [[nodiscard]] command_result run(const std::string& arguments) const {
    return run_line(std::string(IOMMULAB_PROGRAM) + " " + arguments);
  }
};

TEST_F(of_a_machine_known_in_part, every_text_says_what_was_assumed) {
  for (const asked& one : texts) {
    const command_result result = run(one.arguments);
    EXPECT_LE(result.status, 1) << one.arguments << '\n' << result.err;
    EXPECT_THAT(result.out, HasSubstr(one.assumed)) << one.arguments;
  }
}

TEST_F(of_a_machine_known_in_part, every_document_says_what_was_assumed) {
  for (const asked& one : documents) {
    const command_result result = run(one.arguments);
    EXPECT_LE(result.status, 1) << one.arguments << '\n' << result.err;
    const auto document = nlohmann::json::parse(result.out, nullptr, false);
    ASSERT_TRUE(document.is_object()) << one.arguments;
    ASSERT_TRUE(document.contains("assumed")) << one.arguments;
    EXPECT_THAT(document["assumed"].dump(), HasSubstr(one.assumed)) << one.arguments;
  }
}

TEST_F(of_a_machine_known_in_part, a_page_says_it_in_its_head) {
  const command_result made = run("view boot --machine known -o page.html");
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(run_line("cat page.html").out, HasSubstr(memory));
}

}  // namespace
}  // namespace iommulab::assumed_test
