// SPDX-License-Identifier: GPL-2.0-only
#include "iova/ftrace/mapping_workload.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "iova/workload/builder.h"

namespace iommulab {
namespace {

constexpr uint32_t nothing = ~uint32_t{0};
/// Live mappings of one page that an unmap is compared with.
constexpr unsigned most_tried = 64;

bool is_of_iommu(const dma_event& event) {
  return event.what == dma_event::kind::iommu_map || event.what == dma_event::kind::iommu_unmap;
}

/// The events of one device, as they come.
class space_builder {
 public:
  space_builder(std::string device, const traced_mapping_options& options) {
    space_.workload.name = std::move(device);
    space_.workload.reserved = {interrupt_range};
    limit_ = options.limit ? (*options.limit + 1) / traced_page - 1 : limit_32bit;
    fallback_ = options.limit ? no_iova : limit_48bit;
  }

  void take(const dma_event& event) {
    switch (event.what) {
      case dma_event::kind::map:
      case dma_event::kind::iommu_map:
        map(event, by_address_);
        break;
      case dma_event::kind::map_list:
        map(event, by_list_);
        break;
      case dma_event::kind::unmap:
        unmap(event, by_address_);
        break;
      case dma_event::kind::unmap_list:
        unmap(event, by_list_);
        break;
      case dma_event::kind::iommu_unmap:
        unmap_pieces(event);
        break;
    }
  }

  [[nodiscard]] bool used() const { return space_.maps + space_.begun_before != 0; }

  traced_space finish() && {
    std::vector<iova_operation>& operations = space_.workload.operations;
    std::erase_if(operations, [](const iova_operation& o) {
      return o.what == iova_operation::action::alloc_fast && o.size == 0;
    });
    space_.never_ended = space_.maps - space_.failed - space_.unmaps;
    space_.workload.slots = static_cast<uint32_t>(live_.size());
    space_.workload.cpus = static_cast<unsigned>(std::max<size_t>(1, space_.cpus.size()));
    number_cpus();
    return std::move(space_);
  }

 private:
  /// A mapping that is live, in a chain of those that have the same key, oldest first.
  struct live_mapping {
    uint32_t next = nothing;
    uint64_t list = 0;  // digest of its buffers
    uint64_t frames = 0;
    size_t operation = 0;  // that allocates it
  };
  /// Slots: those in between are reached through `next`.
  struct chain {
    uint32_t oldest = nothing;
    uint32_t newest = nothing;
  };
  using index = absl::flat_hash_map<uint64_t, chain>;

  void add(const dma_event& event, iova_operation::action what, uint32_t slot) {
    iova_operation operation;
    operation.what = what;
    operation.cpu = cpu(event.cpu);
    operation.slot = slot;
    operation.size = event.frames;
    operation.limit_pfn = limit_;
    operation.fallback_limit_pfn = fallback_;
    space_.workload.operations.push_back(operation);
  }

  void map(const dma_event& event, index& live) {
    if (event.frames == 0) return;  // of no bytes: the kernel refuses it before it asks
    ++space_.maps;
    space_.truncated += event.truncated ? 1 : 0;
    space_.physical += event.physical ? 1 : 0;
    const uint32_t slot = free_slot();
    add(event, iova_operation::action::alloc_fast, slot);
    if (event.failed) {
      ++space_.failed;
      add(event, iova_operation::action::free_fast, slot);
      free_slots_.push_back(slot);
      return;
    }
    live_[slot] = {nothing, event.list, event.frames, space_.workload.operations.size() - 1};
    const auto [at, is_new] = live.try_emplace(event.address, chain{slot, slot});
    if (is_new) return;
    // Addresses of an IOMMU are given out once; physical ones as often as somebody maps the page.
    if (!event.physical && event.what == dma_event::kind::map) ++space_.given_twice;
    live_[at->second.newest].next = slot;
    at->second.newest = slot;
  }

  void unmap(const dma_event& event, index& live) {
    const uint32_t slot = take_live(event, live);
    if (slot == nothing) {
      ++space_.begun_before;
      return;
    }
    ++space_.unmaps;
    add(event, iova_operation::action::free_fast, slot);
    free_slots_.push_back(slot);
  }

