// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/bench_compare.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_format.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "core/enum_names.h"
#include "core/text_source.h"

namespace iommulab {
namespace {

constexpr std::string_view bench_schema = "iommulab.iova_bench";
constexpr int bench_version = 1;
/// A hundred times what --repeat takes.
constexpr size_t most_samples = 100000;

std::string key(const benched_row& row) {
  return absl::StrFormat("%s on %s", row.workload, row.allocator);
}

/// Reads members and keeps the first complaint.
class run_reader {
 public:
  explicit run_reader(std::string file) { run_.file = std::move(file); }

  absl::StatusOr<benched_run> read(const json& document) && {
    if (!document.is_object()) return no("document", "no JSON object");
    if (document.value("schema", json()) != std::string(bench_schema)) {
      return no("schema", absl::StrFormat("not %s: no output of `iova bench --json`",
                                          std::string(bench_schema)));
    }
    if (document.value("version", json()) != bench_version) {
      return no("version", absl::StrFormat("not %d: of another program version", bench_version));
    }
    read_head(document);
    const json results = document.value("results", json());
    if (!results.is_array()) return no("results", "no list");
    for (size_t i = 0; i < results.size(); ++i) {
      absl::Status status = read_row(results[i], absl::StrFormat("results[%d]", i));
      if (!status.ok()) return status;
    }
    return std::move(run_);
  }

 private:
  absl::Status no(std::string_view member, std::string_view why) const {
    return refuse(absl::StrFormat("%s: %s: %s", run_.file, member, why));
  }

  static std::string text(const json& of, const char* member) {
    const json value = of.is_object() ? of.value(member, json()) : json();
    return value.is_string() ? value.get<std::string>() : "";
  }

  void read_head(const json& document) {
    run_.program = text(document, "program");
    const json build = document.value("build", json());
    run_.build = text(build, "type") + ": " + text(build, "flags");
    const json machine = document.value("machine", json());
    run_.cpu = text(machine, "cpu");
    const json load = machine.is_object() ? machine.value("load", json()) : json();
    if (load.is_array() && !load.empty() && load[0].is_number()) run_.load = load[0].get<double>();
  }

  absl::Status read_row(const json& from, const std::string& place) {
    if (!from.is_object()) return no(place, "no object");
    benched_row row;
    row.workload = text(from, "workload");
    row.allocator = text(from, "allocator");
    if (row.workload.empty() || row.allocator.empty()) {
      return no(place, "without a workload or an allocator");
    }
    const json samples = from.value("samples_ns", json());
    if (!samples.is_array() || samples.size() > most_samples) {
      return no(place + ".samples_ns", absl::StrFormat("no list of up to %d times", most_samples));
    }
    for (const json& sample : samples) {
      if (!sample.is_number() || !(sample.get<double>() >= 0)) {
        return no(place + ".samples_ns", "a time is no number from 0 on");
      }
      row.samples.push_back(sample.get<double>());
    }
    const json nodes = from.value("nodes_per_operation", json());
    const json failures = from.value("failures", json());
    if (!nodes.is_number() || !failures.is_number_unsigned()) {
      return no(place, "without nodes_per_operation and failures");
    }
    row.nodes = nodes.get<double>();
    row.failures = failures.get<uint64_t>();
    if (!seen_.insert(key(row)).second) {
      return no(place, absl::StrFormat("%s is there twice", key(row)));
    }
    run_.rows.push_back(std::move(row));
    return absl::OkStatus();
  }

