// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reasons/fault_reasons.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_format.h"
#include "cli/fault/reasons/fault_advice.h"
#include "cli/fault/reasons/reason_rows.h"
#include "platform/vtd/spec/fault_condition.h"

namespace iommulab {
namespace {

constexpr std::string_view unknown_words = "Unknown";
constexpr unsigned reasons = 256;

const reason_row* find_row(uint8_t reason) {
  for (const auto rows :
       {legacy_reason_rows(), interrupt_reason_rows(), table_reason_rows(), paging_reason_rows()}) {
    const auto at = std::find_if(rows.begin(), rows.end(),
                                 [reason](const reason_row& row) { return row.reason == reason; });
    if (at != rows.end()) return &*at;
  }
  return nullptr;
}

std::string_view words_of(uint8_t reason) {
  if (reason == 0) return "Software";
  const reason_row* row = find_row(reason);
  return row == nullptr || row->kernel_words.empty() ? unknown_words : row->kernel_words;
}

/// The numbers in which revisions 2.2 to 2.5 had the conditions of their extended mode.
constexpr bool was_extended_mode(uint8_t reason) {
  return reason >= 0x10 && reason <= 0x1f;
}

std::string reserved_words(uint8_t reason) {
  if (reason == 0) {
    return "0 is no fault: the record was empty, or was read after it had been cleared";
  }
  std::string text = absl::StrFormat(
      "reserved: the specification up to revision 5.10 has no condition of the number %02Xh",
      reason);
  if (was_extended_mode(reason)) {
    text +=
        "; revisions 2.2 to 2.5 had their extended mode's in 10h to 1Fh, which revision 3.0 took "
        "away";
  }
  return text;
}

std::string revision_words(const vtd::fault_condition& condition) {
  if (condition.since.empty()) return "";
  if (condition.last.empty()) return absl::StrFormat("since revision %s", condition.since);
  return absl::StrFormat("since revision %s, until %s", condition.since, condition.last);
}

template <typename Texts>
void append(const Texts& texts, std::vector<std::string>& to) {
  for (const std::string_view text : texts) {
    if (!text.empty()) to.emplace_back(text);
  }
}

/// Words as printed, without what a mail or a logger put around them.
std::string_view bare(std::string_view words) {
  const auto drop = [](char c) {
    return std::string_view(" \t\r\n]\"").find(c) != std::string_view::npos;
  };
  while (!words.empty() && drop(words.front())) words.remove_prefix(1);
  while (!words.empty() && drop(words.back())) words.remove_suffix(1);
  return words;
}

/// Whose words these are; the first reason that has them.
std::optional<uint8_t> reason_of(std::string_view words) {
  for (unsigned reason = 0; reason < reasons; ++reason) {
    const std::string_view own = words_of(static_cast<uint8_t>(reason));
    if (own != unknown_words && own == words) {
      return static_cast<uint8_t>(reason);
    }
  }
  return std::nullopt;
}

/// The number as it would be if its digits were meant in the other base: 25 and 25h.
bool is_same_digits(uint8_t decimal, uint8_t hexadecimal) {
  return absl::StrFormat("%d", decimal) == absl::StrFormat("%x", hexadecimal);
}

vtd::lookup_step step_of(uint8_t reason) {
  const vtd::fault_condition* condition = vtd::find_fault_condition(reason);
  return condition == nullptr ? vtd::lookup_step::root_register : condition->step;
}

template <size_t N>
bool is_one_of(uint8_t reason, const std::array<uint8_t, N>& list) {
  return std::find(list.begin(), list.end(), reason) != list.end();
}

}  // namespace

fault_explanation explain_reason(uint8_t reason) {
  fault_explanation explanation;
  explanation.kernel_words = words_of(reason);
  const vtd::fault_condition* condition = vtd::find_fault_condition(reason);
  const reason_row* row = find_row(reason);
  if (condition == nullptr || row == nullptr) {
    explanation.found = reserved_words(reason);
    return explanation;
  }
  explanation.known = true;
  explanation.condition = condition->mnemonic;
  explanation.section = condition->section;
  explanation.revision = revision_words(*condition);
  explanation.found = row->found;
  append(row->causes, explanation.causes);
  append(row->look_at, explanation.look_at);
  return explanation;
}

fault_explanation explain_message(std::string_view subject) {
  fault_explanation explanation;
  explanation.kernel_words = subject;
  if (const fault_advice* advice = find_advice(subject); advice != nullptr) {
    explanation.known = true;
    explanation.section = advice->section;
    explanation.found = advice->found;
    append(advice->causes, explanation.causes);
    append(advice->look_at, explanation.look_at);
  }
  return explanation;
}

std::string words_remark(uint8_t reason, std::string_view words) {
  words = bare(words);
  const std::string_view own = words_of(reason);
  if (words.empty() || own.starts_with(words)) return "";
  if (words == unknown_words) {
    return find_row(reason) == nullptr
               ? ""
               : "the kernel that printed the line knew no words for this number; it means what "
                 "stands below";
  }
  const std::optional<uint8_t> other = reason_of(words);
  if (!other) return "";
  std::string text = absl::StrFormat(
      "number and words disagree: \"%s\" is reason %02xh. The number is hardware's record and "
      "counts; the words come from the kernel's table",
      words_of(*other), *other);
  if (is_same_digits(reason, *other)) {
    text += absl::StrFormat(
        ". Here the words may be right: %d may be %xh written without 0x, as Xen writes it", reason,
        *other);
  }
  return text;
}

bool says_something_of_mappings(uint8_t reason) {
  return vtd::paging_entries_were_read(step_of(reason));
}

bool means_no_mapping(uint8_t reason) {
  static constexpr std::array<uint8_t, 4> list = {0x05, 0x06, 0x71, 0x79};
  return is_one_of(reason, list);
}

bool means_not_set_up(uint8_t reason) {
  static constexpr std::array<uint8_t, 6> list = {0x01, 0x02, 0x39, 0x41, 0x51, 0x59};
  return is_one_of(reason, list);
}

bool is_interrupt_reason(uint8_t reason) {
  return step_of(reason) == vtd::lookup_step::interrupt;
}

}  // namespace iommulab
