// SPDX-License-Identifier: GPL-2.0-only
//
// Every command's JSON: what it begins with, what its members are called, and that no number in it
// is more than a reader keeps.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <regex>
#include <string>

#include "nlohmann/json.hpp"

namespace iommulab::documents_test {
namespace {

using json = nlohmann::ordered_json;

/// What the program prints, run in the root of the tree.
std::string printed(const std::string& arguments) {
  const std::string command =
      std::string("cd '") + IOMMULAB_SOURCE_DIR + "' && " + IOMMULAB_PROGRAM + " " + arguments;
  FILE* const pipe = popen(command.c_str(), "r");
  std::string text;
  char chunk[4096];
  for (size_t got = 0; (got = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) {
    text.append(chunk, got);
  }
  const int status = pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1) << arguments;
  return text;
}

/// Names are snake_case; a register's mnemonic keeps its capitals.
void check_members(const json& value, const std::string& place) {
  static const std::regex name("[a-z][a-z0-9_]*|[A-Z][A-Z0-9]*(_[a-z0-9_]+)?");
  constexpr int64_t exact = int64_t{1} << 53;
  if (value.is_number_unsigned()) {
    EXPECT_LE(value.get<uint64_t>(), static_cast<uint64_t>(exact)) << place;
  } else if (value.is_number_integer()) {
    EXPECT_GE(value.get<int64_t>(), -exact) << place;
  }
  if (value.is_array()) {
    for (const json& each : value) check_members(each, place + "[]");
  }
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) {
    EXPECT_TRUE(std::regex_match(key, name)) << place << '.' << key;
    check_members(member, place + '.' + key);
  }
}

class document_of : public testing::TestWithParam<const char*> {};

TEST_P(document_of, begins_and_reads_as_all_others) {
  const std::string text = printed(GetParam());
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(document.is_object()) << text.substr(0, 200);
  auto member = document.begin();
  EXPECT_EQ(member.key(), "schema");
  EXPECT_TRUE(
      std::regex_match(member.value().get<std::string>(), std::regex("iommulab\\.[a-z_]+")));
  EXPECT_EQ((++member).key(), "version");
  EXPECT_TRUE(member.value().is_number_unsigned());
  EXPECT_EQ((++member).key(), "program");
  EXPECT_TRUE(member.value().get<std::string>().starts_with("iommulab "));
  check_members(document, "");
}

constexpr const char* commands[] = {
    "boot --json",
    "boot --json --sanitize --trace=all --machine server",
    "boot --json --diff --cmdline intel_iommu=on --cmdline intel_iommu=off",
    "dma --json cli/dma/examples/use_after_unmap.dma --sanitize --trace=all",
    "dmar --json tests/golden/kernel/v4_4/boot/default/DMAR.bin",
    "fault --json 'DMAR: [DMA Read] Request device [00:02.0] fault addr 9c000000 [fault reason 06] "
    "x'",
    "iova bench --json --repeat 1 --allocator v6_12 --workload linear-128",
    "iova list --json",
    "iova lockup --json --allocator v6_12 --cpus 4 --batch 4 --limit 0.01 --scan-cost 100 "
    "--base-cost 1 --max-population 4096 --pattern linear32",
    "iova replay --json tests/golden/iova/4.4/i_split.trace.xz",
    "iova tree --json --operations 'alloc 1'",
    "kernels --json",
    "kernels --json --diff v4_4 v4_4_178",
    "machines --json",
    "machines --json server",
    "pagetable replay --json tests/golden/pagetable/4.4/pt_small.trace.xz",
    "trace boot --format json",
    "trace dma --format json cli/dma/examples/use_after_unmap.dma",
    "step boot --batch -ex 'print --json registers'",
    "translate --json 00:1f.0 1000",
    "translate --json 00:04.0 1000",
    "verify --json tests/golden/kernel/v4_4/boot/default"};
INSTANTIATE_TEST_SUITE_P(every_command, document_of, testing::ValuesIn(commands));

}  // namespace
}  // namespace iommulab::documents_test
