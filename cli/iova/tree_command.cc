// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/tree_command.h"

#include <cerrno>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "cli/iova/choice.h"
#include "cli/iova/operation_list.h"
#include "cli/iova/replay_json.h"
#include "cli/iova/space_picture.h"
#include "cli/output/complain.h"
#include "cli/output/number_option.h"
#include "iova/linux/linux_domain.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/trace_reader.h"
#include "iova/workload/runner.h"

namespace iommulab {
namespace {

constexpr std::string_view default_allocator = "v6_12";

/// A space, and how it came to be.
struct view {
  std::string heading;
  std::string allocator;
  uint64_t done = 0;  // operations, or lines of the trace
  space_picture picture;
  std::optional<iova_difference> difference;
};

std::string view_text(const view& seen, uint64_t rows) {
  std::string text = seen.heading + '\n' + space_picture_text(seen.picture, rows);
  if (seen.difference) text += "differs at " + iova_difference_text(*seen.difference);
  return text;
}

std::string view_json(const iova_tree_arguments& a, const view& seen) {
  json document = json_document("iova_tree", {{"allocator", seen.allocator}});
  document[a.trace.empty() ? "operations" : "line"] = seen.done;
  document["granule"] = hex(seen.picture.space.granule);
  document["start_pfn"] = hex(seen.picture.space.start_pfn);
  document["last_32bit_pfn"] = hex(seen.picture.space.last_32bit_pfn);
  document["state"] = seen.picture.state;
  document["ranges"] = ranges_json(seen.picture.ranges);
  if (seen.difference) document["difference"] = difference_json(*seen.difference);
  return json_text(document);
}

absl::Status check(const iova_tree_arguments& a) {
  const int given = !a.trace.empty() + !a.workload.empty() + !a.operations.empty();
  if (given != 1) {
    return errno_status(EINVAL, "give one of --recording, --workload and --operations");
  }
  return absl::OkStatus();
}

/// An allocator of any origin, and its cached nodes if it is a kernel's.
struct chosen_allocator {
  std::string_view name;
  std::unique_ptr<iova_allocator> allocator;
  const linux_iova_domain* domain = nullptr;  // the same, when it is one

