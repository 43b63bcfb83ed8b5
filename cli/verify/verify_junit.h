// SPDX-License-Identifier: GPL-2.0-only
//
// A run of `iommulab verify` as JUnit's XML, as build servers read it: a test suite a capture, a
// test case a class.
//
// A difference is a failure with the difference as its text. A class that is not compared for a
// known reason is skipped; without one it is a failure. A capture that could not be run is an
// error. A known difference passes, with its reason in <system-out>.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "lab/verification/capture_verification.h"

namespace iommulab {

/// Of test cases.
struct junit_counts {
  size_t tests = 0;
  size_t failures = 0;
  size_t errors = 0;
  size_t skipped = 0;

  void operator+=(const junit_counts& more) {
    tests += more.tests;
    failures += more.failures;
    errors += more.errors;
    skipped += more.skipped;
  }
};

class junit_report {
 public:
  junit_report();
  ~junit_report();
  junit_report(const junit_report&) = delete;
  junit_report& operator=(const junit_report&) = delete;

  void add(const verify::verification& done);
  void add_not_run(const std::string& path, const std::string& error);
  /// The whole, with the counts of all suites.
  [[nodiscard]] std::string text();

 private:
  struct document;
  std::unique_ptr<document> document_;
};

}  // namespace iommulab
