// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware, with a DMA API that only notes what it is
// asked.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../pci/test_system.h"
#include "absl/strings/str_format.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/iommu/v6_12/release.h"
#include "core/status.h"
#include "fake_driver.h"

namespace iommulab::v6_12::core_test {

/// Counts cookies, and notes for which devices the DMA API was set up.
struct noting_dma final : iommu_dma_hooks {
  int get_dma_cookie(iommu_domain& domain) override {
    if (cookie_result != 0) return cookie_result;
    ++cookies;
    domain.iova_cookie = reinterpret_cast<iommu_dma_cookie*>(this);
    return 0;
  }
  void put_dma_cookie(iommu_domain& domain) override {
    if (std::exchange(domain.iova_cookie, nullptr) != nullptr) --cookies;
  }
  void setup_dma_ops(device& dev) override { set_up.push_back(short_name(dev)); }
  int init_fq(iommu_domain&) override { return init_fq_result; }
  int cookies = 0;
  int cookie_result = 0;
  int init_fq_result = 0;
  std::vector<std::string> set_up;
};

struct core_system {
  explicit core_system(const std::vector<pci_function_config>& functions,
                       const core_release& release = core_of_6_12())
      : sys(functions), iommu(sys.iommu, sys.bus, &slab, release) {
    iommu.dma = &dma;
    iommu_dev_init(sys.iommu);
  }
  int start() {
    EXPECT_EQ(iommu_subsys_init(iommu), 0);
    EXPECT_EQ(iommu_device_sysfs_add(sys.iommu, driver.unit, "dmar0", "intel-iommu", {}), 0);
    return iommu_device_register(iommu, driver.unit, driver);
  }
  [[nodiscard]] device& dev(source_id id) const { return sys.dev(id).dev; }
  [[nodiscard]] std::string read(const std::string& path) const {
    return sys.sysfs.read("kernel/iommu_groups/" + path).value();
  }
  int write_type(int group, std::string_view type) {
    return -status_errno(
        sys.sysfs.write(absl::StrFormat("kernel/iommu_groups/%d/type", group), type));
  }
  [[nodiscard]] std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const log_line& line : sys.env.log.lines()) lines.push_back(line.text);
    return lines;
  }
  /// The kernel's warnings of that function.
  [[nodiscard]] int warnings(std::string_view function) const {
    const std::vector<std::string> lines = log();
    return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](const std::string& l) {
      return l == absl::StrFormat("WARNING: at %s()", function);
    }));
  }

  test_system sys;
  fake_driver driver;
  noting_dma dma;
  slab_failures slab;
  iommu_subsystem iommu;
};

inline std::vector<pci_function_config> two_and_a_pair() {
  return {endpoint(at(0, 3)).build(), endpoint(at(0, 4, 0)).multifunction().build(),
          endpoint(at(0, 4, 1)).multifunction().build()};
}

struct mapped_system : core_system {
  mapped_system() : core_system({endpoint(at(0, 3)).build()}) {
    EXPECT_EQ(start(), 0);
    domain = static_cast<fake_domain*>(iommu_domain_alloc(iommu, sys.bus));
    domain->label = "U";
    driver.take_calls();
  }
  fake_domain* domain;
};

}  // namespace iommulab::v6_12::core_test