  benched_run run_;
  absl::flat_hash_set<std::string> seen_;
};

/// How small p can become with so many samples: all of one list below the other.
double least_p(size_t a, size_t b) {
  std::vector<double> low(a);
  std::vector<double> high(b);
  for (size_t i = 0; i < a; ++i) low[i] = static_cast<double>(i);
  for (size_t i = 0; i < b; ++i) high[i] = static_cast<double>(a + i);
  return mann_whitney(low, high).p;
}

bench_verdict judge(const compared_row& row, size_t a, size_t b, double alpha) {
  if (least_p(a, b) >= alpha) return bench_verdict::undecidable;
  if (row.test.p >= alpha) return bench_verdict::same;
  return row.b.median < row.a.median ? bench_verdict::faster : bench_verdict::slower;
}

compared_row compare_rows(const benched_row& a, const benched_row& b, double alpha) {
  compared_row row;
  row.workload = a.workload;
  row.allocator = a.allocator;
  row.a = quartiles_of(a.samples);
  row.b = quartiles_of(b.samples);
  row.ratio = row.a.median > 0 ? row.b.median / row.a.median : 0;
  row.test = mann_whitney(a.samples, b.samples);
  row.verdict = judge(row, a.samples.size(), b.samples.size(), alpha);
  row.nodes_a = a.nodes;
  row.nodes_b = b.nodes;
  row.failures_a = a.failures;
  row.failures_b = b.failures;
  // Both are written with all their digits.
  row.counts_differ = a.nodes != b.nodes || a.failures != b.failures;
  return row;
}

std::string head(std::string_view letter, const benched_run& run) {
  const std::string load = run.load < 0 ? "not known" : absl::StrFormat("%.2f", run.load);
  return absl::StrFormat("%s: %s\n   %s, %s; %s; load %s\n", letter, run.file, run.program,
                         run.build, run.cpu.empty() ? "CPU not known" : run.cpu, load);
}

std::string spread(const quartiles& q) {
  return absl::StrFormat("%.1f..%.1f", q.lower, q.upper);
}

json run_json(const benched_run& run) {
  return {{"file", run.file},
          {"program", run.program},
          {"build", run.build},
          {"cpu", run.cpu},
          {"load", run.load < 0 ? json(nullptr) : json(run.load)}};
}

}  // namespace

std::string_view name(bench_verdict verdict) {
  static constexpr auto names =
      enum_names<bench_verdict>({{bench_verdict::same, "same"},
                                 {bench_verdict::faster, "faster"},
                                 {bench_verdict::slower, "slower"},
                                 {bench_verdict::undecidable, "undecidable"}});
  return names(verdict);
}

absl::StatusOr<benched_run> read_benched_run(const std::string& file) {
  const absl::StatusOr<text_source> source = read_source(file);
  if (!source.ok()) return source.status();
  const json document = json::parse(source->text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) {
    return refuse(absl::StrFormat("%s: no JSON document, or one that is cut short", source->name));
  }
  return run_reader(source->name).read(document);
}

bool bench_comparison::differs() const {
  return std::any_of(rows.begin(), rows.end(), [](const compared_row& row) {
    return row.counts_differ || row.verdict == bench_verdict::faster ||
           row.verdict == bench_verdict::slower;
  });
}

bench_comparison compare_runs(benched_run a, benched_run b, double alpha) {
  bench_comparison all;
  all.alpha = alpha;
  absl::flat_hash_map<std::string, const benched_row*> of_b;
  for (const benched_row& row : b.rows) of_b.emplace(key(row), &row);
  absl::flat_hash_set<std::string> of_a;
  for (const benched_row& row : a.rows) {
    of_a.insert(key(row));
    const auto at = of_b.find(key(row));
    if (at == of_b.end()) {
      all.only_a.push_back(key(row));
    } else {
      all.rows.push_back(compare_rows(row, *at->second, alpha));
    }
  }
  for (const benched_row& row : b.rows) {
    if (!of_a.contains(key(row))) all.only_b.push_back(key(row));
  }
  a.rows.clear();
  b.rows.clear();
  all.a = std::move(a);
  all.b = std::move(b);
  return all;
}

std::string comparison_to_text(const bench_comparison& comparison) {
  std::string text = head("A", comparison.a) + head("B", comparison.b);
  if (comparison.a.build != comparison.b.build) {
    text += "The builds differ: times differ for that alone.\n";
  }
  if (comparison.a.cpu != comparison.b.cpu) {
    text += "The machines differ: times differ for that alone.\n";
  }
  std::string_view workload;
  for (const compared_row& row : comparison.rows) {
    if (row.workload != workload) {
      absl::StrAppendFormat(&text, "\n%s\n  %-12s %10s %19s %10s %19s %7s %7s\n", row.workload,
                            "allocator", "A ns/op", "quartiles", "B ns/op", "quartiles", "B/A",
                            "p");
      workload = row.workload;
    }
    absl::StrAppendFormat(&text, "  %-12s %10.1f %19s %10.1f %19s %7.3f %7.3g  %s", row.allocator,
                          row.a.median, spread(row.a), row.b.median, spread(row.b), row.ratio,
                          row.test.p, name(row.verdict));
    if (row.counts_differ) {
      absl::StrAppendFormat(&text, "; counts differ: nodes/op %g and %g, failed %d and %d",
                            row.nodes_a, row.nodes_b, row.failures_a, row.failures_b);
    }
    text += '\n';
  }
  for (const std::string& row : comparison.only_a)
    absl::StrAppendFormat(&text, "only in A: %s\n", row);
  for (const std::string& row : comparison.only_b)
    absl::StrAppendFormat(&text, "only in B: %s\n", row);
  absl::StrAppendFormat(
      &text,
      "\np: Mann-Whitney U test, two-sided; below %g the row is called faster or slower, and of\n"
      "%d rows about %.0f come out so by chance. undecidable: too few samples for such a p\n"
      "(--repeat). Two runs on a machine that others use differ: see bench_iova_ratio.\n",
      comparison.alpha, comparison.rows.size(),
      comparison.alpha * static_cast<double>(comparison.rows.size()));
  return text;
}

std::string comparison_to_json(const bench_comparison& comparison) {
  json results = json::array();
  for (const compared_row& row : comparison.rows) {
    results.push_back({{"workload", row.workload},
                       {"allocator", row.allocator},
                       {"a_ns", row.a.median},
                       {"a_lower_quartile", row.a.lower},
                       {"a_upper_quartile", row.a.upper},
                       {"b_ns", row.b.median},
                       {"b_lower_quartile", row.b.lower},
                       {"b_upper_quartile", row.b.upper},
                       {"ratio", row.ratio},
                       {"u", row.test.u},
                       {"p", row.test.p},
                       {"exact", row.test.exact},
                       {"verdict", std::string(name(row.verdict))},
                       {"counts_differ", row.counts_differ},
                       {"a_nodes_per_operation", row.nodes_a},
                       {"b_nodes_per_operation", row.nodes_b},
                       {"a_failures", row.failures_a},
                       {"b_failures", row.failures_b}});
  }
  return json_text(json_document("iova_bench_comparison", {{"alpha", comparison.alpha},
                                                           {"a", run_json(comparison.a)},
                                                           {"b", run_json(comparison.b)},
                                                           {"differs", comparison.differs()},
                                                           {"results", std::move(results)},
                                                           {"only_a", comparison.only_a},
                                                           {"only_b", comparison.only_b}}));
}

}  // namespace iommulab
