// SPDX-License-Identifier: GPL-2.0-only
//
// The command on scripts of its own: what devices see, what unmapping takes away from them, and
// what the command says about scripts that are wrong.
#include "cli/dma/dma_command.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace iommulab::dma_command_test {
namespace {

class dma_command : public testing::Test {
 protected:
  int run(const std::string& text, const std::string& command_line = "") {
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".dma");
    std::ofstream(path_) << text;
    dma_arguments a;
    a.script = path_.string();
    if (!command_line.empty()) a.command_lines = {command_line};
    a.sanitize = sanitize_;
    out_.str("");
    err_.str("");
    return run_dma_command(a, out_, err_);
  }
  bool says(std::string_view part) const { return out_.str().find(part) != std::string::npos; }
  bool complains(std::string_view part) const { return err_.str().find(part) != std::string::npos; }
  void TearDown() override { std::filesystem::remove(path_); }

  bool sanitize_ = false;
  std::filesystem::path path_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST(dma_side_by_side, shows_what_each_kernel_gives_by_itself) {
  const std::string script =
      std::string(IOMMULAB_SOURCE_DIR) + "/cli/dma/examples/double_unmap.dma";
  const auto outcome = [&](const std::vector<std::string>& kernels, bool json) {
    dma_arguments a;
    a.script = script;
    a.kernels = kernels;
    a.json = json;
    std::ostringstream out;
    std::ostringstream err;
    run_dma_command(a, out, err);
    return out.str();
  };
  const auto both = nlohmann::json::parse(outcome({"v4_4", "v4_4_178"}, true));
  ASSERT_EQ(both["operations"].size(), 7u);
  for (const std::string kernel : {"v4_4", "v4_4_178"}) {
    const auto alone = nlohmann::json::parse(outcome({kernel}, true));
    for (size_t i = 0; i < both["operations"].size(); ++i) {
      const auto& there = both["operations"][i]["outcomes"][kernel];
      EXPECT_EQ(there["result"], alone["operations"][i]["result"]) << kernel << " " << i;
      EXPECT_EQ(there["log"], alone["operations"][i]["log"]) << kernel << " " << i;
    }
  }
  EXPECT_NE(outcome({"v4_4", "v4_4_178"}, false).find("7 operations, 0 different"),
            std::string::npos);
}

TEST(dma_side_by_side, marks_the_kernel_that_gives_something_else) {
  // A piece that begins more than a page behind its page: 4.4.1 gives the device an address beyond
  // what it mapped (kernels --diff v4_4 v4_4_178), so what the device reads there is no buffer.
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "side_by_side.dma";
  std::ofstream(path) << "# arena 0 phys=0x10000000 size=0x400000\nsg 1 0 1 0:0:1000:1\n"
                         "edu 0 1 h1+0 0x40000 0x100\n";
  dma_arguments a;
  a.script = path.string();
  a.kernels = {"v4_4", "v4_4_178"};
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_dma_command(a, out, err), 1) << out.str() << err.str();
  EXPECT_NE(out.str().find("    ≠ v4_4_178 "), std::string::npos) << out.str();
  a.machines = {"q35", "server"};
  EXPECT_EQ(run_dma_command(a, out, err), 2);
  a.machines.clear();
  a.trace = "calls";
  EXPECT_EQ(run_dma_command(a, out, err), 2);
}

constexpr const char* pinned = "# arena 0 phys=0x10000000 size=0x400000\n";

TEST_F(dma_command, shows_that_a_device_sees_the_top_of_four_gibibytes) {
  // With the IOMMU the buffer at 10000123h is at fffffXXXh for the device; without, at its own.
  const std::string script = std::string(pinned) + "map 1 0 0 0x123 0x100 1 -> phys=0x10000123 ";
  EXPECT_EQ(run(script + "dma=0xfffff123 err=0\n"), 0) << out_.str();
  EXPECT_EQ(run(script + "dma=0x10000123 err=0\n", "intel_iommu=off"), 0) << out_.str();
  EXPECT_EQ(run(script + "dma=0x10000123 err=0\n", "intel_iommu=on iommu=off"), 0) << out_.str();
  EXPECT_EQ(run(script + "dma=0x10000123 err=0\n"), 1);
  EXPECT_TRUE(says("line 2: operation 1 differs")) << out_.str();
  EXPECT_TRUE(says("0xfffff123")) << out_.str();
}

