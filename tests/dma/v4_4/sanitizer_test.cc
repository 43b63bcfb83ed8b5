// SPDX-License-Identifier: GPL-2.0-only
//
// The DMA API under the sanitizer: mapping and unmapping is clean, and the deferred window is
// measured for what it is.
#include <gtest/gtest.h>

#include <vector>

#include "core/dma/dma_mapping.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"
#include "support/small_machine.h"
#include "support/v4_4/system.h"

namespace iommulab::test::sanitizer_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

constexpr uint64_t buffer = 0x1000000;

struct setting {
  const char* name;
  bool coherent;
  bool write_buffers;
  bool caching_mode;
};
const setting settings[] = {{"snooping", true, false, false},
                            {"not_snooping", false, false, false},
                            {"write_buffers", true, true, false},
                            {"caching_mode", true, false, true}};

machine_config machine_of(const setting& where) {
  small_machine m;
  m.set_cap(default_cap()
                .set_max_guest_address_width(39)
                .set_sagaw(0b00010)
                .set_required_write_buffer_flush(where.write_buffers)
                .set_caching_mode(where.caching_mode));
  m.set_ecap(default_ecap().set_page_walk_coherency(where.coherent));
  return m.build();
}

struct checked : system {
  checked(const setting& where, const std::string& command_line)
      : system(machine_of(where), options(command_line)), dev(boot_and_find()) {}
  static kernel_options options(const std::string& command_line) {
    kernel_options o;
    o.command_line = command_line;
    o.sanitize = true;
    return o;
  }
  device& boot_and_find() {
    EXPECT_EQ(boot().intel_iommu_init, 0);
    k().finish_boot();
    return function(nic).dev;
  }
  const vtd_sanitizer& sanitizer() { return *k().sanitizer(); }

  device& dev;
};

class dma_api : public testing::TestWithParam<std::tuple<setting, const char*>> {};

TEST_P(dma_api, breaks_no_rule) {
  const auto& [where, command_line] = GetParam();
  checked s(where, command_line);
  constexpr auto both = dma_data_direction::bidirectional;
  for (unsigned round = 0; round < 40; ++round) {
    std::vector<std::pair<dma_addr, uint64_t>> mapped;
    for (uint64_t pages = 1; pages <= 64; pages *= 4) {
      const dma_addr address =
          dma_map_single(s.dev, phys_addr(buffer + round * page_size), pages * page_size, both);
      EXPECT_TRUE(s.dma(nic, address.value()).ok());
      EXPECT_TRUE(s.dma(nic, address.value() + pages * page_size - 8, dma_access::write).ok());
      mapped.emplace_back(address, pages * page_size);
    }
    dma_addr handle;
    const auto memory = dma_alloc_coherent(s.dev, 0x3000, handle, gfp_kernel);
    ASSERT_TRUE(memory.has_value());
    EXPECT_TRUE(s.dma(nic, handle.value()).ok());
    for (const auto& [address, size] : mapped) dma_unmap_single(s.dev, address, size, both);
    dma_free_coherent(s.dev, 0x3000, *memory, handle);
    s.k().env().clock.advance(20'000'000);
    for (const auto& [address, size] : mapped) EXPECT_FALSE(s.dma(nic, address.value()).ok());
  }
  EXPECT_EQ(s.sanitizer().log().errors(), 0u) << to_text(s.sanitizer());
}

INSTANTIATE_TEST_SUITE_P(modes, dma_api,
                         testing::Combine(testing::ValuesIn(settings),
                                          testing::Values("intel_iommu=on",
                                                          "intel_iommu=on,strict")),
                         [](const auto& test_case) {
                           const std::string line = std::get<1>(test_case.param);
                           return std::string(std::get<0>(test_case.param).name) +
                                  (line.ends_with("strict") ? "_strict" : "_lazy");
                         });

TEST(deferred_window, is_measured_in_time_and_accesses) {
  checked s(settings[0], "intel_iommu=on");
  const dma_addr address =
      dma_map_single(s.dev, phys_addr(buffer), page_size, dma_data_direction::bidirectional);
  EXPECT_TRUE(s.dma(nic, address.value()).ok());  // now the IOTLB has it
  s.k().env().clock.advance(1'000'000);
  dma_unmap_single(s.dev, address, page_size, dma_data_direction::bidirectional);
  s.k().env().clock.advance(3'000'000);
  EXPECT_TRUE(s.dma(nic, address.value()).ok());
  EXPECT_TRUE(s.dma(nic, address.value(), dma_access::write).ok());
  // The timer is due at the third tick of 4 ms from the one at 1 ms: at 12 ms.
  s.k().env().clock.advance(20'000'000);
  EXPECT_FALSE(s.dma(nic, address.value()).ok());
  const window_figures figures = s.sanitizer().deferred_figures();
  EXPECT_EQ(figures.windows, 1u);
  EXPECT_EQ(figures.open, 0u);
  EXPECT_EQ(figures.accesses, 2u);
  EXPECT_EQ(figures.longest_ns, 11'000'000u);
  EXPECT_EQ(s.sanitizer().log().errors(), 0u) << to_text(s.sanitizer());
  EXPECT_EQ(s.sanitizer().log().count(sanitizer_rule::deferred_window), 1u) << "one window";
}

TEST(deferred_window, does_not_exist_with_strict) {
  checked s(settings[0], "intel_iommu=on,strict");
  const dma_addr address =
      dma_map_single(s.dev, phys_addr(buffer), page_size, dma_data_direction::bidirectional);
  EXPECT_TRUE(s.dma(nic, address.value()).ok());
  dma_unmap_single(s.dev, address, page_size, dma_data_direction::bidirectional);
  EXPECT_FALSE(s.dma(nic, address.value()).ok());
  EXPECT_EQ(s.sanitizer().deferred_figures().windows, 0u);
  EXPECT_EQ(s.sanitizer().log().errors(), 0u);
}

}  // namespace
}  // namespace iommulab::test::sanitizer_test
