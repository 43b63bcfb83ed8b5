// SPDX-License-Identifier: GPL-2.0-only
//
// One device behind a driver without hardware, with 6.12's IOMMU core and DMA API over it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v6_12/fake_driver.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/pci/test_system.h"
#include "dma/swiotlb/io_tlb.h"
#include "dma/v6_12/dma_mapping.h"
#include "dma/v6_12/swiotlb.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"

namespace iommulab::v6_12 {

// The default domain that fake_driver makes first is called A.
inline constexpr auto both = dma_data_direction::bidirectional;
inline constexpr auto to_device = dma_data_direction::to_device;
inline constexpr auto from_device = dma_data_direction::from_device;
inline constexpr uint64_t mib = uint64_t{1} << 20;

inline scatterlist piece(uint64_t page, uint32_t offset, uint32_t length) {
  scatterlist sg;
  sg.page = phys_addr(page);
  sg.offset = offset;
  sg.length = length;
  return sg;
}

/// "dma:length …" of what the device sees.
inline std::string seen(const std::vector<scatterlist>& list, int ents) {
  std::string text;
  for (int i = 0; i < ents; ++i) {
    const scatterlist& sg = list[static_cast<size_t>(i)];
    absl::StrAppendFormat(&text, "%x:%x ", sg.dma_address.value(), sg.dma_length);
  }
  return text;
}

struct dma_system {
  explicit dma_system(
      const dma_iommu_parameters& parameters = {}, unsigned cpus = 1,
      uint64_t ram = uint64_t{1} << 30, const dma_release& release = dma_of_6_12,
      const std::vector<pci_function_config>& functions = {endpoint(at(0, 4)).build()})
      : sys(functions),
        memory(physical_memory::create(
                   std::vector<memory_range>{{phys_addr(0), ram, memory_range::kind::ram}})
                   .value()),
        pages(*memory, sys.env.trace),
        coherent{*memory, pages},
        mapping(iommu, coherent, nullptr, false, parameters, cpus, release) {
    sys.env.max_pfn = ram >> page_shift;
    sys.bus.dma_ops = &mapping;
    iommu_dev_init(sys.iommu);
  }

  /// The windows of QEMU's host bridge, as every recorded machine has them.
  void add_recorded_windows() {
    sys.pci->root_buses().front()->windows = {{phys_addr(0xa0000), phys_addr(0xbffff)},
                                              {phys_addr(0x40000000), phys_addr(0xafffffff)},
                                              {phys_addr(0xc0000000), phys_addr(0xfebfffff)},
                                              {phys_addr(0x100000000), phys_addr(0x8ffffffff)}};
  }
  void start() {
    ASSERT_EQ(iommu_subsys_init(iommu), 0);
    ASSERT_EQ(iommu_device_sysfs_add(sys.iommu, driver.unit, "dmar0", "intel-iommu", {}), 0);
    ASSERT_EQ(iommu_device_register(iommu, driver.unit, driver), 0);
    driver.take_calls();
  }

  [[nodiscard]] device& dev() const { return sys.dev(at(0, 4)).dev; }
  [[nodiscard]] fake_domain& domain() const {
    return static_cast<fake_domain&>(*dev().group->default_domain);
  }
  [[nodiscard]] iommu_dma_cookie& cookie() const { return *domain().iova_cookie; }
  [[nodiscard]] std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const log_line& line : sys.env.log.lines()) lines.push_back(line.text);
    return lines;
  }

  test_system sys;
  std::unique_ptr<physical_memory> memory;
  page_allocator pages;
  coherent_memory coherent;
  slab_failures slab;
  fake_driver driver;
  iommu_subsystem iommu{sys.iommu, sys.bus, &slab};
  dma_mapping mapping;
};

/// With 512 KiB of bounce buffers in its memory, of 256 MiB at first.
struct bouncing_system : dma_system {
  explicit bouncing_system(const dma_release& release = dma_of_6_12, uint64_t ram = 256 * mib)
      : dma_system({}, 1, ram, release), slots(swiotlb(), sys.env, *memory, pages, 256) {
    slots.swiotlb_init();
    mapping.set_bounce(&slots);
  }
  io_tlb slots;
};

/// The same with a device that is not trusted.
struct untrusting_system : bouncing_system {
  explicit untrusting_system(const dma_release& release = dma_of_6_12) : bouncing_system(release) {
    sys.dev(at(0, 4)).untrusted = true;
    start();
  }
  void fill(phys_addr where, uint64_t size, int value) {
    std::memset(memory->at(where, size), value, size);
  }
  [[nodiscard]] unsigned byte(phys_addr where) const { return *memory->object_at<uint8_t>(where); }
  /// Where what the device finds at the address lies.
  [[nodiscard]] phys_addr behind(dma_addr address) { return iommu_iova_to_phys(domain(), address); }
  dma_addr map(uint64_t address, uint64_t size, dma_data_direction dir) {
    return dma_map_page(dev(), phys_addr(address), 0, size, dir);
  }
};

}  // namespace iommulab::v6_12