TEST_F(dma_command, moves_data_only_while_it_is_mapped) {
  const std::string script = std::string(pinned) +
                             "poke 0 0 0x5a 0x1000\n"
                             "map 1 0 0 0x0 0x1000 1\n"
                             "map 2 0 0 0x1000 0x1000 2\n"
                             "edu 0 1 h1+0 0x40000 0x100\n"
                             "edu 0 3 0x40000 h2+0 0x100\n"
                             "peek 0 0x1000 -> 5a5a5a5a5a5a5a5a\n"
                             "poke 0 0x1000 0 0x1000\n"
                             "unmap 2\n"
                             "wait 20\n"
                             "edu 0 3 0x40000 h2+0 0x100\n"
                             "peek 0 0x1000 -> 0000000000000000\n";
  EXPECT_EQ(run(script), 0) << out_.str();
  EXPECT_TRUE(says("DMAR:[DMA Write] Request device [00:04.0] fault addr ffffe000")) << out_.str();
  EXPECT_TRUE(says("PTE Write access is not set"));
}

/// Lines of the log that name a fault.
int faults(const std::string& text) {
  int count = 0;
  for (size_t at = text.find("fault addr"); at != std::string::npos;
       at = text.find("fault addr", at + 1)) {
    ++count;
  }
  return count;
}

TEST_F(dma_command, leaves_the_deferred_window_open_until_the_timer) {
  // The second transfer reads after the unmap: from the IOTLB with the flush put off, not at all
  // with strict. The third reads after the flush.
  const char* script =
      "map 1 0 0 0 0x1000 1\n"
      "edu 0 1 h1+0 0x40000 0x100\n"
      "edus 0 1 h1+0 0x40000 0x100\n"
      "unmap 1\n"
      "delay 100000\n"
      "eduw 0\n"
      "edu 0 1 h1+0 0x40000 0x100\n";
  EXPECT_EQ(run(script), 0) << out_.str();
  EXPECT_TRUE(says("dir=1 ; ls=1 tm=1")) << out_.str();
  EXPECT_EQ(faults(out_.str()), 1) << out_.str();
  EXPECT_EQ(run(script, "intel_iommu=on,strict"), 0) << out_.str();
  EXPECT_TRUE(says("dir=1 ; ls=0 tm=0")) << out_.str();
  EXPECT_EQ(faults(out_.str()), 2) << out_.str();
}

TEST_F(dma_command, answers_a_transfer_and_its_two_halves_in_the_words_of_the_recordings) {
  const std::string script = std::string(pinned) +
                             "map 1 0 0 0x0 0x1000 1 -> phys=0x10000000 dma=0xfffff000 err=0\n"
                             "edu 0 1 h1+0 0x40000 0x100 -> src=0xfffff000 dst=0x40000 cmd=0x0\n"
                             "edus 0 5 h1+80 0x40010 0x80 -> src=0xfffff080 dst=0x40010\n"
                             "eduw 0 -> cmd=0x4\n";
  EXPECT_EQ(run(script), 0) << out_.str();
  // 100 ms end between the first look after 60 ms and the second: sixteen ticks of 4 ms apart.
  EXPECT_TRUE(says("dst=0x40000 cmd=0x0 polls=1")) << out_.str();
  EXPECT_TRUE(says("-> cmd=0x4 polls=1")) << out_.str();
}

TEST_F(dma_command, measures_the_window_with_the_sanitizer) {
  const char* script =
      "map 1 0 0 0 0x1000 1\n"
      "edu 0 1 h1+0 0x40000 0x100\n"
      "edus 0 1 h1+0 0x40000 0x100\n"
      "unmap 1\n"
      "delay 100000\n"
      "eduw 0\n";
  sanitize_ = true;
  EXPECT_EQ(run(script), 0) << out_.str();
  EXPECT_TRUE(says("deferred_window")) << out_.str();
}

TEST_F(dma_command, says_what_failed_before_and_goes_on) {
  // The second map runs out of memory; what works on it finds nothing, and that is a result.
  EXPECT_EQ(run("alloc 1 0 0x40000000 -> NULL dma=0x0\nfree 1 -> nothing there\n"), 0)
      << out_.str();
  EXPECT_EQ(run("domalloc 1 -> NULL\nattach 1 0 -> nothing there\n", "intel_iommu=off"), 0)
      << out_.str();
}

TEST_F(dma_command, ends_at_a_panic) {
  EXPECT_EQ(run("map 1 0 0 0 0x200000 1\nnote after it\n", "swiotlb=force"), 1) << err_.str();
  EXPECT_TRUE(says("Kernel panic - not syncing")) << out_.str();
  EXPECT_FALSE(says("note after it"));
}

TEST_F(dma_command, excuses_no_second_mapping) {
  // A page over a page is no known difference, whatever the recording lacks.
  EXPECT_EQ(run("domalloc 1\nimap 1 0 0x1000 0x1000 3 -> phys=0x1000 ret=0 ; ls=0 tm=0 t=0 dt=0\n"
                "imap 1 0 0x1000 0x1000 3 -> phys=0x1000 ret=0 ; ls=0 tm=0 t=0 dt=0\n"),
            1)
      << out_.str();
  EXPECT_FALSE(says("known difference")) << out_.str();
}

