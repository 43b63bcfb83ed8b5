// SPDX-License-Identifier: GPL-2.0-only
//
// The tours that the program brings along. The build takes them from texts/ into the binary.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/tours/tour.h"

namespace iommulab::tours {

struct tour_text {
  const char* name;  ///< "01-translation.tour"
  const char* text;
};

/// In their order: the first is tour 1.
absl::Span<const tour_text> tour_texts();

/// Tour `number`, from 1 to the number of texts.
absl::StatusOr<tour> tour_of_number(size_t number);

}  // namespace iommulab::tours
