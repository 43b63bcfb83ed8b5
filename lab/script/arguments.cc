// SPDX-License-Identifier: GPL-2.0-only
#include "lab/script/arguments.h"

#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {

std::string_view arguments::word(std::string_view field) {
  if (!more()) {
    fail(field, "", "it is missing");
    return {};
  }
  return op_.words[next_++];
}

uint64_t arguments::number(std::string_view field, uint64_t largest) {
  const std::string_view text = word(field);
  if (!ok()) return 0;
  const auto value = parse_number(text);
  if (!value) {
    fail(field, text, "not a number");
    return 0;
  }
  if (*value > largest) {
    fail(field, text, absl::StrFormat("at most 0x%x", largest));
    return 0;
  }
  return *value;
}

void arguments::fail(std::string_view field, std::string_view value, std::string_view why) {
  if (!status_.ok()) return;
  status_ =
      line_error(file_, op_.line, absl::StrFormat("%s of %s", field, op_.words[0]), value, why);
}

absl::Status arguments::status() {
  if (status_.ok() && more()) fail("argument", op_.words[next_], "one too many");
  return status_;
}

}  // namespace iommulab::dmalab
