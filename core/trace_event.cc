// SPDX-License-Identifier: GPL-2.0-only
#include "core/trace_event.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/enum_names.h"

namespace iommulab {
namespace {

constexpr auto kind_names = enum_names<trace_kind>({
    {trace_kind::call_enter, "call_enter"},
    {trace_kind::call_exit, "call_exit"},
    {trace_kind::note, "note"},
    {trace_kind::reg_read, "reg_read"},
    {trace_kind::reg_write, "reg_write"},
    {trace_kind::table_write, "table_write"},
    {trace_kind::descriptor, "descriptor"},
    {trace_kind::fault, "fault"},
    {trace_kind::interrupt, "interrupt"},
    {trace_kind::iova, "iova"},
    {trace_kind::page, "page"},
    {trace_kind::log, "log"},
    {trace_kind::diagnosis, "diagnosis"},
    {trace_kind::domain, "domain"},
    {trace_kind::group, "group"},
    {trace_kind::device, "device"},
    {trace_kind::config, "config"},
    {trace_kind::reg_change, "reg_change"},
    {trace_kind::latch, "latch"},
    {trace_kind::cache, "cache"},
    {trace_kind::answer, "answer"},
});

template <size_t... Is>
constexpr std::array<trace_class, sizeof...(Is)> classes_of_kinds(std::index_sequence<Is...>) {
  return {std::variant_alternative_t<Is, trace_detail::alternatives>::of...};
}
constexpr auto kind_classes = classes_of_kinds(std::make_index_sequence<trace_kinds>());

std::string text_of(const call_value& v) {
  if (const auto* number = std::get_if<int64_t>(&v.value)) return absl::StrCat(*number);
  if (const auto* bits = std::get_if<uint64_t>(&v.value)) return absl::StrFormat("0x%x", *bits);
  return std::get<std::string>(v.value);
}

}  // namespace

trace_payload::trace_payload(const trace_payload& other) = default;
trace_payload::trace_payload(trace_payload&& other) noexcept = default;
trace_payload& trace_payload::operator=(const trace_payload& other) = default;
trace_payload& trace_payload::operator=(trace_payload&& other) noexcept = default;
trace_payload::~trace_payload() = default;
bool trace_payload::operator==(const trace_payload& other) const {
  return static_cast<const variant&>(*this) == static_cast<const variant&>(other);
}

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
  return kind_names(kind);
}

std::string_view name(events::range_action action) {
  using enum events::range_action;
  static constexpr auto names =
      enum_names<events::range_action>({{alloc, "alloc"}, {free, "free"}, {reserve, "reserve"}});
  return names(action);
}

std::string_view name(events::page_action action) {
  using enum events::page_action;
  static constexpr auto names = enum_names<events::page_action>({{alloc, "alloc"}, {free, "free"}});
  return names(action);
}

std::string_view name(events::domain_action action) {
  using enum events::domain_action;
  static constexpr auto names = enum_names<events::domain_action>(
      {{create, "create"}, {free, "free"}, {attach, "attach"}, {detach, "detach"}});
  return names(action);
}

std::string_view name(events::group_action action) {
  using enum events::group_action;
  static constexpr auto names = enum_names<events::group_action>(
      {{create, "create"}, {free, "free"}, {join, "join"}, {leave, "leave"}});
  return names(action);
}

std::string_view name(events::device_action action) {
  using enum events::device_action;
  static constexpr auto names = enum_names<events::device_action>(
      {{add, "add"}, {remove, "remove"}, {bind, "bind"}, {unbind, "unbind"}});
  return names(action);
}

std::string_view name(events::cache_action action) {
  using enum events::cache_action;
  static constexpr auto names = enum_names<events::cache_action>(
      {{insert, "insert"}, {evict, "evict"}, {invalidate, "invalidate"}});
  return names(action);
}

}  // namespace iommulab
