// SPDX-License-Identifier: GPL-2.0-only
//
// What an expression says of a run: printed, watched, or as a document.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/structure.h"
#include "lab/stepping/run_history.h"
#include "lab/stepping/value_history.h"

namespace iommulab::step {

/// At a position. ENOENT for what is not there then.
absl::StatusOr<structure_value> value_at(run_history& history, size_t position,
                                         std::string_view expression);
/// "GSTS.TES = 0x1", with a structure's fields a line each.
absl::StatusOr<std::string> value_text_at(run_history& history, size_t position,
                                          std::string_view expression);

/// How the expression is compared from event to event: what is not there reads as nothing. The
/// error of one that can never say anything, seen from a position.
absl::StatusOr<value_look> look_of(run_history& history, size_t position,
                                   std::string_view expression);
/// "Old value = 0x0" and "New value = 0x1"; of a structure or list what differs in it.
std::string change_text_of(const std::string& expression, const value_change& change);

}  // namespace iommulab::step
