// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/tour_command.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/output/complain.h"
#include "cli/output/number_option.h"
#include "cli/tours/catalogue.h"
#include "cli/tours/kernel_words.h"
#include "cli/tours/player.h"
#include "cli/tours/program_stage.h"
#include "cli/tours/tour_choice.h"
#include "cli/tours/tour_folder.h"

namespace iommulab {
namespace {

using tours::audience;
using tours::tour;

int list_tours(std::ostream& out, std::ostream& err) {
  std::string text;
  for (size_t number = 1; number <= tours::tour_texts().size(); ++number) {
    const auto each = tours::tour_of_number(number);
    if (!each.ok()) return complain(err, each.status());
    absl::StrAppendFormat(&text, "%2d  %s (%d stops)\n      %s\n", number, each->title,
                          each->stops.size(), each->summary);
  }
  out << text << "\n`iommulab tour 1` goes through the first one.\n";
  return static_cast<int>(exit_code::good);
}

int play_tour(const tour& what, const tour_arguments& arguments, const program_runner& program,
              audience& to, std::ostream& out, std::ostream& err) {
  const auto kernel = tours::kernel_for(what, arguments.kernel);
  if (!kernel.ok()) return complain(err, kernel.status());
  if (arguments.from < 1 || arguments.from > what.stops.size()) {
    return complain(err, absl::StrFormat("--from is %d: the tour has stops 1 to %d", arguments.from,
                                         what.stops.size()));
  }
  std::unique_ptr<tours::tour_folder> folder;
  if (!what.files.empty()) {
    auto made = tours::tour_folder::make(what.files);
    if (!made.ok()) return complain(err, made.status());
    folder = *std::move(made);
  }
  tours::play_request request;
  request.kernel = std::string((*kernel)->name());
  request.extra_words = tours::kernel_words(request.kernel);
  request.from = arguments.from;
  request.whole_output = arguments.full;
  out << absl::StrFormat("%s\nLinux %s (%s)%s\n", what.title, (*kernel)->release(),
                         (*kernel)->name(),
                         arguments.full ? "" : "; long outputs are cut to what matters: --full");
  const tours::play_result played =
      tours::player(
          what, std::move(request), [&] { return tours::make_program_stage(program); }, to, out)
          .play();
  out << std::flush;
  for (const std::string& fault : played.faults) complain(err, fault);
  return static_cast<int>(played.faults.empty() ? exit_code::good : exit_code::finding);
}

}  // namespace

int run_tour_command(const tour_arguments& arguments, const program_runner& program, audience& to,
                     std::ostream& out, std::ostream& err) {
  if (arguments.which.empty()) return list_tours(out, err);
  const auto what = tours::tour_named(arguments.which);
  if (!what.ok()) return complain(err, what.status());
  if (!arguments.files.empty()) {
    const absl::Status written = tours::write_tour_files(what->files, arguments.files);
    return written.ok() ? static_cast<int>(exit_code::good) : complain(err, written);
  }
  return play_tour(*what, arguments, program, to, out, err);
}

void add_tour_command(CLI::App& app, int& exit_status, program_runner program) {
  const auto a = std::make_shared<tour_arguments>();
  CLI::App* const command = app.add_subcommand(
      "tour", "Go through a part of the driver step by step, with questions and answers");
  command->add_option("TOUR|FILE", a->which,
                      "A tour's number, or a file with one (cli/tours/README.md); without, the "
                      "tours are listed");
  command
      ->add_option(
          "--kernel", a->kernel,
          "The kernel (see `iommulab kernels`), one that the tour is of; default its first")
      ->type_name("NAME");
  add_whole_number(*command, "--from", a->from, "The stop to begin with; default 1");
  command->add_flag("--no-pause", a->no_pause,
                    "Do not wait for Enter; also when no terminal is there to wait at");
  command->add_flag("--full", a->full, "Show the whole output of each command");
  command->add_option("--files", a->files, "Write the files of the tour's commands to this folder")
      ->type_name("DIR");
  command->footer(
      "Enter goes on, q leaves, anything else is a command of the stepper, where the tour is. Exit "
      "status: 0 good; 1 something is not as the tour says; 2 bad use or input.");
  command->callback([a, &exit_status, program = std::move(program)] {
    const bool waits = !a->no_pause && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
    tours::typing_audience typing(std::cin, std::cout);
    tours::no_audience nobody;
    tours::audience& to = waits ? static_cast<tours::audience&>(typing) : nobody;
    exit_status = run_tour_command(*a, program, to, std::cout, std::cerr);
  });
}

}  // namespace iommulab
