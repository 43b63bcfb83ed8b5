// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/told_domain.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr const char* nodes_field = "rbroot";

structure_list nodes_of(const std::vector<iova_range>& ranges, size_t first, size_t end) {
  structure_list nodes;
  for (size_t i = first; i < end; ++i) {
    const iova_range& range = ranges[i];
    structure node{"iova", absl::StrFormat("0x%x-0x%x", range.lo, range.hi), {}};
    node.add("pfn_lo", range.lo);
    node.add("pfn_hi", range.hi);
    if (i > 0 && range.lo > ranges[i - 1].hi + 1) {
      node.add("gap_below", range.lo - ranges[i - 1].hi - 1, "frames");
    }
    nodes.emplace_back(std::move(node));
  }
  return nodes;
}

}  // namespace

void told_domain::tell(events::range_action action, iova_range range) {
  events_.tell([&] { return events::iova_range{action, range.lo, range.hi}; });
}

structure told_domain::without_nodes(std::string name) const {
  structure s{"iova_domain", std::move(name), {}};
  s.add("granule", space_.granule);
  s.add("start_pfn", space_.start_pfn);
  s.add("dma_32bit_pfn", space_.last_32bit_pfn);
  s.add("cached", state());
  return s;
}

structure told_domain::as_structure(std::string name) const {
  structure s = without_nodes(std::move(name));
  const std::vector<iova_range> all = ranges();
  s.add(nodes_field, nodes_of(all, 0, all.size()));
  return s;
}

structure_change told_domain::take_change(std::string name) {
  const range_window window = known_.take_changes();
  const std::vector<iova_range>& all = known_.all();
  // The gap below the node above them is another one, too.
  const size_t above = window != range_window{} && window.first + window.come < all.size() ? 1 : 0;
  structure_change change{.now = without_nodes(std::move(name)),
                          .list = nodes_field,
                          .first = window.first,
                          .gone = window.gone + above};
  change.now.add(nodes_field, nodes_of(all, window.first, window.first + window.come + above));
  return change;
}

void told_domain::may_have_inserted(const std::optional<iova_range>& node) {
  const uint64_t nodes = inner_->counters().nodes;
  const size_t known = known_.all().size();
  if (node && nodes == known + 1) return known_.insert(*node);
  // From a cache it may come that it was in use already.
  if (nodes == known && (!node || known_.contains(*node))) return;
  has_changed();
}

void told_domain::may_have_removed(const std::optional<iova_range>& node) {
  const uint64_t nodes = inner_->counters().nodes;
  const size_t known = known_.all().size();
  if (nodes == known) return;
  if (node && nodes + 1 == known && !inner_->find(node->lo)) return known_.erase(*node);
  has_changed();
}

void told_domain::has_changed() {
  known_.become(inner_->ranges());
}

iova_grant told_domain::alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
  IOMMULAB_CALL(events_, "alloc_iova", {"size", size}, {"limit_pfn", limit_pfn},
                {"size_aligned", size_aligned});
  const iova_grant grant = inner_->alloc(size, limit_pfn, size_aligned);
  if (!grant) return this_call.result(grant, nullptr);
  const iova_range got = inner_->range(grant);
  may_have_inserted(got);
  tell(events::range_action::alloc, got);
  IOMMULAB_RESULT(events_, {"lo", got.lo}, {"hi", got.hi});
  return grant;
}

void told_domain::free(iova_grant grant, uint64_t size) {
  const iova_range gone = inner_->range(grant);
  IOMMULAB_CALL(events_, "__free_iova", {"lo", gone.lo}, {"hi", gone.hi});
  inner_->free(grant, size);
  may_have_removed(gone);
  tell(events::range_action::free, gone);
}

uint64_t told_domain::alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) {
  IOMMULAB_CALL(events_, "alloc_iova_fast", {"cpu", cpu}, {"size", size}, {"limit_pfn", limit_pfn},
                {"flush_rcache", flush});
  const uint64_t lo = inner_->alloc_fast(cpu, size, limit_pfn, flush);
  const auto node = lo == no_iova ? std::nullopt : inner_->find(lo);
  may_have_inserted(node);
  if (lo == no_iova) return this_call.result(lo, 0);
  if (node) tell(events::range_action::alloc, *node);
  return this_call.result(lo);
}

void told_domain::free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) {
  IOMMULAB_CALL(events_, "free_iova_fast", {"cpu", cpu}, {"pfn", pfn_lo}, {"size", size});
  const auto node = inner_->find(pfn_lo);
  inner_->free_fast(cpu, pfn_lo, size);
  may_have_removed(node);
  if (node) tell(events::range_action::free, *node);
}

