// SPDX-License-Identifier: GPL-2.0-only
//
// A hostile device scans addresses while its driver, and the driver of another device, map and
// unmap at random. What it reaches was mapped for it at that moment, on the page and with the
// permission that the driver gave; in lazy mode also what was unmapped and waits for the flush.
// What is allowed is kept here in a map of its own, never asked of the code under test.
//
// Ten million accesses a mode; under a sanitizer, where each costs more, some hundred thousand. The
// variable IOMMULAB_ISOLATION_ACCESSES sets another number.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "core/dma/dma_mapping.h"
#include "intel/dmar/fault.h"
#include "platform/endpoints/hostile.h"
#include "support/small_machine.h"
#include "support/v4_4/system.h"

namespace iommulab::test::isolation_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

constexpr source_id neighbour = at(0, 9);
constexpr uint64_t first_page = 0x1000000;
constexpr uint64_t pages_of_memory = 0x2000;
constexpr uint64_t most_pages = 16;

uint64_t accesses_wanted() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr uint64_t usual = 300'000;
#else
  constexpr uint64_t usual = 10'000'000;
#endif
  const char* text = std::getenv("IOMMULAB_ISOLATION_ACCESSES");
  uint64_t wanted = 0;
  return text != nullptr && absl::SimpleAtoi(text, &wanted) ? wanted : usual;
}

struct buffer {
  dma_addr address;
  uint64_t phys = 0;
  uint64_t pages = 0;
  dma_data_direction dir = dma_data_direction::bidirectional;
};

struct permission {
  uint64_t phys = 0;
  bool readable = false;
  bool writable = false;
};
/// By page of the I/O address space.
using allowed_pages = std::map<uint64_t, permission>;

class traffic {
 public:
  traffic(system& s, device& dev, uint64_t seed) : s_(s), dev_(dev), random_(seed) {}

  /// One mapping or unmapping.
  void step() {
    if (live_.size() < 8 || (live_.size() < 64 && next(2) == 0)) {
      map();
    } else {
      unmap(next(live_.size()));
    }
  }
  /// The timer of the deferred flush comes.
  void wait() {
    s_.k().env().clock.advance(16'000'000);
    note_flushes();
  }

  [[nodiscard]] const allowed_pages& mapped() const { return mapped_; }
  [[nodiscard]] const std::multimap<uint64_t, permission>& window() const { return window_; }
  [[nodiscard]] std::vector<uint64_t> addresses() const {
    std::vector<uint64_t> all;
    for (const buffer& b : live_) all.push_back(b.address.value());
    return all;
  }

 private:
  uint64_t next(uint64_t below) {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return (random_ >> 33) % below;
  }
  void map() {
    buffer b;
    b.pages = 1 + next(most_pages);
    b.phys = first_page + next(pages_of_memory - most_pages) * page_size;
    b.dir = static_cast<dma_data_direction>(next(3));
    b.address = dma_map_single(dev_, phys_addr(b.phys), b.pages * page_size, b.dir);
    ASSERT_FALSE(dma_mapping_error(dev_, b.address));
    const uint64_t first = b.address.value() >> 12;
    for (uint64_t i = 0; i < b.pages; ++i) {
      mapped_[first + i] = {b.phys + i * page_size, b.dir != dma_data_direction::from_device,
                            b.dir != dma_data_direction::to_device};
    }
    live_.push_back(b);
  }
  void unmap(size_t which) {
    const buffer b = live_[which];
    live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(which));
    dma_unmap_single(dev_, b.address, b.pages * page_size, b.dir);
    note_flushes();
    const uint64_t first = b.address.value() >> 12;
    for (uint64_t i = 0; i < b.pages; ++i) {
      const auto found = mapped_.find(first + i);
      ASSERT_NE(found, mapped_.end());
      if (waiting_ > 0) window_.emplace(first + i, found->second);
      mapped_.erase(found);
    }
  }
  /// A count of waiting unmaps that did not grow by one means that all before were flushed.
  void note_flushes() {
    const spin_guard lock(s_.driver().deferred.async_umap_flush_lock);
    if (s_.driver().deferred.list_size <= waiting_) window_.clear();
    waiting_ = s_.driver().deferred.list_size;
  }

  system& s_;
  device& dev_;
  uint64_t random_;
  std::vector<buffer> live_;
  allowed_pages mapped_;
  std::multimap<uint64_t, permission> window_;
  int waiting_ = 0;
};

class isolation : public testing::TestWithParam<const char*> {};

