// SPDX-License-Identifier: GPL-2.0-only
#include "iova/workload/workload.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <set>
#include <vector>

#include "iova/support/naive_allocator.h"
#include "iova/workload/runner.h"
#include "support/golden.h"

namespace iommulab::workload_test {
namespace {

using action = iova_operation::action;

/// Every family once, small.
std::vector<std::string> small_workloads() {
  return {"steady-100",      "steady64-100", "nic-ring-512",  "nic-ring-512-shuffled",
          "random-100",      "nvme-mix",     "fallback-64",   "exhaustion",
          "ageing",          "linear-100",   "nvme-mix:tree", "steady-100:fast",
          "dominated-64-100"};
}

std::string refusal(std::string_view name) {
  const auto workload = make_iova_workload(name);
  if (workload.ok()) return "made";
  EXPECT_EQ(status_errno(workload.status()), EINVAL);
  return std::string(workload.status().message());
}

iova_run_counts run(const iova_workload& workload) {
  naive_allocator allocator(workload.space);
  return run_workload(static_cast<iova_allocator&>(allocator), workload);
}

bool equal(const iova_operation& a, const iova_operation& b) {
  return a.what == b.what && a.cpu == b.cpu && a.size_aligned == b.size_aligned &&
         a.slot == b.slot && a.size == b.size && a.limit_pfn == b.limit_pfn &&
         a.fallback_limit_pfn == b.fallback_limit_pfn;
}

TEST(iova_workloads, are_made_by_the_names_that_are_listed) {
  for (const iova_workload_entry& entry : iova_workloads()) {
    if (entry.example.starts_with("replay:")) continue;
    const auto workload = make_iova_workload(entry.example);
    ASSERT_TRUE(workload.ok()) << workload.status();
    EXPECT_EQ(workload->name, entry.example);
    EXPECT_FALSE(workload->operations.empty());
  }
}

TEST(iova_workloads, are_the_same_each_time) {
  for (const std::string& name : small_workloads()) {
    const auto one = make_iova_workload(name);
    const auto other = make_iova_workload(name);
    ASSERT_TRUE(one.ok() && other.ok()) << name;
    EXPECT_TRUE(std::equal(one->operations.begin(), one->operations.end(),
                           other->operations.begin(), other->operations.end(), equal))
        << name;
  }
}

TEST(iova_workloads, give_every_slot_one_allocation_at_a_time_and_free_it_by_its_own_pair) {
  for (const std::string& name : small_workloads()) {
    const auto workload = make_iova_workload(name);
    ASSERT_TRUE(workload.ok()) << name;
    std::vector<int> held(workload->slots);  // 0 empty, 1 by alloc, 2 by alloc_fast
    for (const auto* part : {&workload->setup, &workload->operations}) {
      for (const iova_operation& operation : *part) {
        ASSERT_LT(operation.slot, workload->slots) << name;
        ASSERT_LT(operation.cpu, workload->cpus) << name;
        int& slot = held[operation.slot];
        if (operation.what == action::alloc || operation.what == action::alloc_fast) {
          ASSERT_EQ(slot, 0) << name << " slot " << operation.slot;
          ASSERT_GE(operation.size, 1u) << name;
          slot = operation.what == action::alloc ? 1 : 2;
        } else {
          ASSERT_EQ(slot, operation.what == action::free ? 1 : 2) << name;
          slot = 0;
        }
      }
    }
  }
}

TEST(iova_workloads, say_what_is_wrong_with_a_name) {
  EXPECT_EQ(refusal("nonsense"),
            "workload is \"nonsense\": unknown; `iommulab iova list` names them");
  EXPECT_EQ(refusal(""), "workload is \"\": unknown; `iommulab iova list` names them");
  EXPECT_EQ(refusal("steady-"), "workload is \"steady-\": steady-N wants a number in place of N");
  EXPECT_EQ(refusal("steady-x"), "workload is \"steady-x\": steady-N wants a number in place of N");
  EXPECT_EQ(refusal("steady--1"),
            "workload is \"steady--1\": steady-N wants a number in place of N");
  EXPECT_EQ(refusal("steady-1000001"), "workload is \"steady-1000001\": N must be 0 to 1000000");
  EXPECT_EQ(refusal("linear-99999999999999999999"),
            "workload is \"linear-99999999999999999999\": N must be 2 to 1000000");
  EXPECT_EQ(refusal("linear-1"), "workload is \"linear-1\": N must be 2 to 1000000");
  EXPECT_EQ(refusal("nvme-mix-4"),
            "workload is \"nvme-mix-4\": unknown; `iommulab iova list` names them");
  EXPECT_EQ(refusal("steady-4:slow"),
            "workload is \"steady-4:slow\": only \":tree\" or \":fast\" may stand behind the name");
}

TEST(iova_workloads, keep_as_many_live_as_their_names_say) {
  EXPECT_EQ(run(*make_iova_workload("steady-100")).live, 100u);
  EXPECT_EQ(run(*make_iova_workload("steady-100")).live_peak, 101u);
  EXPECT_EQ(run(*make_iova_workload("nic-ring-512")).live_peak, 512u);
  EXPECT_EQ(run(*make_iova_workload("nic-ring-512-shuffled")).live, 512u);
  EXPECT_EQ(run(*make_iova_workload("random-100")).live, 100u);
  EXPECT_EQ(run(*make_iova_workload("nvme-mix")).live_peak, 256u);
  EXPECT_EQ(run(*make_iova_workload("linear-100")).live, 100u);
  EXPECT_EQ(run(*make_iova_workload("dominated-64-100")).live_peak, 101u);
}

TEST(iova_workloads, steady_pairs_fail_nowhere) {
  const iova_run_counts counts = run(*make_iova_workload("steady-100"));
  EXPECT_EQ(counts.failures, 0u);
  EXPECT_EQ(counts.operations, 100 + 2 * 16384u);
}

TEST(iova_workloads, fallback_64_leaves_the_32_bits_when_they_are_full) {
  // 2^20 frames below 4 GiB are 2048 places of 512 frames; one meets the interrupt range, one
  // holds frame 0, below start_pfn.
  const auto workload = make_iova_workload("fallback-64");
  naive_allocator allocator(workload->space);
  no_observer nobody;
  iova_runner<iova_allocator, no_observer> runner(allocator, *workload, nobody);
  ASSERT_TRUE(runner.reserve(workload->reserved));
  runner.run(workload->setup);
  EXPECT_EQ(runner.counts().fallbacks, 4096u - 2046u);
  EXPECT_EQ(runner.counts().failures, 0u);
  runner.run(workload->operations);
  EXPECT_EQ(runner.counts().failures, 0u);
  EXPECT_EQ(runner.counts().live, 4096u);
}

TEST(iova_workloads, exhaustion_fails_exactly_when_nothing_fits) {
  // A round: 64 requests on a full space, and 64 for 2 frames where only single ones are free.
  const iova_run_counts counts = run(*make_iova_workload("exhaustion"));
  EXPECT_EQ(counts.failures, 8 * (64u + 64u));
  EXPECT_EQ(counts.live_peak, 4096u);
  EXPECT_EQ(counts.live, 0u);
}

TEST(iova_workloads, nvme_mix_asks_for_more_than_caches_hold_and_on_every_cpu) {
  const auto workload = make_iova_workload("nvme-mix");
  std::set<unsigned> cpus;
  size_t large = 0;
  size_t requests = 0;
  for (const iova_operation& operation : workload->operations) {
    if (operation.what != action::alloc_fast) continue;
    ++requests;
    large += operation.size > 32;
    cpus.insert(operation.cpu);
  }
  EXPECT_EQ(cpus.size(), 4u);
  EXPECT_NEAR(static_cast<double>(large) / static_cast<double>(requests), 0.2, 0.02);
}

TEST(iova_workloads, ageing_frees_on_another_cpu_and_moves_to_larger_sizes_and_back) {
  const auto workload = make_iova_workload("ageing");
  std::vector<unsigned> allocated_on(workload->slots);
  for (const iova_operation& o : workload->setup) allocated_on[o.slot] = o.cpu;
  std::vector<uint64_t> largest(8);
  for (size_t i = 0; i < workload->operations.size(); ++i) {
    const iova_operation& o = workload->operations[i];
    if (o.what == action::free_fast) {
      ASSERT_NE(o.cpu, allocated_on[o.slot]);
    } else {
      allocated_on[o.slot] = o.cpu;
      uint64_t& most = largest[i * 8 / workload->operations.size()];
      most = std::max(most, o.size);
    }
  }
  EXPECT_EQ(largest, (std::vector<uint64_t>{1, 2, 8, 32, 64, 16, 4, 1}));
}

TEST(iova_workloads, tree_and_fast_choose_the_path) {
  const iova_workload ring = *make_iova_workload("nic-ring-512:tree");
  for (const iova_operation& o : ring.operations) {
    EXPECT_TRUE(o.what == action::alloc || o.what == action::free);
  }
  const iova_workload steady = *make_iova_workload("steady-4:fast");
  for (const iova_operation& o : steady.operations) {
    EXPECT_TRUE(o.what == action::alloc_fast || o.what == action::free_fast);
  }
}

class replayed_workload : public testing::Test {
 protected:
  static absl::StatusOr<iova_workload> replay(std::string_view text) {
    const std::string path = testing::TempDir() + "iova_workload_replay.trace";
    std::ofstream(path) << text;
    return make_iova_workload("replay:" + path);
  }
};

TEST_F(replayed_workload, has_the_requests_of_the_trace) {
  const auto workload = replay(
      "# Linux 6.1 iova, trace t\n"
      "init 4096 0x10 0x100000\nrcache_init 2\nreserve 0xfee00 0xfeeff -> 0xfee00 0xfeeff\n"
      "alloc 0 3 0xfffff 0 -> 0xffffd 0xfffff\ncpu 1\n"
      "alloc_fast 1 2 0xfffff 1 -> 0xffffa 0xffffb\n"
      "alloc 2 9 0x11 1 -> FAIL\nfree_fast 1\nfree 0\nstate -> cached32=none\n");
  ASSERT_TRUE(workload.ok()) << workload.status();
  EXPECT_EQ(workload->space.start_pfn, 0x10u);
  EXPECT_EQ(workload->space.last_32bit_pfn, 0xfffffu);
  EXPECT_EQ(workload->cpus, 2u);
  EXPECT_EQ(workload->reserved, (std::vector<iova_range>{{0xfee00, 0xfeeff}}));
  ASSERT_EQ(workload->operations.size(), 6u);
  EXPECT_FALSE(workload->operations[0].size_aligned);
  EXPECT_EQ(workload->operations[1].what, action::alloc_fast);
  EXPECT_EQ(workload->operations[1].cpu, 1);
  EXPECT_EQ(workload->operations[2].limit_pfn, 0x11u);
  EXPECT_EQ(run(*workload).failures, 1u);
  EXPECT_EQ(run(*workload).live, 0u);
}

TEST_F(replayed_workload, refuses_what_is_no_workload) {
  EXPECT_EQ(status_errno(make_iova_workload("replay:missing").status()), ENOENT);
  const auto refused = [](std::string_view text) {
    const auto status = replay(text).status();
    return std::string(status.message());
  };
  EXPECT_NE(refused("init 4096 1 0xfffff\ninit 4096 1 0xfffff\n").find("line 2: operation is"),
            std::string::npos);
  EXPECT_NE(refused("init 4096 1 0xfffff\nfree_pfn 1\n").find("has no such operation"),
            std::string::npos);
  EXPECT_NE(refused("init 4096 1 0xfffff\nalloc 0 1 0xff 0 -> 0xff 0xff\nreserve 1 2 -> 1 2\n")
                .find("reserves before it allocates"),
            std::string::npos);
}

TEST_F(replayed_workload, runs_a_recorded_trace) {
  const auto workload =
      make_iova_workload("replay:" + (golden::root() / "iova/6.12/f_fast_nic.trace").string());
  ASSERT_TRUE(workload.ok()) << workload.status();
  EXPECT_EQ(run(*workload).failures, 0u);
}

}  // namespace
}  // namespace iommulab::workload_test
