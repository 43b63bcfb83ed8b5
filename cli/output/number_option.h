// SPDX-License-Identifier: GPL-2.0-only
//
// Options that are numbers. CLI11 takes "-1" for a large one, cuts what does not fit and lists
// every number that it would have taken; these say what is wrong: `--cpus is "-1": not a number`.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/number.h"
#include "core/text_source.h"

namespace iommulab {

inline CLI::ValidationError bad_number(std::string_view option, std::string_view text,
                                       std::string_view why) {
  return CLI::ValidationError(absl::StrFormat("%s is %s: %s", option, quoted(text), why));
}

/// `Number` is uint64_t or std::optional of it: decimal, or hexadecimal behind 0x.
template <class Number>
CLI::Option* add_whole_number(CLI::App& app, const std::string& option, Number& into,
                              const std::string& help) {
  return app
      .add_option_function<std::string>(
          option,
          [option, &into](const std::string& text) {
            const number_reading read = read_number(text);
            if (read.fault != number_fault::none) throw bad_number(option, text, name(read.fault));
            into = read.value;
          },
          help)
      ->type_name("N");
}

/// `Number` is double or std::optional of it.
template <class Number>
CLI::Option* add_decimal_number(CLI::App& app, const std::string& option, Number& into,
                                const std::string& help) {
  return app
      .add_option_function<std::string>(
          option,
          [option, &into](const std::string& text) {
            double value = 0;
            if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
              throw bad_number(option, text, name(number_fault::not_a_number));
            }
            into = value;
          },
          help)
      ->type_name("NUMBER");
}

}  // namespace iommulab
