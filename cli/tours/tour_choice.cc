// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/tour_choice.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/output/complain.h"
#include "cli/output/number_option.h"
#include "cli/tours/catalogue.h"
#include "core/text_source.h"

namespace iommulab::tours {
namespace {

bool is_number(std::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

}  // namespace

absl::StatusOr<tour> tour_named(const std::string& which) {
  if (!is_number(which)) {
    const auto text = read_text_file(which);
    if (!text.ok()) return text.status();
    return parse_tour(source_name(which), *text);
  }
  const number_reading number = read_number(which);
  if (number.fault != number_fault::none || number.value == 0 ||
      number.value > tour_texts().size()) {
    return refuse(absl::StrFormat("there is no tour %s; `iommulab tour` lists those from 1 to %d",
                                  which, tour_texts().size()));
  }
  return tour_of_number(number.value);
}

absl::StatusOr<const kernel_profile*> kernel_for(const tour& of, const std::string& asked) {
  auto kernel = kernel_of_option("--kernel", asked.empty() ? of.kernels.front() : asked);
  if (!kernel.ok()) return kernel.status();
  const auto& known = of.kernels;
  if (std::find(known.begin(), known.end(), (*kernel)->name()) == known.end()) {
    return refuse(absl::StrFormat("--kernel is %s: this tour is of %s", iommulab::quoted(asked),
                                  absl::StrJoin(known, " and ")));
  }
  return kernel;
}

}  // namespace iommulab::tours
