// SPDX-License-Identifier: GPL-2.0-only
//
// What unmap operations promised when they returned: which addresses a device is no longer to
// reach, at once or later.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/environment.h"
#include "core/table_observer.h"

namespace iommulab::test {

class unmap_promises final : public table_observer {
 public:
  explicit unmap_promises(environment& env) : subscription_(env.tables.add(this)) {}

  /// "fed90000 3: 1000-2fff later": the unit, the domain's id there, first and last byte.
  std::vector<std::string> made;

  void table_word_written(table_kind, phys_addr, uint64_t, uint64_t) override {}
  void cache_lines_flushed(phys_addr, uint64_t) override {}
  void table_page_allocated(phys_addr) override {}
  void table_page_freed(phys_addr) override {}
  void unmap_returned(const unmapped_range& range) override {
    made.push_back(absl::StrFormat("%x %d: %x-%x%s", range.unit.value(), range.domain.value(),
                                   range.first.value(), range.last.value(),
                                   range.deferred ? " later" : ""));
  }

 private:
  listener_list<table_observer*>::subscription subscription_;
};

}  // namespace iommulab::test
