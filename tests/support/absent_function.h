// SPDX-License-Identifier: GPL-2.0-only
//
// Configuration space of a function that was pulled out: nobody answers, reads give all ones.
#pragma once

#include "core/pci/config_space.h"
#include "core/pci/pci.h"

namespace iommulab::test {

/// The function is gone as long as this lives.
class absent_function final : public pci_config_space {
 public:
  explicit absent_function(pci_dev& pdev) : pdev_(pdev), real_(pdev.config) { pdev.config = this; }
  ~absent_function() override { pdev_.config = real_; }
  absent_function(const absent_function&) = delete;
  absent_function& operator=(const absent_function&) = delete;

  [[nodiscard]] uint16_t size() const override { return real_->size(); }
  [[nodiscard]] uint8_t read8(uint16_t /*offset*/) const override { return 0xff; }
  void write8(uint16_t /*offset*/, uint8_t /*value*/) override {}

 private:
  pci_dev& pdev_;
  pci_config_space* real_;
};

}  // namespace iommulab::test
