// SPDX-License-Identifier: GPL-2.0-only
//
// A bus with devices, memory, and the allocators: what an implementation of the DMA API runs on.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/device.h"
#include "core/dma/scatterlist.h"
#include "core/environment.h"
#include "core/iommu/iommu.h"
#include "core/slab.h"
#include "core/sysfs.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"

namespace iommulab::test {

constexpr uint64_t mib = uint64_t{1} << 20;
constexpr uint64_t gib = uint64_t{1} << 30;

/// A piece that is not mapped yet.
inline scatterlist piece(uint64_t page, uint32_t offset, uint32_t length) {
  scatterlist sg;
  sg.page = phys_addr(page);
  sg.offset = offset;
  sg.length = length;
  return sg;
}

class dma_fixture : public testing::Test {
 protected:
  explicit dma_fixture(std::vector<memory_range> ranges = {{phys_addr(0), 256 * mib}})
      : memory(physical_memory::create(ranges).value()), pages(*memory, env.trace) {
    env.max_pfn = ranges.back().end() >> page_shift;
  }

  device& add_device(const std::string& name, dma_map_ops* ops) {
    auto dev = std::make_unique<device>();
    dev->name = name;
    dev->sysfs_path = absl::StrCat("devices/", name);
    dev->bus = &bus;
    dev->dma_ops = ops;
    EXPECT_TRUE(sysfs.create_directory(dev->sysfs_path).ok());
    devices_.push_back(std::move(dev));
    return *devices_.back();
  }

  [[nodiscard]] std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const log_line& line : env.log.lines()) lines.push_back(line.text);
    return lines;
  }

  std::byte* bytes(phys_addr address, uint64_t size) {
    std::byte* found = memory->at(address, size);
    EXPECT_NE(found, nullptr) << "no memory at " << std::hex << address.value();
    return found;
  }
  void fill(phys_addr address, uint64_t size, int value) {
    std::memset(bytes(address, size), value, size);
  }
  bool holds(phys_addr address, uint64_t size, int value) {
    const std::byte* found = bytes(address, size);
    for (uint64_t i = 0; i < size; ++i) {
      if (found[i] != static_cast<std::byte>(value)) return false;
    }
    return true;
  }

  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  std::unique_ptr<physical_memory> memory;
  page_allocator pages;
  slab_failures slab;

 private:
  std::vector<std::unique_ptr<device>> devices_;
};

}  // namespace iommulab::test
