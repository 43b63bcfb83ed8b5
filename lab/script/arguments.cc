// SPDX-License-Identifier: GPL-2.0-only
#include "lab/script/arguments.h"

#include "absl/strings/str_format.h"
#include "core/number.h"
#include "core/text_source.h"

namespace iommulab::dmalab {

std::string_view arguments::word(std::string_view field) {
  if (!more()) {
    fail(field, "", "it is missing");
    return {};
  }
  return op_.words[next_++];
}

uint64_t arguments::number(std::string_view field) {
  const std::string_view text = word(field);
  if (!ok()) return 0;
  const number_reading reading = read_number(text);
  if (reading.fault != number_fault::none) fail(field, text, name(reading.fault));
  return reading.value;
}

uint64_t arguments::number(std::string_view field, uint64_t largest, std::string_view allowed) {
  const size_t place = next_;
  const uint64_t value = number(field);
  if (!ok() || value <= largest) return value;
  fail(field, op_.words[place], allowed);
  return 0;
}

uint64_t arguments::index(std::string_view field, size_t count, std::string_view thing) {
  if (count == 0) {
    fail(field, word(field), absl::StrFormat("there is no %s", thing));
    return 0;
  }
  if (count == 1) return number(field, 0, absl::StrFormat("there is one %s, number 0", thing));
  return number(field, count - 1,
                absl::StrFormat("there are %d %ss, numbers 0 to %d", count, thing, count - 1));
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
