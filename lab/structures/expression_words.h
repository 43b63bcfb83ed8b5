// SPDX-License-Identifier: GPL-2.0-only
//
// The words with which an expression may begin.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace iommulab {

/// Letters, digits and `_`; a word begins with no digit.
bool begins_word(char c);
bool in_word(char c);
std::string_view without_blanks_around(std::string_view text);

/// "reg", "root", "context" …: what is followed by arguments.
std::vector<std::string> form_words();
/// Kinds and variables of all kernels, and kinds of hardware.
bool is_structure_kind(std::string_view word);
bool is_structure_variable(std::string_view word);
/// All registers, fault records as FRCD.
std::vector<std::string> register_words();
bool is_register(std::string_view word);
/// "dmar0"
bool is_unit_name(std::string_view word);
/// A device at the beginning of `text`: "00:1f.2" or "0000:00:1f.2", and how long it is.
struct leading_device {
  source_id id;
  size_t length = 0;
};
std::optional<leading_device> device_at_start(std::string_view text);

/// All of them but units, for who mistyped one.
std::vector<std::string> first_words();

}  // namespace iommulab
