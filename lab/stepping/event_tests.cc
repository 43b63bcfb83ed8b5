// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/event_tests.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/number.h"
#include "core/status.h"

namespace iommulab {
namespace {

using comparison = value_condition::comparison;

struct operator_word {
  std::string_view text;
  comparison how;
};
/// Longer ones before those that they begin with.
constexpr auto operator_words = std::to_array<operator_word>({
    {"==", comparison::equal},
    {"!=", comparison::unequal},
    {"<=", comparison::at_most},
    {">=", comparison::at_least},
    {"<", comparison::below},
    {">", comparison::above},
    {"&", comparison::has_bits},
});

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// A number of either sign, as call values print it.
struct signed_number {
  bool negative = false;
  uint64_t size = 0;
};

std::optional<signed_number> number_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  const auto size = parse_number(negative ? text.substr(1) : text);
  if (!size) return std::nullopt;
  return signed_number{negative && *size != 0, *size};
}

std::optional<signed_number> number_of(const call_value& value) {
  if (const auto* bits = std::get_if<uint64_t>(&value.value)) return signed_number{false, *bits};
  if (const auto* number = std::get_if<int64_t>(&value.value)) {
    const auto bits = static_cast<uint64_t>(*number);
    return signed_number{*number < 0, *number < 0 ? uint64_t{0} - bits : bits};
  }
  return number_of(std::get<std::string>(value.value));
}

/// Below 0, 0, above 0.
int order_of(const signed_number& a, const signed_number& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int by_size = a.size < b.size ? -1 : static_cast<int>(a.size > b.size);
  return a.negative ? -by_size : by_size;
}

bool compare(const signed_number& a, comparison how, const signed_number& b) {
  const int order = order_of(a, b);
  switch (how) {
    case comparison::equal:
      return order == 0;
    case comparison::unequal:
      return order != 0;
    case comparison::below:
      return order < 0;
    case comparison::above:
      return order > 0;
    case comparison::at_most:
      return order <= 0;
    case comparison::at_least:
      return order >= 0;
    case comparison::has_bits:
      return (a.size & b.size) != 0;
  }
  return false;
}

bool all_hold(const std::vector<value_condition>& conditions, const call_values& values) {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const value_condition& c) { return c.holds(values); });
}

bool touches(const register_bytes& registers, const events::reg_access& access) {
  return (registers.unit.empty() || registers.unit == access.unit) &&
         access.offset <= registers.last && access.offset + access.size > registers.first;
}

}  // namespace

absl::StatusOr<value_condition> value_condition::parse(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    for (const operator_word& word : operator_words) {
      if (!text.substr(at).starts_with(word.text)) continue;
      value_condition made;
      made.name = without_blanks(text.substr(0, at));
      made.how = word.how;
      made.value = without_blanks(text.substr(at + word.text.size()));
      if (made.name.empty()) break;
      if (made.value.empty()) break;
      const bool text_only = !number_of(made.value);
      if (text_only && word.how != comparison::equal && word.how != comparison::unequal) {
        return errno_status(
            EINVAL, absl::StrFormat("%s compares numbers, \"%s\" is none", word.text, made.value));
      }
      return made;
    }
  }
  return errno_status(
      EINVAL,
      absl::StrFormat("condition \"%s\": must be NAME==VALUE, or with != < > <= >= &", text));
}

bool value_condition::holds(const call_values& values) const {
  for (const call_value& v : values) {
    if (v.name != name && !(name == "ret" && v.name.empty())) continue;
    const auto ours = number_of(v);
    const auto wanted = number_of(value);
    if (ours && wanted) return compare(*ours, how, *wanted);
    const auto* words = std::get_if<std::string>(&v.value);
    const bool same = words != nullptr && *words == value;
    if (how == comparison::equal) return same;
    return how == comparison::unequal && !same;
  }
  return false;
}

event_test entry_into(std::string function, std::vector<value_condition> conditions) {
  return [function = std::move(function),
          conditions = std::move(conditions)](const trace_event& e) {
    const auto* enter = e.as<events::call_enter>();
    return enter != nullptr && enter->name == function && all_hold(conditions, enter->arguments);
  };
}

event_test return_of(std::string function, std::vector<value_condition> conditions) {
  return
      [function = std::move(function), conditions = std::move(conditions)](const trace_event& e) {
        const auto* exit = e.as<events::call_exit>();
        return exit != nullptr && exit->name == function && all_hold(conditions, exit->result);
      };
}

event_test read_of(register_bytes registers) {
  return [registers = std::move(registers)](const trace_event& e) {
    const auto* read = e.as<events::reg_read>();
    return read != nullptr && touches(registers, *read);
  };
}

event_test write_of(register_bytes registers) {
  return [registers = std::move(registers)](const trace_event& e) {
    const auto* write = e.as<events::reg_write>();
    return write != nullptr && touches(registers, *write);
  };
}

event_test descriptor_of(std::string unit) {
  return [unit = std::move(unit)](const trace_event& e) {
    const auto* descriptor = e.as<events::descriptor>();
    return descriptor != nullptr && (unit.empty() || descriptor->unit == unit);
  };
}

event_test range_within(uint64_t first_pfn, uint64_t last_pfn) {
  return [first_pfn, last_pfn](const trace_event& e) {
    const auto* range = e.as<events::iova_range>();
    return range != nullptr && range->low_pfn <= last_pfn && range->high_pfn >= first_pfn;
  };
}

event_test log_line_with(std::string text) {
  return [text = std::move(text)](const trace_event& e) {
    const auto* line = e.as<events::log_text>();
    return line != nullptr && line->text.find(text) != std::string::npos;
  };
}

event_test fault_of(std::string reason) {
  return [reason = std::move(reason)](const trace_event& e) {
    const auto* fault = e.as<events::fault>();
    return fault != nullptr && (fault->reason == reason || parse_number(reason) == fault->code);
  };
}

event_test fault_from(source_id requester) {
  return [requester](const trace_event& e) {
    const auto* fault = e.as<events::fault>();
    return fault != nullptr && fault->source == requester.requester_id();
  };
}

event_test any_fault() {
  return [](const trace_event& e) { return e.kind() == trace_kind::fault; };
}

}  // namespace iommulab
