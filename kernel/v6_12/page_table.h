// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 6.12's page-table functions on a domain of no device and no unit.
#pragma once

#include "intel/v6_12/dmar_domain.h"
#include "intel/v6_12/driver.h"
#include "kernel/profile/page_table.h"

namespace iommulab::v6_12 {

class own_page_table final : public page_table {
 public:
  /// The driver outlives it. top() is null when there is no page for the top table.
  own_page_table(intel_driver& drv, int width, int superpages);
  ~own_page_table() override;
  own_page_table(const own_page_table&) = delete;
  own_page_table& operator=(const own_page_table&) = delete;

  [[nodiscard]] int levels() const override;
  [[nodiscard]] phys_addr top() const override { return domain_.pgd; }
  [[nodiscard]] bool holds(uint64_t frame) const override;
  [[nodiscard]] page_table_word word(phys_addr table, int level, size_t index) const override;
  int map(uint64_t frame, uint64_t phys_frame, uint64_t count, uint64_t prot) override;
  int map_sg(uint64_t frame, absl::Span<scatterlist> pieces, uint64_t count,
             uint64_t prot) override;
  uint64_t unmap(uint64_t first, uint64_t last) override;
  void clear(uint64_t first, uint64_t last) override;
  void free_tables(uint64_t first, uint64_t last) override;
  std::optional<found_entry> look_up(uint64_t frame) override;

  /// The domain itself, for who knows this generation.
  dmar_domain& domain() { return domain_; }

 private:
  intel_driver& drv_;
  dmar_domain domain_;
};

}  // namespace iommulab::v6_12