  [[nodiscard]] std::string state() const { return domain == nullptr ? "" : domain->state(); }
};

absl::StatusOr<chosen_allocator> make_allocator(std::string_view name, const iova_setup& setup) {
  const auto entry = choose_iova_allocator(name);
  if (!entry.ok()) return entry.status();
  chosen_allocator made;
  made.name = (*entry)->name;
  if (find_iova_trace_version((*entry)->name) != nullptr) {
    auto domain = make_linux_iova_domain((*entry)->name, setup);
    made.domain = domain.get();
    made.allocator = std::move(domain);
  } else {
    made.allocator = (*entry)->make(setup);
  }
  if (made.allocator == nullptr) {
    return errno_status(ENOMEM, absl::StrFormat("no memory for %s", name));
  }
  return made;
}

space_picture picture_of(const chosen_allocator& made, const iova_space& space) {
  return {space, made.allocator->ranges(), made.state()};
}

absl::StatusOr<view> after_trace(const iova_tree_arguments& a) {
  auto trace = read_iova_trace(a.trace);
  if (!trace.ok()) return trace.status();
  const auto version = version_of_trace(*trace, a.allocator, "--allocator");
  if (!version.ok()) return version.status();
  while (a.until && !trace->steps.empty() && trace->steps.back().line > *a.until) {
    trace->steps.pop_back();
  }
  if (trace->steps.empty()) {
    return errno_status(EINVAL, absl::StrFormat("%s: --last is \"%d\": no operation before it",
                                                a.trace, a.until.value_or(0)));
  }
  iova_space space;
  for (const iova_trace_step& step : trace->steps) {
    if (step.what != iova_trace_op::init || step.domain != trace->steps.back().domain) continue;
    space = {step.arguments[0], step.arguments[1],
             step.arguments[2] - ((*version)->dma32_is_behind ? 1 : 0)};
  }
  space_picture picture;
  const auto replay = play_on_linux(
      *trace, **version, [&] { return make_linux_iova_domain((*version)->name, {}); },
      [&](const linux_iova_domain& domain) {
        picture = {space, domain.ranges(), domain.state()};
      });
  if (!replay.ok()) return replay.status();
  const uint32_t line = replay->difference ? replay->difference->line : trace->steps.back().line;
  return view{absl::StrFormat("%s after line %d of %s", (*version)->name, line, trace->name),
              std::string((*version)->name), line, std::move(picture), replay->difference};
}

absl::StatusOr<view> after_workload(const iova_tree_arguments& a, std::string_view allocator) {
  const auto workload = make_iova_workload(a.workload);
  if (!workload.ok()) return workload.status();
  const auto made = make_allocator(allocator, {workload->space, workload->cpus});
  if (!made.ok()) return made.status();
  no_observer nobody;
  iova_runner<iova_allocator, no_observer> runner(*made->allocator, *workload, nobody);
  if (!runner.reserve(workload->reserved)) {
    return errno_status(ENOMEM, absl::StrFormat("no memory for %s", allocator));
  }
  uint64_t done = 0;
  for (const auto* part : {&workload->setup, &workload->operations}) {
    for (const iova_operation& operation : *part) {
      if (a.until && done == *a.until) break;
      ++done;
      runner.step(operation);
    }
  }
  return view{absl::StrFormat("%s after %d operations of %s", made->name, done, workload->name),
              std::string(made->name), done, picture_of(*made, workload->space), std::nullopt};
}

absl::StatusOr<view> after_list(const iova_tree_arguments& a, std::string_view allocator) {
  const auto operations = parse_operation_list(a.operations);
  if (!operations.ok()) return operations.status();
  const iova_space space;
  const auto made = make_allocator(allocator, {space});
  if (!made.ok()) return made.status();
  iova_workload slots;
  slots.slots = static_cast<uint32_t>(operations->size());
  no_observer nobody;
  iova_runner<iova_allocator, no_observer> runner(*made->allocator, slots, nobody);
  uint64_t done = 0;
  for (const auto& [reserve, operation] : *operations) {
    if (a.until && done == *a.until) break;
    ++done;
    if (reserve) {
      made->allocator->reserve(operation.limit_pfn, operation.limit_pfn + operation.size - 1);
    } else {
      runner.step(operation);
    }
  }
  std::string text = absl::StrFormat("%s after %d operations", made->name, done);
  if (runner.counts().failures != 0) {
    absl::StrAppendFormat(&text, ", of which %d got nothing", runner.counts().failures);
  }
  return view{std::move(text), std::string(made->name), done, picture_of(*made, space),
              std::nullopt};
}

}  // namespace

int run_iova_tree(const iova_tree_arguments& arguments, std::ostream& out, std::ostream& err) {
  if (const absl::Status status = check(arguments); !status.ok()) return complain(err, status);
  const std::string_view allocator =
      arguments.allocator.empty() ? default_allocator : arguments.allocator;
  const absl::StatusOr<view> seen = !arguments.trace.empty() ? after_trace(arguments)
                                    : !arguments.workload.empty()
                                        ? after_workload(arguments, allocator)
                                        : after_list(arguments, allocator);
  if (!seen.ok()) return complain(err, seen.status());
  out << (arguments.json ? view_json(arguments, *seen) : view_text(*seen, arguments.rows));
  return static_cast<int>(seen->difference ? exit_code::finding : exit_code::good);
}

void add_iova_tree_command(CLI::App& iova, int& exit_status) {
  const auto a = std::make_shared<iova_tree_arguments>();
  CLI::App* const command =
      iova.add_subcommand("tree", "Draw a space with its gaps and cached nodes, highest first");
  command->add_option("--recording", a->trace, "Of a trace file, plain or packed (.xz, .gz)")
      ->type_name("FILE");
  command->add_option("--workload", a->workload, "Of a workload, see `iommulab iova list`")
      ->type_name("NAME");
  command
      ->add_option("--operations", a->operations,
                   "Of these: \"reserve LO HI; alloc SIZE [LIMIT]; free N\", N the number of an "
                   "alloc from 0 on")
      ->type_name("LIST");
  command
      ->add_option("--allocator", a->allocator,
                   "Default: what the trace was recorded from (a trace takes kernels only), or "
                   "v6_12")
      ->type_name("NAME");
  add_whole_number(*command, "--last", a->until,
                   "Last line of the trace, or how many operations to do; default: all")
      ->type_name("LINE");
  add_whole_number(*command, "--rows", a->rows, "Ranges and gaps to draw; default 40");
  command->add_flag("--json", a->json, "Print one JSON document, with every range");
  // As they were called before, and are something else in other commands: taken, not shown.
  command->add_option("--trace", a->trace)->group("");
  add_whole_number(*command, "--until", a->until, "")->group("");
  command->footer(
      "Bars grow with every doubling: # in use, . free. Exit status: 0 good; 1 the trace differs; "
      "2 bad use or input.");
  command->callback([a, &exit_status] { exit_status = run_iova_tree(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
