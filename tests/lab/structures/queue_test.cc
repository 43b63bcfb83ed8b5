// SPDX-License-Identifier: GPL-2.0-only
//
// The invalidation queue: its slots against the words of memory that IQA names, how far they got
// against what the unit was seen to fetch.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lab/structures/asked.h"
#include "platform/machine/builtin.h"
#include "support/system.h"

namespace iommulab::structures_test {
namespace {

TEST(queue, holds_what_lies_in_memory) {
  test::system q35(*builtin_machine("q35"));
  ASSERT_EQ(q35.boot().panic, "");
  kernel& k = q35.k();
  // IQA is at 90h, 11.4.9.4: the page in 63:12. Descriptors take 16 bytes.
  const uint64_t base = q35.unit().read64(0x90) & ~uint64_t{0xfff};
  EXPECT_EQ(number(k, "queue.base"), base);
  EXPECT_EQ(number(k, "queue.entries"), 256u);
  EXPECT_EQ(number(k, "queue.head"), q35.unit().read64(0x80) >> 4);
  EXPECT_EQ(number(k, "queue.tail"), q35.unit().read64(0x88) >> 4);
  size_t written = 0;
  for (unsigned slot = 0; slot < 256; ++slot) {
    const uint64_t low = q35.word(base + 16 * slot);
    const std::string entry = "queue.descriptors[" + std::to_string(slot) + "]";
    if (low == 0) {
      EXPECT_EQ(error_of(k, entry), ENOENT);
      continue;
    }
    ++written;
    EXPECT_EQ(number(k, entry + ".low"), low);
    EXPECT_EQ(number(k, entry + ".high"), q35.word(base + 16 * slot + 8));
    EXPECT_EQ(asked(k, entry + ".state"), "\"done\"");
    // 6.5.2: type 1 context-cache, 2 IOTLB, 5 wait; bits 5:4 the granularity, 31:16 the domain.
    const unsigned type = low & 0xf;
    if (type == 1 || type == 2) {
      EXPECT_EQ(number(k, entry + ".G"), low >> 4 & 3);
      EXPECT_EQ(number(k, entry + ".DID"), low >> 16 & 0xffff);
    } else {
      EXPECT_EQ(type, 5u);
      EXPECT_EQ(number(k, entry + ".DATA"), low >> 32);
    }
  }
  EXPECT_EQ(written % 2, 0u) << "each request is followed by a wait";
  EXPECT_GT(written, 2u);
}

/// Looks at every write of IQT, which is told before it is done.
class tail_writes : public trace_sink {
 public:
  explicit tail_writes(kernel& k) : k_(k) {}
  void on_event(const trace_event& event) override {
    const auto* write = event.as<events::reg_write>();
    if (write == nullptr || write->offset != 0x88) return;
    const uint64_t from = number(k_, "queue.tail");
    const uint64_t to = write->value >> 4;
    states.clear();
    for (uint64_t slot = from; slot != to; slot = (slot + 1) % 256) {
      states.push_back(asked(k_, "queue.descriptors[" + std::to_string(slot) + "].state"));
    }
    ++writes;
    if (states != std::vector<std::string>(states.size(), "\"written\"")) ++others;
  }
  std::vector<std::string> states;
  size_t writes = 0;
  size_t others = 0;

 private:
  kernel& k_;
};

TEST(queue, tells_what_the_driver_has_written_and_not_handed_over) {
  test::system q35(*builtin_machine("q35"));
  tail_writes looks(q35.k());
  const auto subscription = q35.k().env().trace.subscribe(looks);
  ASSERT_EQ(q35.boot().panic, "");
  EXPECT_GT(looks.writes, 2u);
  EXPECT_EQ(looks.others, 0u);
  EXPECT_EQ(looks.states.size(), 2u) << "a request and its wait";
}

TEST(queue, stands_at_what_the_unit_refuses) {
  test::system q35(*builtin_machine("q35"));
  ASSERT_EQ(q35.boot().panic, "");
  vtd_unit& unit = q35.unit();
  const uint64_t base = unit.read64(0x90) & ~uint64_t{0xfff};
  const uint64_t slot = unit.read64(0x88) >> 4;
  q35.word(base + 16 * slot) = 0xf;  // no type of a descriptor
  q35.word(base + 16 * (slot + 1)) = 0x12;
  unit.write64(0x88, (slot + 2) << 4);
  EXPECT_EQ(unit.read32(0x34) >> 4 & 1, 1u) << "FSTS.IQE";
  const auto state = [&](uint64_t at) {
    return asked(q35.k(), "queue.descriptors[" + std::to_string(at) + "].state");
  };
  EXPECT_EQ(state(slot), "\"refused\"");
  EXPECT_EQ(state(slot + 1), "\"waiting\"");
  EXPECT_EQ(state(slot - 1), "\"done\"");
}

}  // namespace
}  // namespace iommulab::structures_test
