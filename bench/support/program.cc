// SPDX-License-Identifier: GPL-2.0-only
#include "bench/support/program.h"

#include <exception>
#include <iostream>

namespace iommulab {

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return failed->get_name() + ": " + error.what() + " (see --help)\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : bad_use;
  }
  return std::nullopt;
}

std::optional<std::regex> filter_of(const CLI::App& app, const char* option,
                                    const std::string& value) {
  try {
    return std::regex(value);
  } catch (const std::regex_error&) {
    std::cerr << app.get_name() << ": " << option << ": \"" << value
              << "\" is no regular expression\n";
    return std::nullopt;
  }
}

int run_program(const char* name, absl::FunctionRef<int()> run) {
  try {
    return run();
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return bad_use;
  }
}

}  // namespace iommulab
