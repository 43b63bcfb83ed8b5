// SPDX-License-Identifier: GPL-2.0-or-later
//
// A pattern together with what it runs on.
#pragma once

#include <concepts>
#include <memory>
#include <utility>

#include "bench/iova/pattern.h"
#include "iova/lab/boxed_engine.h"

namespace iommulab {

/// An engine and its host, called directly.
template <template <class> class Engine, class Host>
class placed_engine : private Host, public Engine<Host> {
 public:
  placed_engine(const iova_space& space, unsigned cpus)
      : Engine<Host>(static_cast<Host&>(*this), space, cpus) {}
};

template <class Subject>
std::vector<iova_range> ranges_of(const Subject& subject) {
  if constexpr (std::derived_from<Subject, iova_allocator>) {
    return subject.ranges();
  } else {
    std::vector<iova_range> all;
    subject.for_each([&all](const iova_range& range) { all.push_back(range); });
    return all;
  }
}

template <class Subject, class Pattern>
class pattern_on final : public pattern {
 public:
  pattern_on(std::unique_ptr<Subject> subject, Pattern steps)
      : subject_(std::move(subject)), steps_(std::move(steps)) {}

  absl::Status set_up() { return steps_.set_up(*subject_); }

  void run(uint64_t operations, unsigned thread) override {
    const uint64_t seen =
        steps_.run(*subject_, operations, thread, thread == 0 ? checksum_ : uint64_t{0});
    if (thread == 0) checksum_ = seen;
  }
  [[nodiscard]] iova_counters counters() const override { return subject_->counters(); }
  [[nodiscard]] std::vector<iova_range> ranges() const override { return ranges_of(*subject_); }

 private:
  std::unique_ptr<Subject> subject_;
  Pattern steps_;
};

/// The pattern on a subject, with its live mappings.
template <class Subject, class Pattern>
absl::StatusOr<std::unique_ptr<pattern>> put_on(std::unique_ptr<Subject> subject, Pattern steps) {
  if (subject == nullptr) return absl::ResourceExhaustedError("no memory for the allocator");
  auto whole = std::make_unique<pattern_on<Subject, Pattern>>(std::move(subject), std::move(steps));
  if (absl::Status status = whole->set_up(); !status.ok()) return status;
  return whole;
}

}  // namespace iommulab
