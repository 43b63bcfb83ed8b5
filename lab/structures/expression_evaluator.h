// SPDX-License-Identifier: GPL-2.0-only
//
// One evaluation of an expression.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/structure.h"
#include "kernel/kernel.h"
#include "lab/structures/expression.h"

namespace iommulab {

class expression_evaluator {
 public:
  /// Both outlive it.
  expression_evaluator(const expression& what, structure_source& source)
      : what_(what), source_(source) {}

  absl::StatusOr<structure_value> run();
  /// The same, and a pointer at the end is followed.
  absl::StatusOr<structure_value> run_through_pointer();

 private:
  // What an expression begins with. Each leaves the value in `at_` and the steps that are done in
  // `done_`.
  absl::Status begin();
  absl::Status begin_with_register();
  absl::Status begin_with_registers_of_units();
  absl::Status begin_with_table();
  absl::Status begin_with_context();
  absl::Status begin_with_address();
  absl::Status begin_with_log();
  absl::Status begin_with_kind();
  absl::Status begin_with_variable();

  // Units and devices.
  absl::StatusOr<kernel*> hardware();
  absl::StatusOr<const vtd_unit*> unit();
  struct requester {
    const vtd_unit* unit = nullptr;
    uint16_t id = 0;
  };
  absl::StatusOr<requester> requester_of_device();

  // From a value to one within it.
  absl::Status walk();
  absl::Status enter_field(const expression::step& step);
  absl::Status enter_item(const expression::step& step);
  absl::Status follow_pointer(std::string_view next_field, size_t position);
  absl::Status find_iova(const structure_link& link, size_t position);
  const structure_value* field_of(const structure& s, const expression::step& step);

  std::vector<structure> structures_named(std::string_view kind, const std::string& name,
                                          std::string_view field);
  [[nodiscard]] std::string_view field_after(size_t step) const;
  void keep(structure_value value) { at_ = &kept_.emplace_back(std::move(value)); }
  [[nodiscard]] std::string text_up_to(size_t position) const;
  [[nodiscard]] static absl::Status not_there(std::string_view sentence);
  [[nodiscard]] static absl::Status wrong(size_t position, std::string_view sentence);

  const expression& what_;
  structure_source& source_;
  std::deque<structure_value> kept_;
  const structure_value* at_ = nullptr;
  std::vector<const structure*> passed_;  ///< the structures on the way to `at_`
  size_t done_ = 0;
};

}  // namespace iommulab
