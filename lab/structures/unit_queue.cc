// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/unit_queue.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/structures/driver_unit.h"
#include "lab/structures/value_access.h"
#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/register_fields.h"

namespace iommulab {
namespace {

using vtd::descriptor;
using vtd::descriptor_type;

/// Whether a slot lies in [from, to) of a ring.
bool within(uint32_t slot, uint32_t from, uint32_t to) {
  return from <= to ? slot >= from && slot < to : slot >= from || slot < to;
}

/// Descriptors that the driver has written behind the tail.
uint32_t written_by_driver(kernel& system, const vtd_unit& unit) {
  const auto driver = driver_unit(system, unit, "qi");
  const structure* queue = driver ? structure_in(*driver, "qi") : nullptr;
  const uint32_t entries = unit.queue().entries();
  if (queue == nullptr || entries == 0) return 0;
  const auto next = static_cast<uint32_t>(number_in(*queue, "free_head"));
  const uint64_t in_use = entries - std::min<uint64_t>(number_in(*queue, "free_cnt"), entries);
  const uint32_t ahead = (next + entries - unit.queue().tail() % entries) % entries;
  return ahead <= in_use ? ahead : 0;
}

void add_fields(const vtd::context_cache_descriptor& d, structure& to) {
  to.add("G", uint64_t{static_cast<uint8_t>(d.granularity)},
         std::string(vtd::name(static_cast<vtd::iotlb_granularity>(d.granularity))));
  to.add("DID", uint64_t{d.domain.value()}).add("SID", uint64_t{d.source});
  to.add("FM", uint64_t{d.function_mask});
}

void add_fields(const vtd::iotlb_descriptor& d, structure& to) {
  to.add("G", uint64_t{static_cast<uint8_t>(d.granularity)}, std::string(vtd::name(d.granularity)));
  to.add("DR", bit(d.drain_reads)).add("DW", bit(d.drain_writes));
  to.add("DID", uint64_t{d.domain.value()}).add("ADDR", d.address);
  to.add("IH", bit(d.leaf_hint)).add("AM", uint64_t{d.address_mask});
}

void add_fields(const vtd::device_tlb_descriptor& d, structure& to) {
  to.add("SID", uint64_t{d.source}).add("MIP", uint64_t{d.max_pending});
  to.add("S", bit(d.size)).add("ADDR", d.address);
}

void add_fields(const vtd::interrupt_entry_descriptor& d, structure& to) {
  to.add("G", bit(d.selective)).add("IM", uint64_t{d.index_mask}).add("IIDX", uint64_t{d.index});
}

void add_fields(const vtd::wait_descriptor& d, structure& to) {
  to.add("IF", bit(d.interrupt)).add("SW", bit(d.status_write)).add("FN", bit(d.fence));
  to.add("DATA", uint64_t{d.status_data}).add("ADDR", d.status_address.value());
}

void add_fields(const vtd::pasid_iotlb_descriptor& d, structure& to) {
  to.add("G", static_cast<uint64_t>(d.granularity)).add("DID", uint64_t{d.domain.value()});
  to.add("PASID", uint64_t{d.pasid}).add("ADDR", d.address);
  to.add("AM", uint64_t{d.address_mask}).add("IH", bit(d.leaf_hint));
}

void add_fields(const vtd::pasid_cache_descriptor& d, structure& to) {
  to.add("G", static_cast<uint64_t>(d.granularity)).add("DID", uint64_t{d.domain.value()});
  to.add("PASID", uint64_t{d.pasid});
}

void add_fields(const vtd::pasid_device_tlb_descriptor& d, structure& to) {
  to.add("SID", uint64_t{d.source}).add("PASID", uint64_t{d.pasid}).add("ADDR", d.address);
  to.add("S", bit(d.size)).add("G", bit(d.global)).add("MIP", uint64_t{d.max_pending});
}

void add_fields(descriptor d, structure& to) {
  switch (d.type()) {
    case descriptor_type::context_cache:
      return add_fields(vtd::context_cache_descriptor::decode(d), to);
    case descriptor_type::iotlb:
      return add_fields(vtd::iotlb_descriptor::decode(d), to);
    case descriptor_type::device_tlb:
      return add_fields(vtd::device_tlb_descriptor::decode(d), to);
    case descriptor_type::interrupt_entry:
      return add_fields(vtd::interrupt_entry_descriptor::decode(d), to);
    case descriptor_type::wait:
      return add_fields(vtd::wait_descriptor::decode(d), to);
    case descriptor_type::pasid_iotlb:
      return add_fields(vtd::pasid_iotlb_descriptor::decode(d), to);
    case descriptor_type::pasid_cache:
      return add_fields(vtd::pasid_cache_descriptor::decode(d), to);
    case descriptor_type::pasid_device_tlb:
      return add_fields(vtd::pasid_device_tlb_descriptor::decode(d), to);
  }
}

class ring {
 public:
  ring(kernel& system, const vtd_unit& unit)
      : memory_(system.memory()),
        queue_(unit.queue()),
        refused_((unit.peek(vtd_register::fsts) & vtd::fsts::iqe.mask()) != 0),
        written_(written_by_driver(system, unit)) {}

  [[nodiscard]] structure_list slots() const {
    structure_list list;
    for (uint32_t slot = 0; slot < queue_.entries(); ++slot) {
      const auto* d =
          memory_.object_at<descriptor>(queue_.base() + slot * queue_.descriptor_bytes());
      if (d == nullptr || *d == descriptor{}) continue;
      structure entry{"entry", absl::StrFormat("[%d]", slot), {}};
      entry.add("state", state_of(slot));
      entry.add("type", std::string(vtd::name(d->type())), vtd::to_string(*d));
      entry.add("low", d->low).add("high", d->high);
      add_fields(*d, entry);
      list.emplace_back(std::move(entry));
    }
    return list;
  }

 private:
  [[nodiscard]] std::string state_of(uint32_t slot) const {
    const uint32_t head = queue_.head();
    const uint32_t tail = queue_.tail();
    if (within(slot, head, tail)) return refused_ && slot == head ? "refused" : "waiting";
    if (written_ != 0 && within(slot, tail, (tail + written_) % queue_.entries())) return "written";
    return "done";
  }

  const physical_memory& memory_;
  const invalidation_queue& queue_;
  bool refused_;
  uint32_t written_;
};

}  // namespace

structure queue_of(kernel& system, const vtd_unit& unit) {
  const invalidation_queue& queue = unit.queue();
  structure s{"invalidation_queue", unit.config().name, {}};
  s.add("enabled", queue.enabled());
  s.add("base", queue.base().value(), "the page of descriptors, as QIE latched it");
  s.add("entries", int64_t{queue.entries()});
  s.add("head", int64_t{queue.head()}, "next descriptor to fetch");
  s.add("tail", int64_t{queue.tail()}, "behind the last that software handed over");
  s.add("descriptors", ring(system, unit).slots());
  return s;
}

}  // namespace iommulab
