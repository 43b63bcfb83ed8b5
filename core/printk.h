// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's log: levels, the prefix of each source file's pr_fmt ("DMAR: ", "iommu: "), and
// the virtual time of each line. Lines below the console's level are kept all the same, so that
// pr_debug() lines can be looked at; `debug` is what a default kernel compiles out.
//
// Any thread may print. Whoever reads the lines is alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/clock.h"
#include "core/spin_lock.h"
#include "core/trace.h"

namespace iommulab {

/// The kernel's levels, KERN_EMERG to KERN_DEBUG.
enum class log_level : uint8_t { emerg, alert, crit, err, warning, notice, info, debug };

/// "emerg" … "debug"
std::string_view name(log_level level);

struct log_line {
  log_level level = log_level::info;
  uint64_t time_ns = 0;
  std::string text;  ///< with its prefix, without level and time
};

/// "[    0.056064] DMAR: Host address width 39"
std::string to_string(const log_line& line);

class printk_log {
 public:
  printk_log(virtual_clock& clock, tracer& trace) : clock_(clock), trace_(trace) {}
  printk_log(const printk_log&) = delete;
  printk_log& operator=(const printk_log&) = delete;

  /// One call of printk(); an embedded newline makes further lines of the same level.
  void print(log_level level, std::string_view text);

  /// What the port has to say in the kernel's log beside the kernel's own lines: a line that begins
  /// with "iommulab: ", and takes no time.
  void remark(std::string_view text);

  /// WARN(): the sentences between the kernel's cut-here marks, at warning level. The backtrace,
  /// which names code addresses, is left out.
  void warn(std::string_view text);

  /// WARN_ON(): which function's condition came true, between the same marks.
  void warn_on(std::string_view function);

  [[nodiscard]] const std::vector<log_line>& lines() const { return lines_; }

  /// From now on a line takes `ns` of virtual time, as a slow console makes it; 0, as at first, for
  /// none. Who asks for it is the only one who prints.
  void set_line_time(uint64_t ns) { line_time_ns_ = ns; }

 private:
  void add(log_level level, std::string line);

  virtual_clock& clock_;
  tracer& trace_;
  uint64_t line_time_ns_ = 0;
  spin_lock lock_;
  std::vector<log_line> lines_;  // written under lock_
};

/// pr_info() and its siblings of one source file: `pr_fmt` is the file's prefix.
class pr_prefix {
 public:
  pr_prefix(printk_log& log, std::string_view pr_fmt) : log_(log), pr_fmt_(pr_fmt) {}

  template <typename... Args>
  void crit(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    print(log_level::crit, absl::StrFormat(format, args...));
  }
  template <typename... Args>
  void err(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    print(log_level::err, absl::StrFormat(format, args...));
  }
  template <typename... Args>
  void warn(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    print(log_level::warning, absl::StrFormat(format, args...));
  }
  template <typename... Args>
  void info(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    print(log_level::info, absl::StrFormat(format, args...));
  }
  template <typename... Args>
  void debug(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    print(log_level::debug, absl::StrFormat(format, args...));
  }

 private:
  void print(log_level level, std::string_view text) const {
    log_.print(level, std::string(pr_fmt_).append(text));
  }

  printk_log& log_;
  std::string_view pr_fmt_;
};

}  // namespace iommulab
