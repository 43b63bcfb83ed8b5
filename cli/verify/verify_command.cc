// SPDX-License-Identifier: GPL-2.0-only
#include "cli/verify/verify_command.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/output/complain.h"
#include "cli/output/progress_line.h"
#include "cli/output/write_file.h"
#include "cli/verify/verify_json.h"
#include "cli/verify/verify_junit.h"
#include "cli/verify/verify_summary.h"
#include "lab/verification/capture_verification.h"

namespace iommulab {
namespace {

/// Of a class's differences, unless --full asks for all.
constexpr size_t lines_shown = 40;

absl::Status check_classes(const std::vector<std::string>& chosen) {
  const auto known = verify::class_words();
  for (const std::string& word : chosen) {
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    return refuse(absl::StrFormat("--class: '%s' is no class; there are %s", word,
                                  absl::StrJoin(names, ", ")));
  }
  return absl::OkStatus();
}

/// Whether the file of --junit could be made, before minutes go by.
absl::Status check_junit(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (access(folder.c_str(), W_OK | X_OK) == 0 && !std::filesystem::is_directory(path)) {
    return absl::OkStatus();
  }
  return refuse(absl::StrFormat("--junit: %s: cannot be written", path));
}

class verify_run {
 public:
  verify_run(const verify_arguments& a, const kernel_profile* kernel, std::ostream& out,
             std::ostream& err)
      : a_(a),
        kernel_(kernel),
        out_(out),
        err_(err),
        progress_(a.progress ? &err : nullptr, a.folders.size()) {}

  int run() {
    for (const std::string& path : a_.folders) take(path);
    progress_.clear();
    if (summary_.all_captures() == 0) return static_cast<int>(exit_code::bad_use);
    if (a_.json) {
      out_ << document_.text(summary_);
    } else if (summary_.all_captures() > summary_.captures(verify::capture_outcome::not_run) ||
               a_.folders.size() > 1) {
      show_summary();
    }
    if (!a_.junit.empty()) {
      const absl::Status written = write_file(a_.junit, junit_.text());
      if (!written.ok()) return complain(err_, written);
    }
    return static_cast<int>(status_);
  }

 private:
  void take(const std::string& path) {
    progress_.next(path);
    if (!verify::looks_like_capture(path)) return pass_over(path);
    auto done = verify::verify_capture(path, kernel_);
    if (!done.ok()) return fail(path, std::string(done.status().message()));
    std::erase_if(done->results, [&](const verify::class_result& result) {
      return !verify::is_of_class(result, a_.classes);
    });
    summary_.add(*done);
    if (!done->passes()) reach(exit_code::finding);
    if (!a_.junit.empty()) junit_.add(*done);
    if (a_.json) {
      document_.add(*done);
    } else {
      show(*done);
    }
  }

  void show(const verify::verification& done) {
    if (a_.quiet && done.passes()) return;
    const verify::text_choice choice{.only_differences = a_.quiet,
                                     .left_out = a_.full || a_.folders.size() == 1,
                                     .most_lines = a_.full ? SIZE_MAX : lines_shown};
    progress_.clear();
    out_ << to_string(done, choice) << std::flush;
    shown_ = true;
  }

  void show_summary() {
    if (shown_) out_ << '\n';
    out_ << to_text(summary_);
  }

  void pass_over(const std::string& path) {
    summary_.add_passed_over();
    document_.add_passed_over(path);
    progress_.clear();
    complain(err_, absl::StrFormat("%s: not a capture folder: passed over", path));
  }

  void fail(const std::string& path, const std::string& sentence) {
    summary_.add_not_run();
    reach(exit_code::bad_use);
    document_.add_not_run(path, sentence);
    if (!a_.junit.empty()) junit_.add_not_run(path, sentence);
    progress_.clear();
    complain(err_, sentence);
  }

  void reach(exit_code status) { status_ = std::max(status_, status); }

  const verify_arguments& a_;
  const kernel_profile* kernel_;
  std::ostream& out_;
  std::ostream& err_;
  progress_line progress_;
  verify_summary summary_;
  verify_document document_;
  junit_report junit_;
  exit_code status_ = exit_code::good;
  bool shown_ = false;
};

}  // namespace

int run_verify_command(const verify_arguments& a, std::ostream& out, std::ostream& err) {
  const auto kernel = named_kernel(a.kernel);
  if (!kernel.ok()) return complain(err, kernel.status());
  if (const absl::Status s = check_classes(a.classes); !s.ok()) return complain(err, s);
  if (const absl::Status s = check_junit(a.junit); !s.ok()) return complain(err, s);
  return verify_run(a, *kernel, out, err).run();
}

void add_verify_command(CLI::App& app, int& exit_status) {
  CLI::App* const command = app.add_subcommand(
      "verify", "Run what a capture of a real kernel holds and compare class by class");
  const auto a = std::make_shared<verify_arguments>();
  command->add_option("DIR", a->folders, "Capture folders; what is none is passed over")
      ->required();
  add_kernel_option(*command, a->kernel);
  command->add_option("--class", a->classes, "Only these classes, by words of their names")
      ->delimiter(',')
      ->expected(1)
      ->take_all()
      ->type_name("NAME,...");
  command->add_flag("-q,--quiet", a->quiet, "Only what differs, and the summary");
  command->add_flag("--full", a->full,
                    "Every line of a difference, and at each capture what is not compared");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->add_option("--junit", a->junit, "Write JUnit's XML into this file, too")
      ->type_name("FILE");
  command->footer(
      "Exit status: 0 equal, or different only where that is known; 1 a difference, or something "
      "that is there and not compared; 2 bad use, a damaged capture, or no capture at all.");
  command->callback([a, &exit_status] {
    a->progress = isatty(STDERR_FILENO) != 0;
    exit_status = run_verify_command(*a, std::cout, std::cerr);
  });
}

}  // namespace iommulab
