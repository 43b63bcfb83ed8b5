// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's own code and ours in one run, in turns; or any other two allocators.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "absl/strings/str_format.h"
#include "bench/iova/ratio.h"
#include "bench/support/kept_memory.h"
#include "bench/support/program.h"
#include "iova/trace/versions.h"

namespace iommulab {
namespace {

struct pairing {
  const bench_case* baseline;
  const bench_case* contender;
};

/// "6.12", "kernel_6.12" … as the cases call it.
std::string allocator_name(const std::string& given) {
  constexpr std::string_view kernel = "kernel_";
  const bool is_kernel = given.starts_with(kernel);
  const iova_trace_version* version =
      find_iova_trace_version(is_kernel ? given.substr(kernel.size()) : given);
  if (version == nullptr) return given;
  return (is_kernel ? std::string(kernel) : "") + std::string(version->name);
}

bool has_allocator(const std::vector<bench_case>& cases, const std::string& name) {
  return std::any_of(cases.begin(), cases.end(),
                     [&](const bench_case& c) { return c.allocator == name; });
}

/// Every pattern that both have.
void pair_up(const std::vector<bench_case>& cases, const std::string& baseline,
             const std::string& contender, std::vector<pairing>& pairings) {
  for (const bench_case& a : cases) {
    if (a.allocator != baseline) continue;
    for (const bench_case& b : cases) {
      if (b.allocator == contender && b.pattern == a.pattern) pairings.push_back({&a, &b});
    }
  }
}

/// True: both answer the first operations of the pattern alike.
bool check(const pairing& p) {
  constexpr uint64_t batches = 20;
  const uint64_t operations = batches * p.baseline->batch;
  const auto a = answers(p.baseline->allocator, p.baseline->pattern, operations);
  const auto b = answers(p.contender->allocator, p.contender->pattern, operations);
  const std::string names = absl::StrFormat("%s  %s, %s", p.baseline->pattern,
                                            p.baseline->allocator, p.contender->allocator);
  if (!a.ok() || !b.ok()) {
    std::cout << names << ": " << (a.ok() ? b : a).status().message() << '\n';
    return false;
  }
  const auto [in_a, in_b] = std::mismatch(a->begin(), a->end(), b->begin(), b->end());
  if (in_a == a->end() && in_b == b->end()) {
    std::cout << names << ": " << a->size() << " answers are equal" << std::endl;
    return true;
  }
  const auto word = [](auto at, const auto& all) {
    return at == all.end() ? std::string("nothing") : absl::StrFormat("%#x", *at);
  };
  std::cout << names << ": answer " << in_a - a->begin() << " is " << word(in_a, *a) << ", "
            << word(in_b, *b) << '\n';
  return false;
}

nlohmann::json as_json(const ratio_result& r) {
  return {{"name", r.pattern},
          {"baseline", r.baseline},
          {"contender", r.contender},
          {"baseline_ns", r.baseline_ns},
          {"contender_ns", r.contender_ns},
          {"ratio", r.ratio},
          {"ratio_lower_quartile", r.lower_quartile},
          {"ratio_upper_quartile", r.upper_quartile},
          {"equal_answers", r.equal_answers}};
}

void print_row(const ratio_result& r, bool one_thread) {
  std::cout << absl::StrFormat("%-24s %-12s %10.1f  %-14s %10.1f  %6.3f  %6.3f..%-6.3f %s\n",
                               r.pattern, r.baseline, r.baseline_ns, r.contender, r.contender_ns,
                               r.ratio, r.lower_quartile, r.upper_quartile,
                               !one_thread       ? "-"
                               : r.equal_answers ? "equal"
                                                 : "differ")
            << std::flush;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Times two allocators in turns, pattern by pattern, and prints the median time an operation\n"
      "of each and the median of the ratios contender / baseline. Without --baseline: the "
      "kernels'\n"
      "own code against v6_1 and v6_12.",
      "bench_iova_ratio"};
  std::string filter, baseline, contender;
  turn_options options;
  bool json = false, check_only = false, list = false;
  app.add_option("--filter", filter, "only patterns that this regular expression matches");
  auto* base = app.add_option("--baseline", baseline, "allocator that is 1.0");
  app.add_option("--contender", contender, "allocator held against it")->needs(base);
  app.add_option("--repetitions", options.rounds, "turns of each")->check(CLI::Range(1, 10000));
  app.add_option("--milliseconds", options.milliseconds_a_turn, "length of a turn")
      ->check(CLI::Range(0.01, 10000.0));
  app.add_flag("--json", json, "as JSON");
  app.add_flag("--list", list, "print allocators and patterns");
  app.add_flag("--check", check_only, "time nothing: both must give out the same frames");
  if (const std::optional<int> status = parse(app, argc, argv); status.has_value()) return *status;

  const auto cases = bench_cases();
  if (list) {
    for (const bench_case& c : cases) std::cout << c.name() << '\n';
    return 0;
  }
  std::vector<pairing> pairings;
  if (baseline.empty()) {
    pair_up(cases, "kernel_v6_1", "v6_1", pairings);
    pair_up(cases, "kernel_v6_12", "v6_12", pairings);
    if (pairings.empty()) {
      std::cerr << "no kernel code in this build: see bench/README.md, or name --baseline and "
                   "--contender\n";
      return bad_use;
    }
  } else {
    for (std::string* name : {&baseline, &contender}) *name = allocator_name(*name);
    for (const std::string& name : {baseline, contender}) {
      if (!has_allocator(cases, name)) {
        std::cerr << "no allocator \"" << name << "\" (--list names them)\n";
        return bad_use;
      }
    }
    pair_up(cases, baseline, contender, pairings);
  }
  const std::optional<std::regex> wanted = filter_of(app, "--filter", filter);
  if (!wanted) return bad_use;
  std::erase_if(pairings,
                [&](const pairing& p) { return !std::regex_search(p.baseline->pattern, *wanted); });
  if (pairings.empty()) {
    std::cerr << "no pattern matches \"" << filter << "\" (--list names them)\n";
    return bad_use;
  }

  if (check_only) {
    bool equal = true;
    for (const pairing& p : pairings) equal &= check(p);
    return equal ? 0 : finding;
  }
  nlohmann::json rows = nlohmann::json::array();
  if (!json) {
    std::cout << absl::StrFormat("%-24s %-12s %10s  %-14s %10s  %6s  %-14s %s\n", "pattern",
                                 "baseline", "ns", "contender", "ns", "ratio", "quartiles",
                                 "answers");
  }
  for (const pairing& p : pairings) {
    const auto result = compare(*p.baseline, *p.contender, options);
    if (!result.ok()) {
      if (json) {
        rows.push_back({{"name", p.baseline->pattern}, {"error", result.status().message()}});
      } else {
        std::cout << absl::StrFormat("%-24s not run: %s\n", p.baseline->pattern,
                                     result.status().message());
      }
      continue;
    }
    if (json) {
      rows.push_back(as_json(*result));
    } else {
      print_row(*result, p.baseline->threads == 1);
    }
  }
  if (json) std::cout << nlohmann::json{{"benchmarks", rows}}.dump(2) << '\n';
  return 0;
}

}  // namespace
}  // namespace iommulab

int main(int argc, char** argv) {
  iommulab::keep_freed_memory();
  return iommulab::run_program("bench_iova_ratio", [&] { return iommulab::run(argc, argv); });
}
