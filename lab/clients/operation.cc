// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/operation.h"

#include <cerrno>
#include <optional>

#include "absl/strings/str_format.h"
#include "core/number.h"
#include "core/status.h"

namespace iommulab {
namespace {

/// Where "=" of an operand by name stands; npos for one by place.
size_t key_end(std::string_view word) {
  const size_t at = word.find('=');
  return at == 0 ? std::string_view::npos : at;
}

/// Decimal, hexadecimal behind 0x, octal behind 0; a minus before it.
std::optional<uint64_t> parse_c_number(std::string_view text) {
  if (text.starts_with('-')) {
    const auto positive = parse_number(text.substr(1));
    return positive ? std::optional<uint64_t>(-*positive) : std::nullopt;
  }
  const bool is_octal = text.size() > 1 && text[0] == '0' && text[1] != 'x';
  if (!is_octal) return parse_number(text);
  constexpr unsigned bits_of_a_digit = 3;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || value >> (64 - bits_of_a_digit) != 0) return std::nullopt;
    value = (value << bits_of_a_digit) | static_cast<uint64_t>(c - '0');
  }
  return value;
}

}  // namespace

std::string_view operation::word(size_t place) const {
  size_t seen = 0;
  for (const std::string& w : words_) {
    if (key_end(w) != std::string_view::npos) continue;
    if (seen == place) return w;
    ++seen;
  }
  return {};
}

size_t operation::places() const {
  size_t count = 0;
  for (const std::string& w : words_) count += key_end(w) == std::string_view::npos ? 1u : 0u;
  return count - 1;
}

std::vector<std::string_view> operation::keys() const {
  std::vector<std::string_view> found;
  for (const std::string& w : words_) {
    const size_t end = key_end(w);
    if (end != std::string_view::npos) found.push_back(std::string_view(w).substr(0, end));
  }
  return found;
}

bool operation::has(std::string_view key) const {
  return text(key).data() != nullptr;
}

std::string_view operation::text(std::string_view key) const {
  for (const std::string& w : words_) {
    const size_t end = key_end(w);
    if (end == key.size() && w.starts_with(key)) return std::string_view(w).substr(end + 1);
  }
  return {};
}

uint64_t operation::value_of(std::string_view key, uint64_t otherwise) {
  return has(key) ? evaluate(text(key)) : otherwise;
}

uint32_t operation::value32_of(std::string_view key, uint64_t otherwise) {
  return narrowed(text(key), value_of(key, otherwise));
}

uint32_t operation::narrowed(std::string_view text, uint64_t value) {
  const bool is_negative = value >= -(uint64_t{1} << 31);
  if (value > UINT32_MAX && !is_negative) refuse(text, "it does not fit 32 bits");
  return static_cast<uint32_t>(value);
}

uint64_t operation::evaluate(std::string_view text) {
  const size_t plus = text.find('+');
  const std::string_view first = text.substr(0, plus);
  uint64_t value = 0;
  if (const auto number = parse_c_number(first)) {
    value = *number;
  } else if (const auto named = names_.find(first); named != names_.end()) {
    value = named->second;
  } else {
    refuse(text, "neither a number nor a name that an operation before this one makes");
    return 0;
  }
  if (plus == std::string_view::npos) return value;
  const auto added = parse_c_number(text.substr(plus + 1));
  if (!added) refuse(text, "what is added is no number");
  return value + added.value_or(0);
}

void operation::refuse(std::string_view word, std::string_view why) {
  if (!status_.ok()) return;
  status_ = errno_status(EINVAL, absl::StrFormat("%s: \"%s\": %s", std::string(name()),
                                                 std::string(word), std::string(why)));
}

}  // namespace iommulab
