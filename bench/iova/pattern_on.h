// SPDX-License-Identifier: GPL-2.0-only
//
// A pattern together with what it runs on.
#pragma once

#include <memory>
#include <utility>

#include "bench/iova/pattern.h"
#include "iova/lab/host.h"

namespace iommulab {

/// An engine and its host. Each function is a call, as those of the kernel's own code are and as
/// they would be for a driver in another file: not inlined into the loop that is timed.
template <template <class> class Engine, class Host>
class called_engine {
 public:
  called_engine(const iova_space& space, unsigned cpus) : engine_(host_, space, cpus) {}

  [[gnu::noinline]] iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    return engine_.alloc(size, limit_pfn, size_aligned);
  }
  [[gnu::noinline]] void free(iova_grant grant, uint64_t size) { engine_.free(grant, size); }
  [[gnu::noinline]] uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn,
                                        bool flush) {
    return engine_.alloc_fast(cpu, size, limit_pfn, flush);
  }
  [[gnu::noinline]] void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) {
    engine_.free_fast(cpu, pfn_lo, size);
  }
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) { return engine_.reserve(pfn_lo, pfn_hi); }
  [[gnu::noinline]] std::optional<iova_range> find(uint64_t frame) const {
    return engine_.find(frame);
  }
  template <class F>
  void for_each(F f) const {
    engine_.for_each(f);
  }
  [[nodiscard]] iova_counters counters() const { return engine_.counters(); }

 private:
  Host host_;
  Engine<Host> engine_;
};

template <template <class> class Engine>
struct on_engine {
  template <class Host>
  using called = called_engine<Engine, Host>;
};

/// The kernel's own code: the functions of its engine are nothing but calls already.
template <template <class> class Engine>
struct on_kernel {
  template <class Host>
  class direct : private Host, public Engine<Host> {
   public:
    direct(const iova_space& space, unsigned cpus)
        : Engine<Host>(static_cast<Host&>(*this), space, cpus) {}
  };
};

template <class Subject, class Pattern>
class pattern_on final : public pattern {
 public:
  pattern_on(std::unique_ptr<Subject> allocator, Pattern steps)
      : subject_(std::move(allocator)), steps_(std::move(steps)) {}

  absl::Status set_up() { return steps_.set_up(*subject_); }

  void run(uint64_t operations, unsigned thread) override {
    if constexpr (requires { subject_->enter_cpu(thread); }) subject_->enter_cpu(thread);
    const uint64_t seen =
        steps_.run(*subject_, operations, thread, thread == 0 ? checksum_ : uint64_t{0});
    if (thread == 0) checksum_ = seen;
  }
  [[nodiscard]] iova_counters counters() const override { return subject_->counters(); }
  [[nodiscard]] std::vector<iova_range> ranges() const override {
    std::vector<iova_range> all;
    subject_->for_each([&all](const iova_range& range) { all.push_back(range); });
    return all;
  }

 private:
  std::unique_ptr<Subject> subject_;
  Pattern steps_;
};

/// The pattern on a subject, with its live mappings.
template <class Subject, class Pattern>
absl::StatusOr<std::unique_ptr<pattern>> put_on(std::unique_ptr<Subject> subject, Pattern steps) {
  auto whole = std::make_unique<pattern_on<Subject, Pattern>>(std::move(subject), std::move(steps));
  if (absl::Status status = whole->set_up(); !status.ok()) return status;
  return whole;
}

}  // namespace iommulab
