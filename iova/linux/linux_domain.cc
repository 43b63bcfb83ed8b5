// SPDX-License-Identifier: GPL-2.0-only
#include "iova/linux/linux_domain.h"

#include <optional>

#include "iova/lab/boxed_engine.h"
#include "iova/linux/generations.h"

namespace iommulab {
namespace {

template <class Host, template <class> class Engine>
class domain_over final : public linux_iova_domain {
 public:
  explicit domain_over(const iova_setup& setup) : host_{setup.failures}, cpus_(setup.cpus) {
    engine_.emplace(host_, setup.space, cpus_);
  }
  [[nodiscard]] bool usable() const { return engine_->usable(); }

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) override {
    return engine_->alloc(size, limit_pfn, size_aligned);
  }
  void free(iova_grant grant, uint64_t size) override { engine_->free(grant, size); }
  uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) override {
    return engine_->alloc_fast(cpu, size, limit_pfn, flush);
  }
  void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) override {
    engine_->free_fast(cpu, pfn_lo, size);
  }
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) override {
    return engine_->reserve(pfn_lo, pfn_hi);
  }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const override {
    return engine_->find(frame);
  }
  [[nodiscard]] std::vector<iova_range> ranges() const override {
    std::vector<iova_range> all;
    engine_->for_each([&all](const iova_range& range) { all.push_back(range); });
    return all;
  }
  [[nodiscard]] iova_counters counters() const override { return engine_->counters(); }

  [[nodiscard]] bool supports(linux_iova_feature feature) const override {
    return Engine<Host>::supports(feature);
  }
  void init_iova_domain(const iova_space& space) override { engine_.emplace(host_, space, cpus_); }
  bool init_rcaches(unsigned cpus) override {
    cpus_ = cpus;
    return engine_->init_rcaches(cpus);
  }
  [[nodiscard]] iova_range range(iova_grant grant) const override {
    const iova& node = *static_cast<const iova*>(grant.node);
    return {node.pfn_lo, node.pfn_hi};
  }
  std::optional<iova_range> reserve_iova(uint64_t pfn_lo, uint64_t pfn_hi) override {
    return engine_->reserve_iova(pfn_lo, pfn_hi);
  }
  uint64_t rcache_get(unsigned cpu, uint64_t size, uint64_t limit_pfn) override {
    return engine_->rcache_get(cpu, size, limit_pfn);
  }
  void free_iova(uint64_t frame) override { engine_->free_iova(frame); }
  iova_grant find_iova(uint64_t frame) override { return engine_->find_iova(frame); }
  std::optional<iova_range> split_and_remove_iova(iova_grant grant, uint64_t pfn_lo,
                                                  uint64_t pfn_hi) override {
    return engine_->split_and_remove_iova(grant, pfn_lo, pfn_hi);
  }
  // Linux v4.4 drivers/iommu/iova.c: copy_reserved_iova()
  void copy_reserved_iova(linux_iova_domain& to) override {
    engine_->for_each([&to](const iova_range& range) { to.reserve_iova(range.lo, range.hi); });
  }
  void free_cpu_cached_iovas(unsigned cpu) override { engine_->free_cpu_cached_iovas(cpu); }
  void free_global_cached_iovas() override { engine_->free_global_cached_iovas(); }
  void cpu_dead(unsigned cpu) override { engine_->cpu_dead(cpu); }
  unsigned run_depot_work() override { return engine_->run_depot_work(); }
  [[nodiscard]] std::vector<uint64_t> depot_sizes() const override {
    return engine_->depot_sizes();
  }
  [[nodiscard]] std::string state() const override { return engine_->state(); }

 private:
  Host host_;
  unsigned cpus_;
  std::optional<Engine<Host>> engine_;
};

template <template <class> class Engine>
std::unique_ptr<linux_iova_domain> make_domain(const iova_setup& setup) {
  return on_host(setup, [&setup]<class Host>() -> std::unique_ptr<linux_iova_domain> {
    auto domain = std::make_unique<domain_over<Host, Engine>>(setup);
    if (!domain->usable()) return nullptr;
    return domain;
  });
}

}  // namespace

std::unique_ptr<linux_iova_domain> make_linux_iova_domain(std::string_view version,
                                                          const iova_setup& setup) {
  if (version == "v4_4") return make_domain<v4_4>(setup);
  if (version == "v4_4_178") return make_domain<v4_4_178>(setup);
  if (version == "v4_9") return make_domain<v4_9>(setup);
  if (version == "v4_19") return make_domain<v4_19>(setup);
  if (version == "v6_1") return make_domain<v6_1>(setup);
  if (version == "v6_12") return make_domain<v6_12>(setup);
  return nullptr;
}

}  // namespace iommulab
