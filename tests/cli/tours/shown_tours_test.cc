// SPDX-License-Identifier: GPL-2.0-only
//
// Every tour of the program, with each of its kernels, shows what it says; so does each script of
// the published walk-through's rows.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "cli/program/run_program.h"
#include "cli/tours/catalogue.h"
#include "cli/tours/tour_command.h"
#include "kernel/catalogue.h"
#include "support/files.h"

namespace iommulab::shown_tours_test {
namespace {

namespace fs = std::filesystem;

const fs::path source_folder = IOMMULAB_SOURCE_DIR;
const fs::path walkthrough = source_folder / "tests/cli/tours/walkthrough";

struct shown_tour {
  std::string which;
  std::string kernel;
};
void PrintTo(const shown_tour& each,
             std::ostream* out) {  // NOLINT(readability-identifier-naming)
  *out << each.which << " on " << each.kernel;
}

std::vector<shown_tour> all_tours() {
  std::vector<shown_tour> all;
  const auto add = [&](const std::string& which, const absl::StatusOr<tours::tour>& parsed) {
    if (!parsed.ok()) {
      all.push_back({which, ""});  // the test says why
      return;
    }
    for (const std::string& kernel : parsed->kernels) all.push_back({which, kernel});
  };
  for (size_t number = 1; number <= tours::tour_texts().size(); ++number) {
    add(std::to_string(number), tours::tour_of_number(number));
  }
  std::vector<fs::path> scripts(fs::directory_iterator(walkthrough), {});
  std::sort(scripts.begin(), scripts.end());
  for (const fs::path& script : scripts) {
    add(script.string(), tours::parse_tour(script.string(), content_of(script.string())));
  }
  return all;
}

class every_tour : public testing::TestWithParam<shown_tour> {};

TEST_P(every_tour, shows_what_it_says) {
  fs::current_path(source_folder);
  tours::no_audience nobody;
  std::ostringstream out;
  std::ostringstream err;
  const auto program = [](std::vector<std::string> words) {
    output_options output;
    return run_program(std::move(words), output);
  };
  const int status = run_tour_command({.which = GetParam().which, .kernel = GetParam().kernel},
                                      program, nobody, out, err);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(err.str(), "");
  if (HasFailure()) ADD_FAILURE() << out.str();
}

std::string name_of(const testing::TestParamInfo<shown_tour>& info) {
  std::string name = fs::path(info.param.which).stem().string() + "_on_" + info.param.kernel;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return "tour_" + name;
}
INSTANTIATE_TEST_SUITE_P(all, every_tour, testing::ValuesIn(all_tours()), name_of);

TEST(tours_of_the_program, are_of_kernels_that_are_there) {
  EXPECT_EQ(tours::tour_texts().size(), 11u);
  for (size_t number = 1; number <= tours::tour_texts().size(); ++number) {
    const auto each = tours::tour_of_number(number);
    ASSERT_TRUE(each.ok()) << each.status();
    for (const std::string& kernel : each->kernels) {
      EXPECT_NE(find_kernel_profile(kernel), nullptr) << each->source;
    }
  }
}

// A terminal of 80 columns shows a tour as it was written.
TEST(tours_of_the_program, have_lines_that_fit) {
  for (size_t number = 1; number <= tours::tour_texts().size(); ++number) {
    const auto each = tours::tour_of_number(number);
    ASSERT_TRUE(each.ok()) << each.status();
    EXPECT_GE(each->stops.size(), 8u) << each->source;
    EXPECT_LE(each->summary.size(), 74u) << each->source;
    for (const tours::stop& stop : each->stops) {
      for (const tours::item& item : stop.items) {
        if (item.kind == tours::item_kind::step || item.kind == tours::item_kind::program) continue;
        std::istringstream lines(item.text);
        for (std::string line; std::getline(lines, line);) {
          EXPECT_LE(line.size(), 80u) << each->source << ": " << line;
        }
      }
    }
  }
}

}  // namespace
}  // namespace iommulab::shown_tours_test
