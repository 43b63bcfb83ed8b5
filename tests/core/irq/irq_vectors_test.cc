// SPDX-License-Identifier: GPL-2.0-only
#include "core/irq/irq_vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace iommulab {
namespace {

using ::testing::ElementsAre;

unsigned vector_of(const irq_vectors& irqs, int irq) {
  return irqs.compose_msi_msg(irq).data & 0xff;
}

TEST(irq_vectors, go_up_in_steps_of_sixteen_and_then_begin_one_higher) {
  irq_vectors irqs;
  std::vector<unsigned> vectors;
  for (int i = 0; i < 13; ++i) {
    const int irq = irqs.alloc_irq();
    EXPECT_EQ(irq, 24 + i);
    vectors.push_back(vector_of(irqs, irq));
  }
  EXPECT_THAT(vectors, ElementsAre(0x41, 0x51, 0x61, 0x71, 0x81, 0x91, 0xa1, 0xb1, 0xc1, 0xd1, 0xe1,
                                   0x42, 0x52));
}

TEST(irq_vectors, are_used_up_below_those_of_the_system) {
  irq_vectors irqs;
  std::set<unsigned> vectors;
  for (int irq = irqs.alloc_irq(); irq != 0; irq = irqs.alloc_irq()) {
    vectors.insert(vector_of(irqs, irq));
  }
  EXPECT_EQ(vectors.size(), 0xefu - 0x41u);
  EXPECT_EQ(*vectors.rbegin(), 0xeeu);
  irqs.free_irq(30);
  EXPECT_EQ(irqs.alloc_irq(), 30);
  EXPECT_EQ(irqs.alloc_irq(), 0);
}

TEST(irq_vectors, a_limit_takes_vectors_away) {
  irq_vectors irqs;
  irqs.limit(1);
  EXPECT_EQ(irqs.alloc_irq(), 24);
  EXPECT_EQ(irqs.alloc_irq(), 0);
}

TEST(irq_vectors, a_message_names_processor_and_vector) {
  irq_vectors irqs;
  const msi_message message = irqs.compose_msi_msg(irqs.alloc_irq());
  // Logical destination 1 with the redirection hint; asserted, lowest priority, vector 41h.
  EXPECT_EQ(message.address, 0xfee0100cu);
  EXPECT_EQ(message.data, 0x4141u);
  EXPECT_EQ(irqs.compose_msi_msg(99), msi_message{});
}

TEST(irq_vectors, a_vector_finds_its_handler_which_may_free_it) {
  irq_vectors irqs;
  const int irq = irqs.alloc_irq();
  EXPECT_FALSE(irqs.do_irq(0x41)) << "nobody has asked for it";
  int taken = 0;
  irqs.request_irq(irq, [&] {
    ++taken;
    irqs.free_irq(irq);
  });
  EXPECT_FALSE(irqs.do_irq(0x51));
  EXPECT_TRUE(irqs.do_irq(0x41));
  EXPECT_EQ(taken, 1);
  EXPECT_FALSE(irqs.do_irq(0x41));
}

TEST(irq_vectors, each_line_has_its_own_handler) {
  irq_vectors irqs;
  std::vector<int> taken;
  for (int i = 0; i < 3; ++i) {
    const int irq = irqs.alloc_irq();
    if (i != 1) irqs.request_irq(irq, [&taken, i] { taken.push_back(i); });
  }
  EXPECT_TRUE(irqs.do_irq(0x61));
  EXPECT_FALSE(irqs.do_irq(0x51)) << "the second has no handler";
  EXPECT_TRUE(irqs.do_irq(0x41));
  EXPECT_THAT(taken, ElementsAre(2, 0));
}

}  // namespace
}  // namespace iommulab
