// SPDX-License-Identifier: GPL-2.0-only
//
// Logs with bytes changed, taken out, doubled and cut: each is read, refused with one sentence, or
// explained; and text and JSON agree.
#include <random>
#include <sstream>
#include <string>

#include "cli/fault/fault_command.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "support/command.h"

namespace iommulab::mutated_logs_test {
namespace {

constexpr const char* sound =
    "[    0.000000] Linux version 6.1.0\n"
    "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007cffffff] usable\n"
    "[    0.020000] DMAR: RMRR base: 0x0000007e000000 end: 0x0000007e01ffff\n"
    "[    0.300000] PCI host bridge to bus 0000:00\n"
    "[    0.300000] pci 0000:00:00.0: [8086:0100] type 00 class 0x060000\n"
    "[    0.300000] pci 0000:00:02.0: BAR 0 [mem 0xf0000000-0xf03fffff 64bit]\n"
    "[    1.000000] DMAR: DRHD: handling fault status reg 3\n"
    "[    1.000001] DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7d100000 "
    "[fault reason 0x06] PTE Read access is not set\n"
    "> [    1.1] DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault\n"
    "> addr 9c000000 [fault reason 06] PTE Read access is not set\n"
    "dmar: DMAR:[DMA Write] Request device [09:00.1] fault addr fff00000\n"
    "DMAR:[fault reason 02] Present bit in context entry is clear\n"
    "host last message repeated 37 times\n"
    "(XEN) [VT-D]INTR-REMAP: Request device [0000:f0:1f.0] fault index 0\n"
    "(XEN) [VT-D]INTR-REMAP: reason 22 - Present field in the IRTE entry is clear\n"
    "DMAR4: pci0:2:0 sid 10 fault acc 1 adt 0x0 reason 0x6 addr 9c000000\n"
    "DMAR: VT-d detected Invalidation Time-out Error: SID 5300\n"
    "DMAR: QI PRIOR: Device-TLB Invalidation qw0 = 0x5300530000000003, qw1 = 0x7ffffffffffff001\n"
    "DMAR: [Firmware Bug]: Your BIOS is broken; bad RMRR [0x00000000bdc00000-0x00000000bfffffff]\n"
    "[    9.0] dmar_fault: 893 callbacks suppressed\n";

command_result fault(const std::string& log, bool json) {
  std::istringstream in(log);
  return result_of([&](auto& out, auto& err) {
    return run_fault_command({.inputs = {"-"}, .machine = "", .json = json}, in, out, err);
  });
}

std::string mutated(std::mt19937& random) {
  std::string log = sound;
  const size_t changes = 1 + random() % 8;
  for (size_t i = 0; i < changes && !log.empty(); ++i) {
    const size_t at = random() % log.size();
    const size_t length = std::min<size_t>(1 + random() % 40, log.size() - at);
    switch (random() % 6) {
      case 0:
        log[at] = static_cast<char>(random());
        break;
      case 1:
        log.erase(at, length);
        break;
      case 2:
        log.insert(at, log.substr(random() % log.size(), length));
        break;
      case 3: {
        const size_t count = 1 + random() % 3;
        log.insert(at, count, "\n\r\0 =[]>"[random() % 8]);
        break;
      }
      case 4:
        log.resize(at);
        break;
      default:
        log.replace(at, length, std::string(length, "0f:. "[random() % 5]));
    }
  }
  return log;
}

TEST(mutated_logs, are_read_or_refused_and_text_and_json_agree) {
  std::mt19937 random(20261129);
  size_t explained = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string log = mutated(random);
    SCOPED_TRACE(testing::Message() << "log " << i << ":\n" << log);
    const command_result text = fault(log, false);
    const command_result document = fault(log, true);
    ASSERT_EQ(text.status, document.status);
    ASSERT_TRUE(text.status >= 0 && text.status <= 2);
    if (text.status == 2) {
      expect_refusal_with(text, "standard input");
      continue;
    }
    ASSERT_NE(text.out, "");
    const auto json = nlohmann::json::parse(document.out);
    explained += json["groups"].size();
  }
  // The sound log has six groups; most of them live through most of the changes.
  EXPECT_GT(explained, 400u * 3);
}

TEST(mutated_logs, the_sound_one_is_explained_as_a_whole) {
  const command_result document = fault(sound, true);
  EXPECT_EQ(document.status, 0) << document.out;
  const auto json = nlohmann::json::parse(document.out);
  EXPECT_EQ(json["groups"].size(), 6u) << document.out;
  EXPECT_EQ(json["suppressed"], 893);
  EXPECT_EQ(json["counts_are_least"], true);
}

}  // namespace
}  // namespace iommulab::mutated_logs_test
