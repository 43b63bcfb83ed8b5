// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/view_command.h"

#include <iostream>
#include <memory>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/output/complain.h"
#include "cli/output/write_file.h"
#include "cli/view/page.h"
#include "cli/view/run_record.h"

namespace iommulab {
namespace {

absl::StatusOr<std::vector<view::page_part>> parts_for(const view_arguments& a) {
  if (a.page_parts.empty()) return view::built_in_parts();
  return view::parts_in(a.page_parts);
}

/// Writes the page; the sentence with which the run ended badly, or nothing.
absl::StatusOr<std::string> make_page(const view_arguments& a, std::ostream& out) {
  const auto parts = parts_for(a);
  if (!parts.ok()) return parts.status();
  if (absl::Status status = check_writable(a.output); !status.ok()) return status;
  const auto run = chosen_run(a.run);
  if (!run.ok()) return run.status();
  auto record = view::record_for_page(**run);
  if (!record.ok()) return record.status();
  const size_t events = record->head["events"];
  const json ended = record->head["ended"];
  std::vector<view::run_record> runs;
  runs.push_back(*std::move(record));
  const auto page = view::page_of(*parts, runs);
  if (!page.ok()) return page.status();
  if (absl::Status status = write_file(a.output, *page); !status.ok()) return status;
  out << absl::StrFormat("%s: %s, %d events, %d bytes\n", a.output, (*run)->title(), events,
                         page->size());
  return ended.is_null() ? std::string() : ended.get<std::string>();
}

}  // namespace

int run_view_command(const view_arguments& a, std::ostream& out, std::ostream& err) {
  const auto ended = make_page(a, out);
  if (!ended.ok()) return complain(err, ended.status());
  if (ended->empty()) return static_cast<int>(exit_code::good);
  return complain(err, *ended, exit_code::finding);
}

void add_view_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<view_arguments>();
  CLI::App* const command = app.add_subcommand(
      "view",
      "Write a page in which a run is stepped through, with every structure at every event");
  const auto more = [&a](CLI::App& one) {
    constexpr const char* group = "Page";
    one.add_option("-o,--output", a->output, "The page, one file that any browser opens")
        ->type_name("FILE.html")
        ->required()
        ->group(group);
    one.add_option("--page-parts", a->page_parts,
                   "Take the page's modules from this folder, not those that the program was built "
                   "with (for who works on them)")
        ->type_name("DIR")
        ->group(group);
    one.footer("Exit status: 0 good; 1 the kernel stopped in this run; 2 bad use or input.");
  };
  add_run_choices(*command, a->run, more,
                  [a, &exit_status] { exit_status = run_view_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
