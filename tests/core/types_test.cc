// SPDX-License-Identifier: GPL-2.0-only
#include "core/types.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <type_traits>

#include "core/status.h"

namespace iommulab::types_test {
namespace {

static_assert(!std::is_convertible_v<phys_addr, dma_addr>);
static_assert(!std::is_convertible_v<uint64_t, phys_addr>);
static_assert(sizeof(phys_addr) == sizeof(uint64_t) && sizeof(domain_id) == sizeof(uint16_t));

TEST(types, addresses_add_offsets_and_know_their_page) {
  const phys_addr a(0x12345678);
  EXPECT_EQ((a + 8).value(), 0x12345680u);
  EXPECT_EQ(a.page_offset(), 0x678u);
  EXPECT_EQ(a.page_base(), phys_addr(0x12345000));
  EXPECT_EQ((a + 8) - a, 8u);
}

TEST(types, source_ids_print_as_the_kernel_prints_them) {
  const source_id id = source_id::from_requester_id(1, 0x00fa);
  EXPECT_EQ(id.device(), 0x1f);
  EXPECT_EQ(id.function(), 2);
  EXPECT_EQ(to_string(id), "0001:00:1f.2");
  EXPECT_EQ(to_short_string(id), "00:1f.2");
  EXPECT_EQ(id.requester_id(), 0x00fa);
}

TEST(status, carries_the_errno) {
  EXPECT_EQ(status_errno(absl::OkStatus()), 0);
  const absl::Status s = errno_status(ENOMEM, "no page");
  EXPECT_EQ(status_errno(s), ENOMEM);
  EXPECT_EQ(s.message(), "no page");
  EXPECT_EQ(input_error("f", 16, "length", "0", "too short").message(),
            "f: offset 0x10: length is 0: too short");
}

}  // namespace
}  // namespace iommulab::types_test
