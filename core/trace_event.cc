// SPDX-License-Identifier: GPL-2.0-only
#include "core/trace_event.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<trace_payload>> kind_names = {
    "call_enter", "call_exit", "note",   "reg_read",   "reg_write", "table_write", "descriptor",
    "fault",      "interrupt", "iova",   "page",       "log",       "diagnosis",   "domain",
    "group",      "device",    "config", "reg_change", "latch",     "cache",       "answer"};

template <size_t... Is>
constexpr std::array<trace_class, sizeof...(Is)> classes_of_kinds(std::index_sequence<Is...>) {
  return {std::variant_alternative_t<Is, trace_payload>::of...};
}
constexpr auto kind_classes =
    classes_of_kinds(std::make_index_sequence<std::variant_size_v<trace_payload>>());

std::string text_of(const call_value& v) {
  if (const auto* number = std::get_if<int64_t>(&v.value)) return absl::StrCat(*number);
  if (const auto* bits = std::get_if<uint64_t>(&v.value)) return absl::StrFormat("0x%x", *bits);
  return std::get<std::string>(v.value);
}

}  // namespace

std::string to_string(const call_values& values) {
  std::string text;
  for (const call_value& v : values) {
    if (!text.empty()) text += ' ';
    if (!v.name.empty()) text.append(v.name).append("=");
    text += text_of(v);
  }
  return text;
}

trace_class class_of(trace_kind kind) {
  return kind_classes[static_cast<size_t>(kind)];
}

std::string_view name(trace_kind kind) {
  return kind_names[static_cast<size_t>(kind)];
}

std::string_view name(events::range_action action) {
  constexpr std::array<std::string_view, 3> names = {"alloc", "free", "reserve"};
  return names[static_cast<size_t>(action)];
}

std::string_view name(events::page_action action) {
  return action == events::page_action::alloc ? "alloc" : "free";
}

std::string_view name(events::domain_action action) {
  constexpr std::array<std::string_view, 4> names = {"create", "free", "attach", "detach"};
  return names[static_cast<size_t>(action)];
}

std::string_view name(events::group_action action) {
  constexpr std::array<std::string_view, 4> names = {"create", "free", "join", "leave"};
  return names[static_cast<size_t>(action)];
}

std::string_view name(events::device_action action) {
  constexpr std::array<std::string_view, 4> names = {"add", "remove", "bind", "unbind"};
  return names[static_cast<size_t>(action)];
}

std::string_view name(events::cache_action action) {
  constexpr std::array<std::string_view, 3> names = {"insert", "evict", "invalidate"};
  return names[static_cast<size_t>(action)];
}

}  // namespace iommulab