void told_domain::init_iova_domain(const iova_space& space) {
  IOMMULAB_CALL(events_, "init_iova_domain", {"granule", space.granule},
                {"start_pfn", space.start_pfn}, {"pfn_32bit", space.last_32bit_pfn});
  space_ = space;
  inner_->init_iova_domain(space);
  has_changed();
}

bool told_domain::init_rcaches(unsigned cpus) {
  IOMMULAB_CALL(events_, "init_iova_rcaches", {"cpus", cpus});
  return this_call.result(inner_->init_rcaches(cpus));
}

bool told_domain::reserve(uint64_t pfn_lo, uint64_t pfn_hi) {
  const bool reserved = inner_->reserve(pfn_lo, pfn_hi);
  has_changed();
  return reserved;
}

std::optional<iova_range> told_domain::reserve_iova(uint64_t pfn_lo, uint64_t pfn_hi) {
  IOMMULAB_CALL(events_, "reserve_iova", {"pfn_lo", pfn_lo}, {"pfn_hi", pfn_hi});
  const auto node = inner_->reserve_iova(pfn_lo, pfn_hi);
  has_changed();
  if (!node) return this_call.result(node, nullptr);
  tell(events::range_action::reserve, *node);
  IOMMULAB_RESULT(events_, {"lo", node->lo}, {"hi", node->hi});
  return node;
}

uint64_t told_domain::rcache_get(unsigned cpu, uint64_t size, uint64_t limit_pfn) {
  IOMMULAB_CALL(events_, "iova_rcache_get", {"cpu", cpu}, {"size", size}, {"limit_pfn", limit_pfn});
  const uint64_t lo = inner_->rcache_get(cpu, size, limit_pfn);
  if (lo == no_iova) return this_call.result(lo, 0);
  if (const auto node = inner_->find(lo)) tell(events::range_action::alloc, *node);
  return this_call.result(lo);
}

void told_domain::free_iova(uint64_t frame) {
  IOMMULAB_CALL(events_, "free_iova", {"pfn", frame});
  const auto node = inner_->find(frame);
  inner_->free_iova(frame);
  may_have_removed(node);
  if (node) tell(events::range_action::free, *node);
}

iova_grant told_domain::find_iova(uint64_t frame) {
  IOMMULAB_CALL(events_, "find_iova", {"pfn", frame});
  const iova_grant grant = inner_->find_iova(frame);
  if (!grant) return this_call.result(grant, nullptr);
  const iova_range found = inner_->range(grant);
  IOMMULAB_RESULT(events_, {"lo", found.lo}, {"hi", found.hi});
  return grant;
}

std::optional<iova_range> told_domain::split_and_remove_iova(iova_grant grant, uint64_t pfn_lo,
                                                             uint64_t pfn_hi) {
  IOMMULAB_CALL(events_, "split_and_remove_iova", {"pfn_lo", pfn_lo}, {"pfn_hi", pfn_hi});
  const auto piece = inner_->split_and_remove_iova(grant, pfn_lo, pfn_hi);
  has_changed();
  if (!piece) return this_call.result(piece, nullptr);
  tell(events::range_action::free, *piece);
  IOMMULAB_RESULT(events_, {"lo", piece->lo}, {"hi", piece->hi});
  return piece;
}

void told_domain::copy_reserved_iova(linux_iova_domain& to) {
  IOMMULAB_CALL(events_, "copy_reserved_iova");
  auto& told = static_cast<told_domain&>(to);
  inner_->copy_reserved_iova(*told.inner_);
  told.has_changed();
}

void told_domain::free_cpu_cached_iovas(unsigned cpu) {
  IOMMULAB_CALL(events_, "free_cpu_cached_iovas", {"cpu", cpu});
  inner_->free_cpu_cached_iovas(cpu);
  may_have_removed(std::nullopt);
}

void told_domain::free_global_cached_iovas() {
  IOMMULAB_CALL(events_, "free_global_cached_iovas");
  inner_->free_global_cached_iovas();
  may_have_removed(std::nullopt);
}

void told_domain::cpu_dead(unsigned cpu) {
  IOMMULAB_CALL(events_, "iova_cpuhp_dead", {"cpu", cpu});
  inner_->cpu_dead(cpu);
  may_have_removed(std::nullopt);
}

unsigned told_domain::run_depot_work() {
  IOMMULAB_CALL(events_, "iova_depot_work_func");
  const unsigned pending = inner_->run_depot_work();
  may_have_removed(std::nullopt);
  return this_call.result(pending);
}

}  // namespace iommulab
