// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/catalogue.h"

#include "core/ensure.h"

namespace iommulab::tours {
namespace {

constexpr tour_text texts[] = {
#include "cli/tours/texts.inc"
};

}  // namespace

absl::Span<const tour_text> tour_texts() {
  return texts;
}

absl::StatusOr<tour> tour_of_number(size_t number) {
  ensure(number >= 1 && number <= std::size(texts), "a tour has a number of the list");
  const tour_text& found = texts[number - 1];
  return parse_tour(found.name, found.text);
}

}  // namespace iommulab::tours
