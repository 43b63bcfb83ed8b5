// SPDX-License-Identifier: GPL-2.0-only
//
// What a test asks of a system, in an expression's words.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"
#include "kernel/kernel.h"
#include "lab/structures/expression.h"
#include "lab/structures/structure_text.h"
#include "lab/structures/system_structures.h"

namespace iommulab::structures_test {

inline absl::StatusOr<structure_value> evaluated(kernel& system, std::string_view text) {
  const auto parsed = expression::parse(text);
  if (!parsed.ok()) return parsed.status();
  held_system held(system);
  return parsed->evaluate(held);
}

/// The value as it is compared; the error's sentence where there is none.
inline std::string asked(kernel& system, std::string_view text) {
  const auto value = evaluated(system, text);
  return value.ok() ? comparable_text(*value) : std::string(value.status().message());
}

/// A number, of either kind; a test failure where it is none.
inline uint64_t number(kernel& system, std::string_view text) {
  const auto value = evaluated(system, text);
  if (value.ok()) {
    if (const auto* n = std::get_if<uint64_t>(&*value)) return *n;
    if (const auto* n = std::get_if<int64_t>(&*value)) return static_cast<uint64_t>(*n);
  }
  ADD_FAILURE() << text << ": " << (value.ok() ? "no number" : value.status().ToString());
  return ~uint64_t{0};
}

/// The errno with which a text is refused, or its value; 0 when there is one.
inline int error_of(kernel& system, std::string_view text) {
  return status_errno(evaluated(system, text).status());
}

}  // namespace iommulab::structures_test
