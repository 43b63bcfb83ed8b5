// SPDX-License-Identifier: GPL-2.0-only
//
// How a generation's port writes down where it does something else than its kernel on purpose, and
// how it tells when that happens. Each generation has an enum of ids and one table of rows.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/environment.h"

namespace iommulab {

/// How a divergence can show in a recorded run of the kernel.
enum class divergence_shows : uint8_t {
  not_recorded,  ///< the kernel comes to harm in a way that no recording holds, or memory alone
                 ///< tells
  calls,         ///< other functions are called; all else is the same
  operation,     ///< an operation answers or does otherwise, or the kernel dies in it
  start_up,      ///< the kernel hangs while it boots
};
std::string_view name(divergence_shows shows);

/// What a row says, whatever its id.
struct divergence_words {
  std::string_view name;    ///< the enumerator's
  std::string_view where;   ///< function of the kernel, or what the driver is asked
  std::string_view kernel;  ///< what the kernel does
  std::string_view here;    ///< what is done instead
  divergence_shows shows = divergence_shows::not_recorded;
};

template <typename Id>
struct divergence_row {
  Id id;
  std::string_view name;
  std::string_view where;
  std::string_view kernel;
  std::string_view here;
  divergence_shows shows;

  [[nodiscard]] constexpr divergence_words words() const {
    return {name, where, kernel, here, shows};
  }
};

/// Of a generation's table, by number.
using divergence_set = std::bitset<64>;
/// Those that a release does not have, as `environment::agreed_divergences` wants them.
template <typename Id>
divergence_set set_of(absl::Span<const Id> ids) {
  divergence_set set;
  for (const Id id : ids) set.set(static_cast<size_t>(id));
  return set;
}
/// The rows of a release that does not have `agreed`.
template <typename Id>
std::vector<divergence_row<Id>> rows_without(absl::Span<const divergence_row<Id>> rows,
                                             const divergence_set& agreed) {
  std::vector<divergence_row<Id>> left;
  for (const divergence_row<Id>& row : rows) {
    if (!agreed.test(static_cast<size_t>(row.id))) left.push_back(row);
  }
  return left;
}

/// The head of a table as a README has it, Markdown, and a row of it. `kernel` is "Linux 4.4".
std::string divergence_table_head(std::string_view kernel);
std::string divergence_table_row(const divergence_words& words);
template <typename Id>
std::string divergence_table(std::string_view kernel, absl::Span<const divergence_row<Id>> rows) {
  std::string table = divergence_table_head(kernel);
  for (const divergence_row<Id>& row : rows) table += divergence_table_row(row.words());
  return table;
}

/// It happens now: an event of kind `diagnosis` with the divergence's name, one more in the
/// environment's list, and as long as that has room a remark in the log; `detail` says with what.
void report_divergence(environment& env, std::string_view kernel, const divergence_words& words,
                       std::string_view detail);

}  // namespace iommulab