TEST_F(dma_command, excuses_a_page_within_a_superpage_and_nothing_else_in_the_log) {
  // 4.4 says nothing there: it takes the superpage's memory for a table.
  const std::string maps =
      "domalloc 1\nimap 1 0x200000 0x200000 0x200000 3\n"
      "imap 1 0x200000 0x1000 0x1000 3 -> phys=0x1000 ret=0 ; ls=0 tm=0 t=0 dt=0\n";
  EXPECT_EQ(run(maps), 0) << out_.str();
  EXPECT_TRUE(says("known difference: 4.4 takes a superpage for a table")) << out_.str();
  EXPECT_EQ(run(maps + "  k: [    1.000000] DMAR: another line\n"), 1) << out_.str();
  EXPECT_FALSE(says("known difference")) << out_.str();
}

TEST_F(dma_command, prints_what_it_can_read) {
  ASSERT_EQ(run("map 1 0 0 0 0x1000 1\nunmap 1\n"), 0);
  std::string printed = out_.str();
  printed.resize(printed.find("\n\n"));
  EXPECT_EQ(run(printed + "\n"), 0) << out_.str() << err_.str();
  EXPECT_TRUE(says("2 compared with what the script says: equal")) << out_.str();
}

TEST_F(dma_command, refuses_nonsense_in_one_sentence) {
  EXPECT_EQ(run("fly 1\n"), 2);
  EXPECT_TRUE(complains("line 1: operation is \"fly\"")) << err_.str();
  EXPECT_EQ(run("map 1 0 0 0\n"), 2);
  EXPECT_TRUE(complains("size of map")) << err_.str();
  EXPECT_EQ(run("map 1 9 0 0 0x1000 1\n"), 2);
  EXPECT_TRUE(complains("device of map is \"9\"")) << err_.str();
  EXPECT_EQ(run("map 1 0 7 0 0x1000 1\n"), 2);
  EXPECT_TRUE(complains("arena of map is \"7\"")) << err_.str();
  EXPECT_EQ(run("map 1 0 0 0 0x1000 3\n"), 2);
  EXPECT_TRUE(complains("direction of map is \"3\"")) << err_.str();
  EXPECT_EQ(run("map 1 0 0 0xffffffffffffffff 0xffffffffffffffff 1\n"), 2);
  EXPECT_TRUE(complains("leaves memory")) << err_.str();
  EXPECT_EQ(run("map 1 0 0 0 0x1000 1 5\n"), 2);
  EXPECT_TRUE(complains("one too many")) << err_.str();
  EXPECT_EQ(run("unmap 3\n"), 2);
  EXPECT_TRUE(complains("handle of unmap is \"3\"")) << err_.str();
  EXPECT_EQ(run("sg 1 0 1 0:0\n"), 2);
  EXPECT_TRUE(complains("piece of sg")) << err_.str();
  EXPECT_EQ(run("imap 0 0 0 0x1000 3\n"), 2);
  EXPECT_TRUE(complains("domain of imap")) << err_.str();
  EXPECT_EQ(run("# dev 0 0000:1f:1e.7\nnote x\n"), 2);
  EXPECT_TRUE(complains("line 1: dev is \"0000:1f:1e.7\": the machine has no such function"))
      << err_.str();
  EXPECT_EQ(run("\n# arena 0 phys=0x7000000000000 size=0x1000\nnote x\n"), 2);
  EXPECT_TRUE(complains("line 2: arena is \"0x7000000000000\": the machine has no such memory"))
      << err_.str();
  EXPECT_EQ(run("# arena 0 phys=0x10000800 size=0x1000\nnote x\n"), 2);
  EXPECT_TRUE(complains("line 1: arena is \"0x10000800\": it begins in the middle of a page"))
      << err_.str();
  EXPECT_EQ(run("# arena 0 phys=0x10000000 size=0x2000\n"
                "# arena 1 phys=0x10001000 size=0x2000\nnote x\n"),
            2);
  EXPECT_TRUE(complains("line 2: arena is \"0x10001000\": it overlaps arena 0")) << err_.str();
  EXPECT_TRUE(out_.str().empty());
}

TEST_F(dma_command, survives_a_device_that_is_misused) {
  // What BUG()s 4.4: the messages say what happened instead.
  EXPECT_EQ(run("unmapa 0 0x1000 0x1000 1 -> dma=0x1000\n"), 1) << out_.str();
  EXPECT_TRUE(says("1 compared with what the script says: equal")) << out_.str();
  EXPECT_TRUE(says("Driver unmaps unmatched page at PFN 1000")) << out_.str();
  EXPECT_EQ(run("domalloc 0\nattach 0 0 -> ret=0\nmap 1 0 0 0 0x1000 2\n"), 1) << out_.str();
  EXPECT_TRUE(says("--- failed")) << out_.str();
  EXPECT_TRUE(says("line 3: map_in_api_domain: ")) << out_.str();
}

}  // namespace
}  // namespace iommulab::dma_command_test
