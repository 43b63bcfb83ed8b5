// SPDX-License-Identifier: GPL-2.0-only
//
// A process's memory, pins and files.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <vector>

#include "core/clock.h"
#include "core/trace.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/eventfd.h"
#include "vfio/process/task_struct.h"
#include "vfio/process/uaccess.h"

namespace iommulab {
namespace {

constexpr uint64_t here = 0x7e0000000000;
constexpr unsigned huge_order = 9;

class process_test : public testing::Test {
 protected:
  process_test() {
    const memory_range ram[] = {{phys_addr(0), uint64_t{64} << 20, memory_range::kind::ram}};
    memory_ = *physical_memory::create(ram);
    pages_ = std::make_unique<page_allocator>(*memory_, trace_);
    users_ = std::make_unique<user_pages>(*pages_);
    mm_ = std::make_shared<mm_struct>(*users_);
  }

  /// `count` pages of the allocator's at `address`.
  void map(uint64_t address, size_t count, bool writable = true) {
    std::vector<phys_addr> pages;
    for (size_t i = 0; i < count; ++i) pages.push_back(*users_->alloc());
    ASSERT_EQ(mm_->map_pages(address, pages, writable), 0);
  }

  tracer trace_;
  std::unique_ptr<physical_memory> memory_;
  std::unique_ptr<page_allocator> pages_;
  std::unique_ptr<user_pages> users_;
  std::shared_ptr<mm_struct> mm_;
};

TEST_F(process_test, a_page_goes_back_with_its_last_reference) {
  const uint64_t before = pages_->live_pages();
  const phys_addr page = *users_->alloc();
  users_->get(page);
  users_->put(page);
  EXPECT_EQ(pages_->live_pages(), before + 1);
  users_->put(page);
  EXPECT_EQ(pages_->live_pages(), before);
  EXPECT_EQ(users_->live(), 0u);
}

TEST_F(process_test, a_huge_page_goes_back_as_one) {
  const uint64_t before = pages_->live_pages();
  const phys_addr first = *users_->alloc_block(huge_order);
  EXPECT_EQ(first.value() % (page_size << huge_order), 0u);
  for (uint64_t i = 1; i < 512; ++i) users_->put(first + i * page_size);
  EXPECT_EQ(pages_->live_pages(), before + 512) << "one page of it is still referred to";
  users_->put(first);
  EXPECT_EQ(pages_->live_pages(), before);
  EXPECT_TRUE(pages_->diagnoses().empty());
}

TEST_F(process_test, an_adopted_page_is_not_the_allocators) {
  const uint64_t before = pages_->live_pages();
  const phys_addr page(0x100000);
  users_->adopt(page);
  users_->adopt(page);
  users_->put(page);
  EXPECT_EQ(users_->live(), 1u);
  users_->put(page);
  EXPECT_EQ(users_->live(), 0u);
  EXPECT_EQ(pages_->live_pages(), before);
}

TEST_F(process_test, a_pinned_page_outlives_its_area_and_its_process) {
  map(here, 2);
  const uint64_t with_area = pages_->live_pages();
  std::vector<phys_addr> pinned;
  ASSERT_EQ(mm_->pin_user_pages(here, 2, foll_write | foll_longterm, pinned), 2);
  EXPECT_EQ(users_->pins(), 2u);
  EXPECT_EQ(users_->pins_of(pinned[1]), 1u);
  ASSERT_EQ(mm_->unmap(here, 2 * page_size), 0);
  EXPECT_EQ(mm_->translate(here), std::nullopt);
  mm_->exit();
  EXPECT_EQ(pages_->live_pages(), with_area) << "a device may still reach them";
  mm_->unpin_user_page(pinned[0]);
  EXPECT_EQ(pages_->live_pages(), with_area - 1);
  mm_->unpin_user_page(pinned[1]);
  EXPECT_EQ(pages_->live_pages(), with_area - 2);
  EXPECT_EQ(users_->pins(), 0u);
  mm_->unpin_user_page(pinned[1]);
  EXPECT_EQ(users_->pins(), 0u) << "an unpin too many is passed over";
}

TEST_F(process_test, pinning_stops_where_an_area_ends) {
  map(here, 3);
  std::vector<phys_addr> pinned;
  EXPECT_EQ(mm_->pin_user_pages(here + page_size, 5, foll_write, pinned), 2);
  EXPECT_EQ(pinned.size(), 2u);
  EXPECT_EQ(pinned[0], mm_->translate(here + page_size));
  EXPECT_EQ(mm_->pin_user_pages(here + 3 * page_size, 1, foll_write, pinned), -EFAULT);
  EXPECT_EQ(mm_->pin_user_pages(0xffff888000000000, 1, 0, pinned), -EFAULT);
  EXPECT_EQ(pinned.size(), 2u);
  for (const phys_addr page : pinned) mm_->unpin_user_page(page);
}

TEST_F(process_test, read_only_memory_is_not_pinned_for_writing) {
  map(here, 1, false);
  std::vector<phys_addr> pinned;
  EXPECT_EQ(mm_->pin_user_pages(here, 1, foll_write, pinned), -EFAULT);
  EXPECT_EQ(mm_->pin_user_pages(here, 1, 0, pinned), 1);
  mm_->unpin_user_page(pinned[0]);
}

TEST_F(process_test, a_page_that_is_pinned_for_long_is_not_the_zero_page) {
  mm_->zero_page = *users_->alloc();
  users_->get(mm_->zero_page);
  ASSERT_EQ(mm_->map_pages(here, {mm_->zero_page, mm_->zero_page}, false), 0);
  std::vector<phys_addr> pinned;
  ASSERT_EQ(mm_->pin_user_pages(here, 1, foll_longterm, pinned), 1);
  EXPECT_NE(pinned[0], mm_->zero_page);
  EXPECT_EQ(mm_->translate(here), pinned[0]);
  EXPECT_EQ(mm_->translate(here + page_size), mm_->zero_page);
  mm_->unpin_user_page(pinned[0]);
}

TEST_F(process_test, lazy_memory_comes_when_it_is_touched) {
  ASSERT_EQ(mm_->map_lazily(here, 4 * page_size, true), 0);
  EXPECT_EQ(mm_->translate(here), std::nullopt);
  const uint64_t before = pages_->live_pages();
  const std::byte one[] = {std::byte{1}};
  EXPECT_EQ(mm_->copy_to_user(here + page_size + 5, one), 0u);
  EXPECT_EQ(pages_->live_pages(), before + 1);
  EXPECT_EQ(mm_->translate(here), std::nullopt);
  ASSERT_TRUE(mm_->translate(here + page_size + 5).has_value());
  EXPECT_EQ(*memory_->at(*mm_->translate(here + page_size + 5), 1), std::byte{1});
  pages_->fail_at(1);
  std::vector<phys_addr> pinned;
  EXPECT_EQ(mm_->pin_user_pages(here, 1, foll_write, pinned), -ENOMEM);
  EXPECT_EQ(mm_->pin_user_pages(here, 1, foll_write, pinned), 1);
  mm_->unpin_user_page(pinned[0]);
}

TEST_F(process_test, areas_do_not_overlap_and_may_be_cut) {
  map(here, 4);
  EXPECT_EQ(mm_->map_lazily(here + page_size, page_size, true), -EEXIST);
  EXPECT_EQ(mm_->map_lazily(here - page_size, 2 * page_size, true), -EEXIST);
  EXPECT_EQ(mm_->map_lazily(here + 1, page_size, true), -EINVAL);
  EXPECT_EQ(mm_->map_lazily(task_size_max, page_size, true), -EINVAL);
  EXPECT_EQ(mm_->map_lazily(task_size_max - page_size, page_size, true), 0);
  const auto last = mm_->translate(here + 3 * page_size);
  ASSERT_EQ(mm_->unmap(here + page_size, 2 * page_size), 0);
  EXPECT_TRUE(mm_->translate(here).has_value());
  EXPECT_EQ(mm_->translate(here + page_size), std::nullopt);
  EXPECT_EQ(mm_->translate(here + 2 * page_size), std::nullopt);
  EXPECT_EQ(mm_->translate(here + 3 * page_size), last);
}

TEST_F(process_test, copies_go_across_pages_and_say_what_is_left) {
  map(here, 2);
  std::vector<std::byte> bytes(page_size, std::byte{7});
  EXPECT_EQ(mm_->copy_to_user(here + page_size / 2, bytes), 0u);
  std::vector<std::byte> back(page_size);
  EXPECT_EQ(mm_->copy_from_user(absl::MakeSpan(back), here + page_size / 2), 0u);
  EXPECT_EQ(back, bytes);
  EXPECT_EQ(mm_->copy_to_user(here + page_size + 10, bytes), 10u);
  EXPECT_EQ(mm_->copy_from_user(absl::MakeSpan(back), here - 1), page_size);
}

TEST_F(process_test, the_callers_bytes_are_arguments_and_never_pinned) {
  std::vector<std::byte> own(100);
  ASSERT_EQ(mm_->map_bytes(here + 0x123, absl::MakeSpan(own)), 0);
  const std::byte two[] = {std::byte{1}, std::byte{2}};
  EXPECT_EQ(mm_->copy_to_user(here + 0x123 + 98, two), 0u);
  EXPECT_EQ(own[99], std::byte{2});
  EXPECT_EQ(mm_->copy_to_user(here + 0x123 + 99, two), 1u);
  std::vector<phys_addr> pinned;
  EXPECT_EQ(mm_->pin_user_pages(here, 1, 0, pinned), -EFAULT);
}

TEST_F(process_test, pages_are_not_cut_by_what_begins_with_the_callers_bytes) {
  std::vector<std::byte> own(100);
  ASSERT_EQ(mm_->map_bytes(here, absl::MakeSpan(own)), 0);
  map(here + page_size, 1);
  EXPECT_EQ(mm_->unmap(here, page_size + 1), -EINVAL);
  EXPECT_TRUE(mm_->translate(here + page_size).has_value());
  EXPECT_EQ(mm_->unmap(here, 100), 0);
}

struct counted_file : file {
  explicit counted_file(std::vector<int>& order, int number) : order_(order), number_(number) {}
  void release() override { order_.push_back(number_); }
  std::vector<int>& order_;
  int number_;
};

TEST_F(process_test, a_file_is_released_with_its_last_reference) {
  std::vector<int> order;
  files_struct files;
  files.begin_at(8);
  auto* f = new counted_file(order, 1);
  EXPECT_EQ(files.install(*f), 8);
  get_file(*f);
  EXPECT_EQ(files.close(8), 0);
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(files.close(8), -EBADF);
  fput(f);
  EXPECT_TRUE(order.empty()) << "the call is not through";
  files.task_work_run();
  EXPECT_EQ(order, std::vector<int>{1});
}

TEST_F(process_test, the_lowest_descriptor_is_taken_and_the_last_is_released_first) {
  std::vector<int> order;
  files_struct files;
  files.begin_at(8);
  EXPECT_EQ(files.install(*new counted_file(order, 8)), 8);
  EXPECT_EQ(files.install(*new counted_file(order, 9)), 9);
  EXPECT_EQ(files.install(*new counted_file(order, 10)), 10);
  EXPECT_EQ(files.close(9), 0);
  EXPECT_EQ(files.install(*new counted_file(order, 90)), 9);
  order.clear();
  files.exit_files();
  EXPECT_EQ(order, (std::vector<int>{10, 90, 8}));
}

/// The kernel stops in its release.
struct stopping_file : counted_file {
  using counted_file::counted_file;
  void release() override {
    counted_file::release();
    throw std::runtime_error("BUG");
  }
};

TEST_F(process_test, what_a_stopped_release_left_is_released_by_the_next_call) {
  std::vector<int> order;
  files_struct files;
  files.begin_at(8);
  files.install(*new counted_file(order, 8));
  files.install(*new stopping_file(order, 9));
  files.install(*new counted_file(order, 10));
  EXPECT_THROW(files.exit_files(), std::runtime_error);
  EXPECT_EQ(order, (std::vector<int>{10, 9}));
  files.task_work_run();
  EXPECT_EQ(order, (std::vector<int>{10, 9, 8}));
}

TEST_F(process_test, descriptors_may_come_from_elsewhere) {
  std::vector<int> order;
  files_struct files;
  int next = 20;
  files.unused_descriptor = [&next] { return next; };
  auto* const f = new counted_file(order, 1);
  EXPECT_EQ(files.install(*f), 20);
  files.install_at(25, get_file(*f));
  files.close(20);
  EXPECT_TRUE(order.empty()) << "25 leads to it";
  files.install_at(25, *new counted_file(order, 2));
  EXPECT_EQ(order, std::vector<int>{1}) << "what 25 led to is closed";
  next = -EMFILE;
  EXPECT_EQ(files.install(*new counted_file(order, 3)), -EMFILE);
  files.task_work_run();
  EXPECT_EQ(order, (std::vector<int>{1, 3}));
}

TEST_F(process_test, an_eventfd_may_be_another_tables) {
  task_struct task;
  int error = 0;
  EXPECT_EQ(eventfd_ctx_fdget(task, 7, error), nullptr);
  EXPECT_EQ(error, -EBADF);
  const auto counter = std::make_shared<eventfd_ctx>(0, false);
  task.eventfd_elsewhere = [&](int fd) { return fd == 7 ? counter : nullptr; };
  EXPECT_EQ(eventfd_ctx_fdget(task, 7, error), counter);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(eventfd_ctx_fdget(task, 8, error), nullptr);
  EXPECT_EQ(error, -EINVAL);
}

TEST_F(process_test, a_text_is_read_from_a_position_to_its_end) {
  map(here, 1);
  task_struct task;
  task.mm = mm_;
  EXPECT_EQ(simple_read_from_buffer(task, here, 100, 0, "abc"), 3);
  EXPECT_EQ(simple_read_from_buffer(task, here, 1, 2, "abc"), 1);
  EXPECT_EQ(simple_read_from_buffer(task, here, 100, 3, "abc"), 0);
  EXPECT_EQ(simple_read_from_buffer(task, here + page_size, 1, 0, "abc"), -EFAULT);
}

/// Holds another, as a device holds its iommufd.
struct holding_file : counted_file {
  holding_file(std::vector<int>& order, int number, file& held)
      : counted_file(order, number), held_(get_file(held)) {}
  void release() override {
    fput(&held_);
    counted_file::release();
  }
  file& held_;
};

TEST_F(process_test, what_a_release_lets_go_of_is_released_behind_it) {
  std::vector<int> order;
  files_struct files;
  auto* const held = new counted_file(order, 1);
  ASSERT_EQ(files.install(*held), 3);
  ASSERT_EQ(files.install(*new holding_file(order, 2, *held)), 4);
  ASSERT_EQ(files.install(*new counted_file(order, 3)), 5);
  EXPECT_EQ(files.close(3), 0);
  EXPECT_TRUE(order.empty()) << "it is held";
  files.exit_files();
  EXPECT_EQ(order, (std::vector<int>{3, 2, 1}));
}

TEST_F(process_test, a_file_that_outlives_its_process_is_released_at_once) {
  std::vector<int> order;
  auto* const f = new counted_file(order, 1);
  {
    files_struct files;
    ASSERT_EQ(files.install(*f), 3);
    get_file(*f);
  }
  EXPECT_TRUE(order.empty()) << "it is held";
  fput(f);
  EXPECT_EQ(order, std::vector<int>{1});
}

TEST_F(process_test, a_node_opens_or_says_why_not) {
  std::vector<int> order;
  task_struct task;
  device_nodes nodes;
  nodes.add("/dev/good", [&](task_struct&, int&) { return new counted_file(order, 1); });
  nodes.add("/dev/busy", [](task_struct&, int& error) -> file* {
    error = -EBUSY;
    return nullptr;
  });
  EXPECT_EQ(nodes.open(task, "/dev/good"), 3);
  EXPECT_EQ(nodes.open(task, "/dev/busy"), -EBUSY);
  EXPECT_EQ(nodes.open(task, "/dev/none"), -ENOENT);
  nodes.remove("/dev/good");
  EXPECT_EQ(nodes.open(task, "/dev/good"), -ENOENT);
}

struct sized {
  uint32_t size = 0;
  uint32_t value = 0;
};

TEST_F(process_test, a_structure_may_be_older_or_newer_than_the_kernels) {
  task_struct task;
  task.mm = mm_;
  std::vector<std::byte> own(1024);
  ASSERT_EQ(mm_->map_bytes(here, absl::MakeSpan(own)), 0);
  own[0] = std::byte{8};
  own[4] = std::byte{5};
  sized s;
  EXPECT_EQ(copy_struct_from_user(task, bytes_of(s), here, 4), 0);
  EXPECT_EQ(s.value, 0u) << "the caller does not know it";
  EXPECT_EQ(copy_struct_from_user(task, bytes_of(s), here, 8), 0);
  EXPECT_EQ(s.value, 5u);
  EXPECT_EQ(copy_struct_from_user(task, bytes_of(s), here, 900), 0);
  own[899] = std::byte{1};
  EXPECT_EQ(copy_struct_from_user(task, bytes_of(s), here, 900), -E2BIG);
  EXPECT_EQ(copy_struct_from_user(task, bytes_of(s), here, 899), 0);
  EXPECT_EQ(copy_struct_from_user(task, bytes_of(s), here + 1020, 8), -EFAULT);
  EXPECT_EQ(clear_user(task, here + 4, 600), 0);
  EXPECT_EQ(own[4], std::byte{0});
  EXPECT_EQ(own[899], std::byte{1});
  EXPECT_EQ(clear_user(task, here + 1000, 100), -EFAULT);
}

}  // namespace
}  // namespace iommulab