  /// iommu_map_sg() maps a range piece by piece, and one unmap takes it away: it was one
  /// allocation.
  void unmap_pieces(const dma_event& event) {
    const uint32_t first = take_live(event, by_address_);
    if (first == nothing) {
      ++space_.begun_before;
      return;
    }
    std::vector<iova_operation>& operations = space_.workload.operations;
    dma_event piece = event;
    uint64_t frames = live_[first].frames;
    while (frames < event.frames) {
      piece.address = event.address + frames * traced_page;
      const uint32_t slot = take_live(piece, by_address_);
      if (slot == nothing) break;
      frames += live_[slot].frames;
      operations[live_[slot].operation].size = 0;  // taken out at the end
      free_slots_.push_back(slot);
      --space_.maps;
    }
    operations[live_[first].operation].size = frames;
    ++space_.unmaps;
    add(event, iova_operation::action::free_fast, first);
    free_slots_.push_back(first);
  }

  /// The oldest with the event's key, before all one of the very list; it is live no more.
  uint32_t take_live(const dma_event& event, index& live) {
    const auto found = live.find(event.address);
    if (found == live.end()) return nothing;
    chain& all = found->second;
    uint32_t before = nothing;
    uint32_t slot = all.oldest;
    for (unsigned tried = 0; slot != nothing && live_[slot].list != event.list; ++tried) {
      if (tried == most_tried) {
        slot = nothing;
        break;
      }
      before = slot;
      slot = live_[slot].next;
    }
    if (slot == nothing) {  // unmapped as another list than it was mapped as
      slot = all.oldest;
      before = nothing;
    }
    const uint32_t next = live_[slot].next;
    if (all.newest == slot) all.newest = before;
    if (before == nothing) {
      all.oldest = next;
    } else {
      live_[before].next = next;
    }
    if (all.oldest == nothing) live.erase(found);
    return slot;
  }

  uint32_t free_slot() {
    if (free_slots_.empty()) {
      live_.emplace_back();
      return static_cast<uint32_t>(live_.size() - 1);
    }
    const uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }

  /// CPUs are numbered as they come; number_cpus() puts them in their order.
  uint16_t cpu(uint32_t number) {
    if (last_cpu_ < space_.cpus.size() && space_.cpus[last_cpu_] == number) {
      return static_cast<uint16_t>(last_cpu_);
    }
    const auto [at, is_new] =
        cpu_index_.try_emplace(number, static_cast<uint32_t>(space_.cpus.size()));
    if (is_new) space_.cpus.push_back(number);
    return static_cast<uint16_t>(last_cpu_ = at->second);
  }
  void number_cpus() {
    std::vector<uint32_t> ascending = space_.cpus;
    std::sort(ascending.begin(), ascending.end());
    std::vector<uint16_t> place(ascending.size());
    for (size_t i = 0; i < place.size(); ++i) {
      const auto at = std::lower_bound(ascending.begin(), ascending.end(), space_.cpus[i]);
      place[i] = static_cast<uint16_t>(at - ascending.begin());
    }
    for (iova_operation& each : space_.workload.operations) each.cpu = place[each.cpu];
    space_.cpus = std::move(ascending);
  }

  traced_space space_;
  uint64_t limit_;
  uint64_t fallback_;
  std::vector<live_mapping> live_;  // by slot
  std::vector<uint32_t> free_slots_;
  index by_address_;
  index by_list_;
  absl::flat_hash_map<uint32_t, uint32_t> cpu_index_;
  uint32_t last_cpu_ = 0;
};

}  // namespace

traced_mappings workloads_of(const dma_event_log& log, const traced_mapping_options& options) {
  const auto of_iommu =
      static_cast<size_t>(std::count_if(log.events.begin(), log.events.end(), is_of_iommu));
  traced_mappings all;
  all.from_iommu_events = of_iommu == log.events.size() && of_iommu != 0;
  std::vector<space_builder> builders;
  for (const std::string& device : log.devices) builders.emplace_back(device, options);
  if (all.from_iommu_events) {
    builders.emplace_back("iommu:map names none", options);
  } else {
    all.iommu_events = of_iommu;
  }
  for (const dma_event& event : log.events) {
    if (!is_of_iommu(event)) {
      builders[event.device].take(event);
    } else if (all.from_iommu_events) {
      builders.back().take(event);
    }
  }
  for (space_builder& builder : builders) {
    if (builder.used()) all.spaces.push_back(std::move(builder).finish());
  }
  return all;
}

}  // namespace iommulab
