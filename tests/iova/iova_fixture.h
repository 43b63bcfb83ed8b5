// SPDX-License-Identifier: GPL-2.0-only
//
// An IOVA cache with everything it needs, and its cleanliness at the end.
#pragma once

#include <gtest/gtest.h>

#include "core/environment.h"
#include "core/slab.h"
#include "iova/iova.h"

namespace iommulab {

class iova_test : public testing::Test {
 protected:
  iova_test() { EXPECT_EQ(iova_cache_get(cache_), 0); }
  void TearDown() override {
    iova_cache_put(cache_);
    EXPECT_EQ(slab_.live(), 0) << "nodes leaked, or were freed twice";
  }

  environment env_;
  slab_failures slab_;
  iova_cache cache_{env_.trace, env_.log, slab_};
};

}  // namespace iommulab
