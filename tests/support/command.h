// SPDX-License-Identifier: GPL-2.0-only
//
// A subcommand run in this process, and what a refusal must look like.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>

namespace iommulab {

struct command_result {
  int status = -1;
  std::string out;
  std::string err;
};

/// What `run(out, err)`, which returns the exit status, does.
template <class Run>
command_result result_of(Run&& run) {
  std::ostringstream out;
  std::ostringstream err;
  command_result result;
  result.status = std::forward<Run>(run)(out, err);
  result.out = out.str();
  result.err = err.str();
  return result;
}

/// The same of a command that is called with its arguments.
template <class Arguments>
command_result run_command(int (*run)(const Arguments&, std::ostream&, std::ostream&),
                           const Arguments& arguments) {
  return result_of([&](auto& out, auto& err) { return run(arguments, out, err); });
}

/// Status 2, nothing on stdout, exactly this sentence on stderr.
inline void expect_refusal(const command_result& result, const std::string& sentence) {
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "iommulab: " + sentence + "\n");
}

/// Nothing on stdout, one line on stderr that contains `part`.
inline void expect_refusal_with(const command_result& result, const std::string& part,
                                int status = 2) {
  EXPECT_EQ(result.status, status);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_TRUE(result.err.starts_with("iommulab: ")) << result.err;
  EXPECT_NE(result.err.find(part), std::string::npos) << result.err << "does not contain: " << part;
}

}  // namespace iommulab
