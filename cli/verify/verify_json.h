// SPDX-License-Identifier: GPL-2.0-only
//
// A run of `iommulab verify` as one document: {"captures": [{"path", "kernel", "release",
// "outcome", "classes": [{"name", "outcome", "lines", "files", "report", "hunks"}]}],
// "passed_over", "summary"}. A capture that was not run has an "error" and no classes.
#pragma once

#include <memory>
#include <string>

#include "cli/verify/verify_summary.h"
#include "lab/verification/capture_verification.h"

namespace iommulab {

class verify_document {
 public:
  verify_document();
  ~verify_document();
  verify_document(const verify_document&) = delete;
  verify_document& operator=(const verify_document&) = delete;

  void add(const verify::verification& done);
  void add_not_run(const std::string& path, const std::string& error);
  void add_passed_over(const std::string& path);
  /// The whole, with its end.
  [[nodiscard]] std::string text(const verify_summary& summary);

 private:
  struct content;  // the JSON library is dear to compile
  std::unique_ptr<content> content_;
};

}  // namespace iommulab