TEST_P(isolation, holds_against_a_scanning_device) {
  small_machine m;
  // With zero-length reads the driver need not make every page readable.
  m.set_cap(
      default_cap().set_max_guest_address_width(39).set_sagaw(0b00010).set_zero_length_read(true));
  m.add_function(plain_function(neighbour, 0x8086, 0x1234, 0x020000));
  system s(m.build(), GetParam(), trace_class::none);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.k().finish_boot();
  dmar_msi_mask(s.driver(), *s.driver().g_iommus[0]);  // millions of faults, one log
  pci_config_space* config = s.k().pci_hardware().config(nic);
  config->write16(0x04, config->read16(0x04) | 0x4);  // bus master
  std::memset(s.k().memory().at(phys_addr(first_page), pages_of_memory * page_size), 0xa5,
              pages_of_memory * page_size);

  traffic own(s, s.function(nic).dev, 1);
  traffic others(s, s.function(neighbour).dev, 2);
  hostile_device device(*s.k().dma_hardware().port(nic), 3);

  uint64_t inside = 0;
  uint64_t in_window = 0;
  uint64_t escaped = 0;
  const auto judge = [&](const hostile_reach& reach) {
    const auto allows = [&](const permission& p) {
      const bool permitted = reach.access == dma_access::read ? p.readable : p.writable;
      return permitted && p.phys + (reach.address & 0xfff) == reach.host.value();
    };
    const uint64_t page = reach.address >> 12;
    if (const auto found = own.mapped().find(page);
        found != own.mapped().end() && allows(found->second)) {
      ++inside;
      return;
    }
    const auto [first, last] = own.window().equal_range(page);
    if (std::any_of(first, last, [&](const auto& entry) { return allows(entry.second); })) {
      ++in_window;
    } else {
      ++escaped;
      ADD_FAILURE() << "reached host address " << std::hex << reach.host.value() << " at "
                    << reach.address;
    }
  };

  const uint64_t wanted = accesses_wanted();
  constexpr uint64_t burst = 1000;
  constexpr uint64_t four_gib = uint64_t{1} << 32;
  for (uint64_t done = 0, round = 0; done < wanted && escaped == 0; done += burst, ++round) {
    for (unsigned i = 0; i < 4; ++i) {
      own.step();
      others.step();
    }
    if (round % 50 == 49) own.wait();
    hostile_scan scan;
    switch (round % 4) {
      case 0:  // everywhere, the width and beyond
        scan.pattern = scan_pattern::random;
        break;
      case 1:  // where the DMA API puts things
        scan.pattern = scan_pattern::random;
        scan.first = four_gib - (uint64_t{64} << 20);
        scan.last = four_gib - 1;
        break;
      case 2:  // at, before and behind the buffers of both devices
        scan.pattern = scan_pattern::around;
        scan.targets = own.addresses();
        for (const uint64_t address : others.addresses()) scan.targets.push_back(address);
        break;
      default:  // all of memory, one to one
        scan.pattern = scan_pattern::strided;
        scan.last = (uint64_t{64} << 20) - 1;
        break;
    }
    device.run(scan, burst, judge);
  }
  EXPECT_EQ(escaped, 0u);
  EXPECT_GT(inside, 0u) << "nothing was reached at all: the test sees nothing";
  const bool lazy = std::string_view(GetParam()).find("strict") == std::string_view::npos;
  if (lazy) {
    EXPECT_GT(in_window, 0u) << "the window was never met: nothing is shown of it";
  } else {
    EXPECT_EQ(in_window, 0u);
  }
  RecordProperty("accesses", std::to_string(device.counted().accesses));
  RecordProperty("inside", std::to_string(inside));
  RecordProperty("deferred_window", std::to_string(in_window));
  std::printf(
      "%s: %lu accesses, %lu to what was mapped, %lu in the deferred window, %lu elsewhere\n",
      GetParam(), static_cast<unsigned long>(device.counted().accesses),
      static_cast<unsigned long>(inside), static_cast<unsigned long>(in_window),
      static_cast<unsigned long>(escaped));
}

INSTANTIATE_TEST_SUITE_P(modes, isolation,
                         testing::Values("intel_iommu=on", "intel_iommu=on,strict"),
                         [](const auto& test_case) {
                           return std::string(test_case.param).ends_with("strict") ? "strict"
                                                                                   : "lazy";
                         });

}  // namespace
}  // namespace iommulab::test::isolation_test
