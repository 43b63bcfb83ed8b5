// SPDX-License-Identifier: GPL-2.0-only
//
// How a subcommand ends, and how it says why it cannot do what was asked.
#pragma once

#include <cerrno>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/status.h"

namespace iommulab {

/// Of every subcommand.
enum class exit_code : int {
  good = 0,
  finding = 1,  ///< it ran, and something is not as it should be
  bad_use = 2,  ///< options or input that nothing can be done with
};

/// Options or input that nothing can be done with; the sentence says why.
inline absl::Status refuse(std::string_view sentence) {
  return errno_status(EINVAL, sentence);
}

/// One line, "iommulab: SENTENCE". Returns `code` as the status to exit with.
inline int complain(std::ostream& err, std::string_view sentence,
                    exit_code code = exit_code::bad_use) {
  err << "iommulab: " << sentence << '\n';
  return static_cast<int>(code);
}
inline int complain(std::ostream& err, const absl::Status& status) {
  return complain(err, std::string_view(status.message().data(), status.message().size()));
}

}  // namespace iommulab
