// SPDX-License-Identifier: GPL-2.0-only
//
// iommulab: one binary, a subcommand a task. Exit status 0 good, 1 a finding, 2 bad use or input.
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "cli/output/clean_buffer.h"
#include "cli/output/complain.h"
#include "cli/output/screen.h"
#include "cli/program/run_program.h"

namespace iommulab {
namespace {

/// A standard stream whose text is cleaned and shown as the options say, as long as it lives.
class shown_stream {
 public:
  shown_stream(std::ostream& stream, int file, const output_options& options, bool may_page)
      : stream_(stream),
        screen_(file, options, may_page),
        buffer_(screen_),
        before_(stream.rdbuf(&buffer_)) {
    stream_ << std::nounitbuf;
  }
  ~shown_stream() {
    finish();
    stream_.rdbuf(before_);
  }
  shown_stream(const shown_stream&) = delete;
  shown_stream& operator=(const shown_stream&) = delete;

  /// The first errno of a write, 0 for none.
  int finish() {
    buffer_.finish();
    return screen_.finish();
  }

 private:
  std::ostream& stream_;
  screen screen_;
  clean_buffer buffer_;
  std::streambuf* before_;
};

int run_shown(std::vector<std::string> words) {
  output_options output;
  shown_stream err(std::cerr, STDERR_FILENO, output, /*may_page=*/false);
  shown_stream out(std::cout, STDOUT_FILENO, output, /*may_page=*/true);
  int exit_status = static_cast<int>(exit_code::bad_use);
  try {
    exit_status = run_program(std::move(words), output);
  } catch (const std::exception& error) {
    complain(std::cerr, error.what());
  }
  if (const int error = out.finish(); error != 0) {
    return complain(
        std::cerr, "standard output: cannot be written: " + std::generic_category().message(error));
  }
  return exit_status;
}

}  // namespace
}  // namespace iommulab

int main(int argc, char** argv) {
  // A file that grows too large is an error of write(), as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);
  return iommulab::run_shown({argv + 1, argv + argc});
}
