// SPDX-License-Identifier: GPL-2.0-only
//
// Kernels of different releases in one process: each behaves as it does alone, whatever the other
// does meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/dma/dma_mapping.h"
#include "kernel/catalogue.h"
#include "platform/machine/builtin.h"
#include "support/small_machine.h"
#include "support/system.h"

namespace iommulab::test::side_by_side_test {
namespace {

constexpr uint16_t earlier = 1, later = 2;

/// One system among several that tell the same sink.
class member {
 public:
  member(uint16_t number, const machine_config& machine, trace_sink& sink, event_numbers& numbers)
      : kernel_(kernel::create(machine, {.profile = kernel_profiles()[number - 1u],
                                         .command_line = "intel_iommu=on,strict"})
                    .value()) {
    kernel_->env().trace.set_system(number);
    kernel_->env().trace.number_by(numbers);
    subscription_ = kernel_->env().trace.subscribe(sink);
  }
  kernel& k() { return *kernel_; }
  void boot() {
    EXPECT_EQ(k().start_up().intel_iommu_init, 0);
    k().load_drivers();
  }
  void finish() {
    k().finish_boot();
    k().load_late_drivers();
  }
  dma_addr map() {
    return dma_map_single(dev(), phys_addr(0x1000000), page_size, dma_data_direction::to_device);
  }
  void unmap(dma_addr address) {
    dma_unmap_single(dev(), address, page_size, dma_data_direction::to_device);
  }
  void remove() {
    ASSERT_TRUE(k().sysfs().write("bus/pci/devices/" + to_string(mapped) + "/remove", "1").ok());
  }

 private:
  static constexpr source_id mapped = at(0xc1, 0);  // behind the server's dmar2
  device& dev() { return k().pci().find(mapped)->dev; }

  std::unique_ptr<kernel> kernel_;
  trace_subscription subscription_;
};

/// The events of one system, without the numbers that it shares with others.
std::vector<trace_event> events_of(uint16_t system, const trace_recorder& recorder) {
  std::vector<trace_event> events;
  for (trace_event e : recorder.events()) {
    if (e.system != system) continue;
    e.seq = 0;
    events.push_back(std::move(e));
  }
  return events;
}

/// The same work in a system of its own.
std::vector<trace_event> events_alone(uint16_t number) {
  trace_recorder recorder;
  event_numbers numbers;
  member m(number, server_machine(), recorder, numbers);
  m.boot();
  m.finish();
  m.unmap(m.map());
  m.remove();
  return events_of(number, recorder);
}

void expect_as_alone(uint16_t number, const trace_recorder& recorder) {
  const std::vector<trace_event> together = events_of(number, recorder);
  const std::vector<trace_event> alone = events_alone(number);
  ASSERT_GT(alone.size(), 1000u);
  ASSERT_EQ(together.size(), alone.size());
  const auto [at, other] = std::mismatch(together.begin(), together.end(), alone.begin());
  EXPECT_EQ(at, together.end()) << "event " << at - together.begin() << " of system " << number;
}

/// Shared numbers: every event has one, and they grow.
void expect_one_sequence(const trace_recorder& recorder) {
  uint64_t last = 0;
  for (const trace_event& e : recorder.events()) {
    ASSERT_EQ(e.seq, last + 1);
    last = e.seq;
  }
}

TEST(two_kernels, take_turns_and_behave_each_as_its_own) {
  trace_recorder recorder;
  event_numbers numbers;
  member one(earlier, server_machine(), recorder, numbers);
  member other(later, server_machine(), recorder, numbers);
  one.boot();
  other.boot();
  one.finish();
  other.finish();
  const dma_addr of_other = other.map();
  const dma_addr of_one = one.map();
  other.unmap(of_other);
  one.unmap(of_one);
  one.remove();
  other.remove();
  expect_one_sequence(recorder);
  expect_as_alone(earlier, recorder);
  expect_as_alone(later, recorder);
}

/// Records, and does something else when a function is first entered.
class interrupting_recorder : public trace_recorder {
 public:
  interrupting_recorder(std::string_view function, std::function<void()> what)
      : function_(function), what_(std::move(what)) {}
  void on_event(const trace_event& event) override {
    trace_recorder::on_event(event);
    if (what_ == nullptr || event.function() != function_) return;
    std::exchange(what_, nullptr)();
  }

 private:
  std::string_view function_;
  std::function<void()> what_;
};

// The other boots from start to end while the one is in the middle of init_dmars().
TEST(two_kernels, boot_one_within_the_other) {
  for (const auto& [outer, inner] : {std::pair(earlier, later), std::pair(later, earlier)}) {
    event_numbers numbers;
    std::unique_ptr<member> within;
    interrupting_recorder recorder("check_tylersburg_isoch", [&] {
      within->boot();
      within->finish();
    });
    member around(outer, server_machine(), recorder, numbers);
    within = std::make_unique<member>(inner, server_machine(), recorder, numbers);
    around.boot();
    around.finish();
    for (member* m : {within.get(), &around}) {
      m->unmap(m->map());
      m->remove();
    }
    expect_one_sequence(recorder);
    expect_as_alone(outer, recorder);
    expect_as_alone(inner, recorder);
  }
}

// Of all that is the same in both, the order of the units' queues and root tables is not.
TEST(two_kernels, differ_side_by_side) {
  trace_recorder recorder;
  event_numbers numbers;
  member one(earlier, server_machine(), recorder, numbers);
  member other(later, server_machine(), recorder, numbers);
  other.boot();
  one.boot();
  const auto root_tables_before_the_last_queue = [&](uint16_t system) {
    constexpr uint64_t rtaddr = 0x20, iqa = 0x90;
    int roots = 0;
    int before = 0;
    for (const trace_event& e : events_of(system, recorder)) {
      const auto* write = e.as<events::reg_write>();
      if (write == nullptr) continue;
      if (write->offset == rtaddr) ++roots;
      if (write->offset == iqa) before = roots;
    }
    EXPECT_EQ(roots, 4);
    return before;
  };
  EXPECT_EQ(root_tables_before_the_last_queue(earlier), 3);
  EXPECT_EQ(root_tables_before_the_last_queue(later), 0);
}

// x86_dma has the release's bounce buffers, not one kernel's for all.
TEST(two_kernels, bounce_each_in_its_own_words) {
  const auto mapped_line = [](const kernel_profile& profile) {
    small_machine m;
    m.ram = uint64_t{128} << 20;
    system s(m.build(),
             kernel_options{.profile = &profile, .command_line = "iommu=soft swiotlb=1024"});
    s.boot();
    for (const std::string& line : s.log()) {
      if (line.starts_with("software IO TLB")) return line.substr(0, line.find("0x"));
    }
    return std::string("none in ") + s.log_text();
  };
  EXPECT_EQ(mapped_line(*find_kernel_profile("v4_4")), "software IO TLB [mem ");
  EXPECT_EQ(mapped_line(*find_kernel_profile("v4_4_178")), "software IO TLB: mapped [mem ");
}

}  // namespace
}  // namespace iommulab::test::side_by_side_test
