// SPDX-License-Identifier: GPL-2.0-only
//
// Standard input that grows while it is read, and one that is not there.
#include <sstream>
#include <string>
#include <vector>

#include "cli/fault/fault_command.h"
#include "cli/fault/reading/byte_source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/command.h"

namespace iommulab::live_log_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string line_of(const std::string& device) {
  return "DMAR: [DMA Read NO_PASID] Request device [" + device +
         "] fault addr 0x9c000000 [fault reason 0x06] PTE Read access is not set\n";
}

/// Pauses in front of each of its pieces, and notes what had been shown by then.
class growing_log : public byte_source {
 public:
  growing_log(std::vector<std::string> pieces, std::ostringstream& out)
      : pieces_(std::move(pieces)), out_(out) {}
  absl::StatusOr<size_t> read(absl::Span<char> room) override {
    shown.push_back(out_.str());
    if (next_ == pieces_.size()) return size_t{0};
    const std::string& piece = pieces_[next_++];
    std::copy(piece.begin(), piece.end(), room.begin());
    return piece.size();
  }
  bool pauses() override { return true; }

  std::vector<std::string> shown;

 private:
  std::vector<std::string> pieces_;
  std::ostringstream& out_;
  size_t next_ = 0;
};

TEST(live_log, each_new_kind_of_fault_is_shown_as_it_comes_and_the_counts_at_the_end) {
  std::ostringstream out;
  std::ostringstream err;
  growing_log log({line_of("00:02.0"), line_of("03:00.0"), line_of("00:02.0")}, out);
  EXPECT_EQ(run_fault_command({.inputs = {"-"}}, log, out, err), 0);
  EXPECT_EQ(err.str(), "");
  ASSERT_EQ(log.shown.size(), 4u);
  EXPECT_EQ(log.shown[0], "");
  EXPECT_THAT(log.shown[1], HasSubstr("DMA read by 00:02.0 blocked: reason 06h"));
  EXPECT_THAT(log.shown[1], Not(HasSubstr("03:00.0")));
  EXPECT_THAT(log.shown[2], HasSubstr("DMA read by 03:00.0 blocked"));
  EXPECT_EQ(log.shown[3], log.shown[2]) << "nothing new";
  const std::string end = out.str().substr(log.shown[3].size());
  EXPECT_THAT(end, HasSubstr("In all:"));
  EXPECT_THAT(end, HasSubstr(": 2 times;"));
  EXPECT_THAT(end, HasSubstr(": 1 time;"));
}

TEST(live_log, a_document_is_written_at_the_end_alone) {
  std::ostringstream out;
  std::ostringstream err;
  growing_log log({line_of("00:02.0")}, out);
  EXPECT_EQ(run_fault_command({.inputs = {"-"}, .machine = "", .json = true}, log, out, err), 0);
  EXPECT_EQ(log.shown, (std::vector<std::string>{"", ""}));
  EXPECT_THAT(out.str(), HasSubstr("\"schema\": \"iommulab.fault\""));
}

TEST(live_log, a_closed_standard_input_is_no_empty_log) {
  descriptor_source closed(-1);
  expect_refusal_with(result_of([&](auto& out, auto& err) {
                        return run_fault_command({.inputs = {"-"}}, closed, out, err);
                      }),
                      "standard input cannot be read: ");
}

}  // namespace
}  // namespace iommulab::live_log_test
