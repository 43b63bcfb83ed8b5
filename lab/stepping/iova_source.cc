// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status.h"
#include "iova/trace/linux_player.h"
#include "lab/stepping/run_sources.h"
#include "lab/stepping/told_domain.h"

namespace iommulab {
namespace {

/// The one processor that the recorded operations run on has no clock: every event has time 0.
class iova_running final : public running {
 public:
  iova_running(const iova_trace& trace, const iova_trace_version& version, trace_sink& sink)
      : trace_(trace), version_(version), hearing_(events_.subscribe(sink)) {}

  void go() override {
    const auto made = play_on_linux(trace_, version_, [this] { return make_domain(); });
    status_ = made.status();
    if (made.ok() && made->difference) {
      status_ = errno_status(
          EIO, absl::StrCat(trace_.name, ": differs at ", iova_difference_text(*made->difference)));
    }
    domains_.clear();  // they go with the player
  }
  void mute() override { events_.mute(); }
  [[nodiscard]] absl::Status status() const override { return status_; }
  [[nodiscard]] kernel* system() override { return nullptr; }
  [[nodiscard]] std::vector<structure_section> structures(const structure_query& wanted) override {
    structure_section section{"iova_domain", {}};
    for (const told_domain* domain : domains_) {
      section.structures.push_back(domain->as_structure(absl::StrCat(section.structures.size())));
    }
    return wanted_of({std::move(section)}, wanted);
  }
  [[nodiscard]] std::optional<std::vector<structure_changes>> changes() override {
    structure_changes all{"iova_domain", {}};
    for (size_t i = 0; i < domains_.size(); ++i) {
      all.structures.push_back(domains_[i]->take_change(absl::StrCat(i)));
      all.structures.back().index = i;
    }
    return std::vector{std::move(all)};
  }

 private:
  std::unique_ptr<linux_iova_domain> make_domain() {
    auto inner = make_linux_iova_domain(version_.name, {});
    if (inner == nullptr) return nullptr;
    auto made = std::make_unique<told_domain>(std::move(inner), events_);
    domains_.push_back(made.get());
    return made;
  }

  const iova_trace& trace_;
  const iova_trace_version& version_;
  tracer events_;
  trace_subscription hearing_;
  std::vector<told_domain*> domains_;
  absl::Status status_;
};

class repeatable_iova_replay final : public repeatable_run {
 public:
  repeatable_iova_replay(iova_trace trace, const iova_trace_version& version)
      : trace_(std::move(trace)), version_(version) {}

  absl::StatusOr<std::unique_ptr<running>> make(trace_sink& sink) const override {
    return std::make_unique<iova_running>(trace_, version_, sink);
  }
  std::string title() const override {
    return absl::StrCat(trace_.name, ", the allocator of Linux ", version_.number());
  }

 private:
  iova_trace trace_;
  const iova_trace_version& version_;
};

}  // namespace

std::unique_ptr<repeatable_run> iova_replay_to_repeat(iova_trace trace,
                                                      const iova_trace_version& version) {
  return std::make_unique<repeatable_iova_replay>(std::move(trace), version);
}

}  // namespace iommulab
