// SPDX-License-Identifier: GPL-2.0-only
//
// One table: what mapping and unmapping costs in each generation, and in the kernel's own code
// where the build has it; below, walks of first-level tables against those of second-level ones.
// All figures of a row are of turns that follow one another. See README.md.
#include <iostream>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "bench/dma/kernel_subject.h"
#include "bench/dma/system_subject.h"
#include "bench/dma/walk_subject.h"
#include "bench/support/kept_memory.h"
#include "bench/support/program.h"
#include "bench/support/turns.h"
#include "kernel/catalogue.h"

namespace iommulab {
namespace {

/// What stands beside one another in a row. `own_code` is that of a kernel itself.
struct column {
  std::string name;
  const kernel_profile* profile;
  bool own_code;
};

std::vector<column> columns(const std::regex& wanted) {
  std::vector<column> all;
  for (const kernel_profile* profile : kernel_profiles()) {
    all.push_back({std::string(profile->name()), profile, false});
  }
  for (const kernel_profile* profile : kernel_profiles()) {
    if (has_kernel_code(profile->name())) {
      all.push_back({absl::StrFormat("kernel_%s", profile->name()), profile, true});
    }
  }
  std::erase_if(all, [&](const column& one) { return !std::regex_search(one.name, wanted); });
  return all;
}

/// The column of the port of this column's kernel; as many as there are when it is left out.
size_t port_of(const std::vector<column>& all, const column& own_code) {
  size_t i = 0;
  while (i < all.size() && (all[i].profile != own_code.profile || all[i].own_code)) ++i;
  return i;
}

std::string quartile_text(const quartiles& q) {
  return absl::StrFormat("%6.3f  %5.3f..%-5.3f", q.median, q.lower, q.upper);
}

/// The nanoseconds of each, and of all but the first their ratio to the first.
std::string times_text(const turn_times& times, size_t subjects) {
  std::string text = absl::StrFormat("%11.1f", times.ns(0).median);
  for (size_t i = 1; i < subjects; ++i) {
    absl::StrAppendFormat(&text, "  %11.1f %6.3f", times.ns(i).median, times.ratio(i, 0).median);
  }
  return text;
}

/// Not faster than the other, by so much that it is not chance: not even the lower quartile is 1.
bool is_slower(const quartiles& ratio) {
  return ratio.lower > 1;
}

class table {
 public:
  table(const turn_options& options, const std::regex& filter)
      : options_(options), filter_(filter) {}

  /// How many rows there were, and how many in which somebody was slower than who it may not be.
  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] int slower() const { return slower_; }

  void print_generations(const std::vector<column>& all) {
    if (all.empty()) return;
    for (const dma_case& c : dma_cases()) {
      if (!std::regex_search(c.name, filter_)) continue;
      if (rows_++ == 0) print_heads(all);
      print_row(all, c);
    }
  }

  void print_walks() {
    int walks = 0;
    for (const walk_case& c : walk_cases()) {
      if (!std::regex_search(c.name, filter_)) continue;
      ++rows_;
      if (walks++ == 0) {
        std::cout << absl::StrFormat("\n%-14s %11s  %11s  %6s  %s\n", "", "second ns", "first ns",
                                     "ratio", "quartiles");
      }
      std::vector<std::unique_ptr<subject>> subjects;
      for (const auto tables : {walked_tables::second_level, walked_tables::first_level}) {
        subjects.push_back(make_walk_subject(c, tables));
      }
      const turn_times times = take_turns(subjects, options_);
      const quartiles ratio = times.ratio(1, 0);
      slower_ += is_slower(ratio) ? 1 : 0;
      std::cout << absl::StrFormat("%-14s %11.1f  %11.1f  %s%s\n", c.name, times.ns(0).median,
                                   times.ns(1).median, quartile_text(ratio),
                                   is_slower(ratio) ? "  slower" : "")
                << std::flush;
    }
  }

 private:
  static void print_heads(const std::vector<column>& all) {
    std::cout << absl::StrFormat("%-14s", "");
    for (size_t i = 0; i < all.size(); ++i) {
      std::cout << (i == 0 ? absl::StrFormat(" %11s", all[i].name)
                           : absl::StrFormat("  %11s %6s", all[i].name, "ratio"));
    }
    for (const column& one : all) {
      if (one.own_code && port_of(all, one) < all.size()) {
        std::cout << absl::StrFormat("   %s : %s", all[port_of(all, one)].name, one.name);
      }
    }
    std::cout << '\n';
  }

  void print_row(const std::vector<column>& all, const dma_case& c) {
    std::vector<std::unique_ptr<subject>> subjects;
    for (const column& one : all) {
      auto made = one.own_code ? make_kernel_subject(one.profile->name(), c)
                               : make_system_subject(*one.profile, c);
      if (!made.ok()) {
        std::cout << absl::StrFormat("%-14s not run: %s\n", c.name, made.status().message());
        return;
      }
      subjects.push_back(*std::move(made));
    }
    const turn_times times = take_turns(subjects, options_);
    std::cout << absl::StrFormat("%-14s ", c.name) << times_text(times, all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      const size_t port = port_of(all, all[i]);
      if (!all[i].own_code || port == all.size()) continue;
      const quartiles ratio = times.ratio(port, i);
      slower_ += is_slower(ratio) ? 1 : 0;
      std::cout << "  " << quartile_text(ratio) << (is_slower(ratio) ? "  slower" : "");
      if (subjects[i]->checksum() != subjects[port]->checksum()) {
        std::cout << "  answers differ";
      }
    }
    std::cout << std::endl;
  }

  turn_options options_;
  const std::regex& filter_;
  int rows_ = 0;
  int slower_ = 0;
};

int run(int argc, char** argv) {
  CLI::App app{
      "Times mapping and unmapping in every generation, in turns, and prints nanoseconds and\n"
      "ratios. Status 1 with --fail-when-slower when a port is slower than its kernel's own code,\n"
      "or walks of first-level tables than those of second-level ones.",
      "bench_generations"};
  std::string filter;
  std::string kernels;
  turn_options options;
  bool fail_when_slower = false;
  app.add_option("--filter", filter, "only rows that this regular expression matches");
  app.add_option("--kernels", kernels, "only columns that this regular expression matches");
  app.add_option("--rounds", options.rounds, "turns of each")->check(CLI::Range(1, 10000));
  app.add_option("--milliseconds", options.milliseconds_a_turn, "length of a turn")
      ->check(CLI::Range(0.01, 10000.0));
  app.add_flag("--fail-when-slower", fail_when_slower, "status 1 then");
  if (const std::optional<int> status = parse(app, argc, argv); status.has_value()) return *status;
  const std::optional<std::regex> rows = filter_of(app, "--filter", filter);
  if (!rows) return bad_use;
  const std::optional<std::regex> wanted_columns = filter_of(app, "--kernels", kernels);
  if (!wanted_columns) return bad_use;
  table t(options, *rows);
  t.print_generations(columns(*wanted_columns));
  t.print_walks();
  if (t.rows() == 0) {
    std::cerr << "bench_generations: no row matches \"" << filter << "\"\n";
    return bad_use;
  }
  return fail_when_slower && t.slower() != 0 ? finding : 0;
}

}  // namespace
}  // namespace iommulab

int main(int argc, char** argv) {
  iommulab::keep_freed_memory();
  return iommulab::run_program("bench_generations", [&] { return iommulab::run(argc, argv); });
}
