// SPDX-License-Identifier: GPL-2.0-only
#include "core/panic.h"

#include "absl/strings/str_cat.h"

namespace iommulab {

void bug(const char* what) {
  throw kernel_bug(what);
}

std::string guarded_outcome::reason() const {
  return how == ending::bug ? absl::StrCat("BUG: ", message) : message;
}

std::string guarded_outcome::line() const {
  return how == ending::panic ? absl::StrCat("Kernel panic - not syncing: ", message) : reason();
}

}  // namespace iommulab
