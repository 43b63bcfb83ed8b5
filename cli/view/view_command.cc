// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/view_command.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/output/complain.h"
#include "cli/output/write_file.h"
#include "cli/tours/kernel_words.h"
#include "cli/tours/program_stage.h"
#include "cli/tours/tour_choice.h"
#include "cli/tours/tour_folder.h"
#include "cli/tours/transcript.h"
#include "cli/view/alignment.h"
#include "cli/view/page.h"
#include "cli/view/run_record.h"
#include "cli/view/tours_of_run.h"
#include "core/number.h"

namespace iommulab {
namespace {

absl::StatusOr<std::vector<view::page_part>> parts_for(const view_arguments& a) {
  if (a.page_parts.empty()) return view::built_in_parts();
  return view::parts_in(a.page_parts);
}

/// What the page is of.
struct view_subject {
  run_choice run;
  std::unique_ptr<tours::tour_folder> folder;  ///< of a tour with files: the process is in it
  std::optional<tours::tour> tour;
  std::string kernel;  ///< of the tour
};

absl::StatusOr<view_subject> subject_of(const view_arguments& a) {
  view_subject subject;
  subject.run = a.run;
  if (a.tour.empty()) return subject;
  auto tour = tours::tour_named(a.tour);
  if (!tour.ok()) return tour.status();
  const auto kernel = tours::kernel_for(*tour, a.run.kernels.empty() ? "" : a.run.kernels.front());
  if (!kernel.ok()) return kernel.status();
  subject.kernel = std::string((*kernel)->name());
  if (!tour->files.empty()) {
    auto folder = tours::tour_folder::make(tour->files);
    if (!folder.ok()) return folder.status();
    subject.folder = *std::move(folder);
  }
  const std::string line =
      tours::main_run_of(*tour, subject.kernel, tours::kernel_words(subject.kernel));
  if (line.empty()) {
    return refuse(
        absl::StrFormat("tour %s goes through no run: it has nothing for a page", a.tour));
  }
  const auto run = tours::choice_of(line);
  if (!run.ok()) return run.status();
  subject.run = *run;
  subject.tour = *std::move(tour);
  return subject;
}

json tours_in_page(const view_subject& of, const view_arguments& a, const program_runner& program) {
  if (!of.tour) return view::tours_of_run(of.run, program);
  const size_t number = parse_number(a.tour).value_or(1);
  return json::array({view::tour_for_page(*of.tour, number, of.run, of.kernel,
                                          tours::kernel_words(of.kernel), program)});
}

/// The records of the page, one or two; of two the first says which events are the same.
absl::StatusOr<std::vector<view::run_record>> records_of(const view_subject& subject,
                                                         const view_arguments& a,
                                                         const program_runner& program) {
  if (a.diff) {
    if (absl::Status status = check_two_runs(subject.run); !status.ok()) return status;
  }
  std::vector<view::run_record> records;
  for (size_t which = 0; which < (a.diff ? 2 : 1); ++which) {
    const auto run = chosen_run(a.diff ? side_of(subject.run, which) : subject.run);
    if (!run.ok()) return run.status();
    auto record = view::record_for_page(**run);
    if (!record.ok()) return record.status();
    records.push_back(*std::move(record));
  }
  if (a.diff) {
    records[0].head["alignment"] = view::alignment_of(records[0].steps, records[1].steps);
  } else {
    records[0].head["tours"] = tours_in_page(subject, a, program);
  }
  return records;
}

/// Writes the page; the sentence with which a run ended badly, or nothing.
absl::StatusOr<std::string> make_page(const view_arguments& a, const program_runner& program,
                                      std::ostream& out) {
  const auto parts = parts_for(a);
  if (!parts.ok()) return parts.status();
  if (absl::Status status = check_writable(a.output); !status.ok()) return status;
  const std::string output = std::filesystem::absolute(a.output).string();
  const auto subject = subject_of(a);
  if (!subject.ok()) return subject.status();
  const auto records = records_of(*subject, a, program);
  if (!records.ok()) return records.status();
  const auto page = view::page_of(*parts, *records);
  if (!page.ok()) return page.status();
  if (absl::Status status = write_file(output, *page); !status.ok()) return status;
  std::string bad;
  for (const view::run_record& record : *records) {
    out << absl::StrFormat("%s: %s, %d events\n", a.output, record.head["title"].get<std::string>(),
                           record.head["events"].get<size_t>());
    if (!record.head["ended"].is_null()) bad = record.head["ended"].get<std::string>();
  }
  out << absl::StrFormat("%s: %d bytes\n", a.output, page->size());
  return bad;
}

}  // namespace

int run_view_command(const view_arguments& a, const program_runner& program, std::ostream& out,
                     std::ostream& err) {
  const auto ended = make_page(a, program, out);
  if (!ended.ok()) return complain(err, ended.status());
  if (ended->empty()) return static_cast<int>(exit_code::good);
  return complain(err, *ended, exit_code::finding);
}

void add_view_command(CLI::App& app, int& exit_status, program_runner program) {
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
    if (one.get_name() != "tour") {
      one.add_flag("--diff", a->diff,
                   "Two runs beside each other: --machine, --kernel, --dmar or --cmdline is given "
                   "twice")
          ->group(group);
    }
    one.add_option("--page-parts", a->page_parts,
                   "Take the page's modules from this folder, not those that the program was built "
                   "with (for who works on them)")
        ->type_name("DIR")
        ->group(group);
    one.footer("Exit status: 0 good; 1 the kernel stopped in this run; 2 bad use or input.");
  };
  const auto run = [a, &exit_status, program = std::move(program)] {
    exit_status = run_view_command(*a, program, std::cout, std::cerr);
  };
  add_run_choices(*command, a->run, more, run);
  CLI::App* const tour = command->add_subcommand(
      "tour",
      "A tour with its own run (see `iommulab tour`); a page of another run has the tours that go "
      "through the same run");
  tour->add_option("TOUR|FILE", a->tour, "The tour's number, or a file with one")->required();
  add_kernel_option(*tour, a->run.kernels)->expected(1);
  more(*tour);
  tour->callback(run);
}

}  // namespace iommulab
