// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/event_tests.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace iommulab::stepping_test {
namespace {

trace_event event_of(trace_payload what) {
  trace_event e;
  e.what = std::move(what);
  return e;
}

bool holds(const char* text, const call_values& values) {
  const auto made = value_condition::parse(text);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() && made->holds(values);
}

TEST(value_condition_test, compares_numbers_as_numbers) {
  const call_values values = {{"size", 16u}, {"err", -12}, {"dev", "0000:00:05.0"}};
  EXPECT_TRUE(holds("size==0x10", values));
  EXPECT_TRUE(holds("size == 16", values));
  EXPECT_FALSE(holds("size!=16", values));
  EXPECT_TRUE(holds("size<17", values));
  EXPECT_FALSE(holds("size<16", values));
  EXPECT_TRUE(holds("size<=16", values));
  EXPECT_TRUE(holds("size>15", values));
  EXPECT_FALSE(holds("size>=17", values));
  EXPECT_TRUE(holds("size&0x30", values));
  EXPECT_FALSE(holds("size&0xf", values));
  EXPECT_TRUE(holds("err==-12", values));
  EXPECT_TRUE(holds("err<0", values));
  EXPECT_TRUE(holds("err>-13", values));
  EXPECT_FALSE(holds("err>-12", values));
  EXPECT_TRUE(holds("dev==0000:00:05.0", values));
  EXPECT_TRUE(holds("dev!=none", values));
  EXPECT_FALSE(holds("dev!=0000:00:05.0", values));
  EXPECT_FALSE(holds("dev==16", values));
}

TEST(value_condition_test, what_a_call_does_not_have_is_true_for_nothing) {
  const call_values values = {{"size", 16u}};
  EXPECT_FALSE(holds("length==16", values));
  EXPECT_FALSE(holds("length!=16", values));
}

TEST(value_condition_test, ret_is_the_value_without_a_name) {
  EXPECT_TRUE(holds("ret!=0", {{"", -19}}));
  EXPECT_TRUE(holds("ret==none", {{"", nullptr}}));
  EXPECT_FALSE(holds("ret==0", {{"lo", 0}}));
}

TEST(value_condition_test, says_what_is_wrong_with_it) {
  for (const char* text : {"", "size", "size=1", "==1", "size==", "  == 4"}) {
    const auto made = value_condition::parse(text);
    ASSERT_FALSE(made.ok()) << text;
    EXPECT_NE(made.status().message().find("must be NAME==VALUE"), std::string::npos) << text;
  }
  const auto made = value_condition::parse("dev<0000:00:05.0");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().message(), "< compares numbers, \"0000:00:05.0\" is none");
}

TEST(event_tests_test, calls_by_name_and_condition) {
  const trace_event enter = event_of(events::call_enter{"alloc_iova", {{"size", 1u}}});
  const trace_event exit = event_of(events::call_exit{"alloc_iova", {{"", 0}}});
  const value_condition one{"size", value_condition::comparison::equal, "1"};
  const value_condition two{"size", value_condition::comparison::equal, "2"};
  EXPECT_TRUE(entry_into("alloc_iova")(enter));
  EXPECT_TRUE(entry_into("alloc_iova", {one})(enter));
  EXPECT_FALSE(entry_into("alloc_iova", {one, two})(enter)) << "every one must hold";
  EXPECT_FALSE(entry_into("alloc")(enter));
  EXPECT_FALSE(entry_into("alloc_iova")(exit));
  EXPECT_TRUE(return_of("alloc_iova")(exit));
  EXPECT_FALSE(return_of("alloc_iova")(enter));
}

TEST(event_tests_test, registers_by_the_bytes_they_take) {
  events::reg_read read;
  read.unit = "dmar0";
  read.offset = 0x1c;
  read.size = 4;
  const trace_event event = event_of(read);
  EXPECT_TRUE(read_of({"dmar0", 0x1c, 0x1f})(event));
  EXPECT_TRUE(read_of({"", 0x18, 0x1c})(event));
  EXPECT_FALSE(read_of({"dmar1", 0x1c, 0x1f})(event));
  EXPECT_FALSE(read_of({"dmar0", 0x20, 0x27})(event));
  EXPECT_FALSE(read_of({"dmar0", 0x18, 0x1b})(event));
  EXPECT_FALSE(write_of({"dmar0", 0x1c, 0x1f})(event));
}

TEST(event_tests_test, ranges_log_lines_faults_and_descriptors) {
  const trace_event range = event_of(events::iova_range{events::range_action::alloc, 0x10, 0x1f});
  EXPECT_TRUE(range_within(0x1f, 0x30)(range));
  EXPECT_TRUE(range_within(0, 0x10)(range));
  EXPECT_FALSE(range_within(0x20, 0x30)(range));
  EXPECT_FALSE(range_within(0, 0xf)(range));

  const trace_event line = event_of(events::log_text{6, "DMAR: dmar0: Using Queued invalidation"});
  EXPECT_TRUE(log_line_with("Queued")(line));
  EXPECT_FALSE(log_line_with("queued")(line));

  events::fault fault;
  fault.reason = "read_denied";
  fault.code = 6;
  fault.source = 0x28;
  const trace_event event = event_of(fault);
  EXPECT_TRUE(fault_of("read_denied")(event));
  EXPECT_TRUE(fault_of("6")(event));
  EXPECT_FALSE(fault_of("5")(event));
  EXPECT_TRUE(fault_from(source_id::from_requester_id(0, 0x28))(event));
  EXPECT_FALSE(fault_from(source_id::from_requester_id(0, 0x29))(event));
  EXPECT_TRUE(any_fault()(event));
  EXPECT_FALSE(any_fault()(line));

  events::descriptor descriptor;
  descriptor.unit = "dmar1";
  EXPECT_TRUE(descriptor_of("")(event_of(descriptor)));
  EXPECT_TRUE(descriptor_of("dmar1")(event_of(descriptor)));
  EXPECT_FALSE(descriptor_of("dmar0")(event_of(descriptor)));
}

}  // namespace
}  // namespace iommulab::stepping_test
