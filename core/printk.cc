// SPDX-License-Identifier: GPL-2.0-only
#include "core/printk.h"

#include <utility>

#include "core/enum_names.h"

namespace iommulab {

std::string_view name(log_level level) {
  using enum log_level;
  static constexpr auto names = enum_names<log_level>({
      {emerg, "emerg"},
      {alert, "alert"},
      {crit, "crit"},
      {err, "err"},
      {warning, "warning"},
      {notice, "notice"},
      {info, "info"},
      {debug, "debug"},
  });
  return names(level);
}

std::string to_string(const log_line& line) {
  return absl::StrFormat("[%5d.%06d] %s", line.time_ns / ns_per_second,
                         line.time_ns % ns_per_second / ns_per_us, line.text);
}

void printk_log::print(log_level level, std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    add(level, std::move(line));
    if (line_time_ns_ != 0) clock_.spin(line_time_ns_);
  }
}

void printk_log::add(log_level level, std::string line) {
  trace_.tell([&] { return events::log_text{static_cast<uint8_t>(level), line}; });
  const spin_guard guard(lock_);
  lines_.push_back({level, clock_.now_ns(), std::move(line)});
}

void printk_log::remark(std::string_view text) {
  add(log_level::notice, std::string("iommulab: ").append(text));
}

void printk_log::warn_on(std::string_view function) {
  warn(absl::StrFormat("WARNING: at %s()", function));
}

void printk_log::warn(std::string_view text) {
  print(log_level::warning, "------------[ cut here ]------------");
  print(log_level::warning, text);
  print(log_level::warning, "---[ end trace ]---");
}

}  // namespace iommulab
