// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/interrupt_remapping.h"

#include <gtest/gtest.h>

namespace iommulab::verify::interrupt_remapping_test {
namespace {

using kind = call_event::kind;

/// A trace written down in its order.
class recorded {
 public:
  recorded& read(uint64_t offset) { return access(false, offset, 0); }
  recorded& write(uint64_t offset, uint64_t value) { return access(true, offset, value); }
  recorded& descriptor(uint64_t low, uint64_t high) {
    trace_.descriptors.push_back({++line_, low, high});
    return *this;
  }
  operator hardware_trace() const { return trace_; }

 private:
  recorded& access(bool is_write, uint64_t offset, uint64_t value) {
    trace_.accesses.push_back({++line_, is_write, offset, 4, value});
    return *this;
  }
  size_t line_ = 0;
  hardware_trace trace_;
};

std::vector<std::string> texts(const numbered_lines& lines) {
  std::vector<std::string> found;
  for (const numbered_line& line : lines) found.push_back(line.text);
  return found;
}

void expect_same(const hardware_trace& a, const hardware_trace& b) {
  const page_names exact = page_names::exact();
  EXPECT_EQ(texts(register_lines(a, exact)), texts(register_lines(b, exact)));
  EXPECT_EQ(texts(queue_lines(a, exact)), texts(queue_lines(b, exact)));
}

constexpr uint64_t wait = 0x200000025;

recorded plain_start_up() {
  recorded trace;
  trace.write(0x88, 0).write(0x90, 0x5000).write(0x18, 0x4000000).read(0x1c).read(0x1c);
  trace.write(0x20, 0x9000).write(0x18, 0x44000000).read(0x1c);
  trace.write(0x88, 0x20).descriptor(0x11, 0).descriptor(wait, 0x7004);
  trace.write(0x88, 0x40).descriptor(0xd2, 0).descriptor(wait, 0x700c);
  trace.write(0x18, 0x84000000).read(0x1c).read(0x64).write(0x64, 0).read(0x64);
  return trace;
}

TEST(interrupt_remapping_test, a_start_up_without_it_stays_as_it_is) {
  expect_same(without_interrupt_remapping(plain_start_up()), plain_start_up());
}

TEST(interrupt_remapping_test, what_it_adds_is_left_out_and_positions_close_up) {
  recorded trace;
  trace.write(0x88, 0).write(0x90, 0x5000).write(0x18, 0x4000000).read(0x1c);
  trace.read(0x1c).write(0xb8, 0x20000f).write(0x18, 0x5000000).read(0x1c);
  trace.write(0x88, 0x20).descriptor(0x4, 0).descriptor(wait, 0x7004);
  trace.write(0x18, 0x6000000).read(0x1c);
  trace.write(0x3c, 0x4141).write(0x40, 0xfee0100c).write(0x44, 0).write(0x38, 0).read(0x38);
  trace.read(0x34).read(0x34).write(0x34, 0);
  trace.write(0x88, 0x40).descriptor(0x100000014, 0).descriptor(wait, 0x700c);
  trace.read(0x1c).write(0x20, 0x9000).write(0x18, 0x46000000).read(0x1c);
  trace.write(0x88, 0x60).descriptor(0x11, 0).descriptor(wait, 0x7014);
  trace.write(0x88, 0x80).descriptor(0xd2, 0).descriptor(wait, 0x701c);
  trace.write(0x18, 0x86000000).read(0x1c).read(0x64).write(0x64, 0).read(0x64);
  expect_same(without_interrupt_remapping(trace), plain_start_up());
}

TEST(interrupt_remapping_test, any_other_access_or_descriptor_stays) {
  recorded trace = plain_start_up();
  trace.read(0x8).write(0x88, 0x60).descriptor(0xd3, 0).descriptor(wait, 0x7014);
  expect_same(without_interrupt_remapping(trace), trace);
}

TEST(interrupt_remapping_test, calls_that_return_at_once_are_emptied) {
  const std::vector<call_event> events = {
      {kind::enter, 1, "intel_iommu_init_qi"}, {kind::enter, 2, "dmar_fault"},
      {kind::exit, 3, "dmar_fault"},           {kind::enter, 4, "dmar_enable_qi"},
      {kind::enter, 5, "__dmar_enable_qi"},    {kind::exit, 6, "__dmar_enable_qi"},
      {kind::exit, 7, "dmar_enable_qi"},       {kind::note, 8, "qi low=0x11 high=0x0"},
      {kind::exit, 9, "intel_iommu_init_qi"},
  };
  EXPECT_EQ(texts(call_lines(without_interrupt_remapping(events), page_names::exact())),
            (std::vector<std::string>{"intel_iommu_init_qi() {", "  dmar_enable_qi();",
                                      "  /* qi low=0x11 high=0x0 */", "}"}));
}

}  // namespace
}  // namespace iommulab::verify::interrupt_remapping_test
