// SPDX-License-Identifier: GPL-2.0-only
//
// An engine as an iova_allocator. An engine is a class template over its host with
//
//   Engine(Host& host, const iova_space& space, unsigned cpus);
//   bool usable() const;                 // false: no memory while it was made
//   iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned);
//   void free(iova_grant grant, uint64_t size);
//   uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush);
//   void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size);
//   bool reserve(uint64_t pfn_lo, uint64_t pfn_hi);
//   std::optional<iova_range> find(uint64_t frame) const;
//   template <class F> void for_each(F f) const;   // f(iova_range), ascending
//   iova_counters counters() const;
//
// all of which mean what lab/allocator.h says.
#pragma once

#include <memory>

#include "iova/lab/catalogue.h"
#include "iova/lab/host.h"

namespace iommulab {

template <template <class> class Engine, class Host>
class boxed_engine final : public iova_allocator {
 public:
  explicit boxed_engine(const iova_setup& setup)
      : host_{setup.failures}, engine_(host_, setup.space, setup.cpus) {}

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) override {
    return engine_.alloc(size, limit_pfn, size_aligned);
  }
  void free(iova_grant grant, uint64_t size) override { engine_.free(grant, size); }
  uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) override {
    return engine_.alloc_fast(cpu, size, limit_pfn, flush);
  }
  void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) override {
    engine_.free_fast(cpu, pfn_lo, size);
  }
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) override {
    return engine_.reserve(pfn_lo, pfn_hi);
  }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const override {
    return engine_.find(frame);
  }
  [[nodiscard]] std::vector<iova_range> ranges() const override {
    std::vector<iova_range> all;
    engine_.for_each([&all](const iova_range& range) { all.push_back(range); });
    return all;
  }
  [[nodiscard]] iova_counters counters() const override { return engine_.counters(); }

  [[nodiscard]] bool usable() const { return engine_.usable(); }

 private:
  Host host_;
  Engine<Host> engine_;
};

/// `make.operator()<Host>()` for the host that the setup names.
template <class F>
auto on_host(const iova_setup& setup, F make) {
  switch (setup.host) {
    case lab_host_kind::counting:
      return make.template operator()<counting_host>();
    case lab_host_kind::threaded:
      return make.template operator()<threaded_host>();
    case lab_host_kind::bare:
      break;
  }
  return make.template operator()<bare_host>();
}

/// For an entry of the catalogue: `Engine` on the host that the setup names.
template <template <class> class Engine>
std::unique_ptr<iova_allocator> make_boxed(const iova_setup& setup) {
  return on_host(setup, [&setup]<class Host>() -> std::unique_ptr<iova_allocator> {
    auto boxed = std::make_unique<boxed_engine<Engine, Host>>(setup);
    if (!boxed->usable()) return nullptr;
    return boxed;
  });
}

}  // namespace iommulab
