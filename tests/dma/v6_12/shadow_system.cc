// SPDX-License-Identifier: GPL-2.0-only
//
// Start-up, and the DMA API.
#include "dma/v6_12/shadow_system.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/dma/dma_mapping.h"
#include "dma/v6_12/flush_queue.h"

namespace iommulab::test::linux_6_12 {
namespace {

constexpr uint64_t offset_mask = page_size - 1;
constexpr size_t addresses_of_interest = 8;
/// A flush queue's timer fires with the fourth tick of 4 ms.
constexpr uint64_t until_flushed_ns = 20'000'000;

uint64_t page_of(uint64_t address) {
  return address >> page_shift;
}

}  // namespace

void shadow_group::remember(uint64_t page) {
  if (std::find(addresses.begin(), addresses.end(), page) != addresses.end()) return;
  if (addresses.size() == addresses_of_interest) addresses.pop_front();
  addresses.push_back(page);
}

shadow_system::shadow_system(const translation_kind& kind, const std::string& more_words)
    : kind_(kind), words_(more_words), sys_(machine_of(kind), kind.intel_iommu(), more_words) {
  sys_.stop_recording();
}

int shadow_system::boot() {
  const int ret = sys_.boot();
  if (ret != 0) return ret;
  sys_.k().finish_boot();
  for (const dmar_drhd_unit& drhd : sys_.driver().dmar_drhd_units) {
    a_queue_is_missing_ |= kind_.ecap.queued_invalidation() && drhd.iommu->qi == nullptr;
  }
  EXPECT_TRUE(failures_ || !a_queue_is_missing_);
  groups_.push_back(make_group({at(0, 0)}, {}));
  groups_.push_back(make_group({first_of_pasids}, {}));
  groups_.push_back(make_group({second_of_pasids}, {}));
  groups_.push_back(make_group({not_isolated[0], not_isolated[1]}, {}));
  groups_.push_back(make_group({bridge, behind_bridge}, {alias_of_bridge}));
  groups_.push_back(make_group({isa}, {}));
  for (shadow_group& group : groups_) {
    adopt(group);
    group.first_type = group.type;
  }
  check_accounts();
  return 0;
}

shadow_group shadow_system::make_group(std::vector<source_id> functions,
                                       std::vector<source_id> more_requesters) {
  shadow_group group;
  group.functions = std::move(functions);
  group.requesters = group.functions;
  for (const source_id id : more_requesters) group.requesters.push_back(id);
  group.unit = unit_of(kind_, group.functions.front());
  return group;
}

void shadow_system::adopt(shadow_group& group) {
  device& first = dev(group.functions.front());
  group.own = {};
  group.pasid_limits.clear();
  group.group = first.group;
  if (group.group == nullptr) return;
  for (const source_id id : group.functions) {
    device& member = dev(id);
    EXPECT_EQ(member.group, group.group) << member.name;
    // Nothing but the two functions that are made so, and no more than the unit takes.
    uint32_t limit = 0;
    if (kind_.scalable() && id == first_of_pasids) limit = 1u << 16;
    if (kind_.scalable() && id == second_of_pasids) limit = 1u << 20;
    group.pasid_limits.push_back(limit);
  }
  const std::string text = sys_.k().sysfs().read(group.group->sysfs_path + "/type").value();
  group.type = text.substr(0, text.find('\n'));
  if (group.group->default_domain == nullptr) {
    EXPECT_TRUE(failures_);
    group.group = nullptr;
    return;
  }
  if (group.type == "identity") return;
  group.own.domain = static_cast<v6_12::iommu_domain*>(group.group->default_domain);
  constexpr uint64_t pages_of_16_mib = 4096;
  const bool wanted_by_firmware = group.functions.front() == isa;
  std::set<uint64_t> unused;
  if (wanted_by_firmware &&
      !(failures_ && tables_of(group.unit).reach(path_of(group.own), unused).empty())) {
    group.own.pages.map({0, pages_of_16_mib - 1, 0, true});
    group.remember(0);
    group.remember(pages_of_16_mib - 1);
    group.remember(pages_of_16_mib);
  }
  if (!first.dma_iommu) return;
  for (const iova_range& range : group.own.domain->iova_cookie->iovad.ranges->ranges()) {
    group.own.reserved.push_back({range.lo, range.hi, 0, false});
  }
}

bool shadow_system::is_direct(const shadow_group& group, const device& dev) const {
  const bool direct = group.group == nullptr || group.own.domain == nullptr;
  if (!ran_out_) {
    EXPECT_EQ(dev.dma_iommu, !direct) << dev.name;
  }
  return !dev.dma_iommu;
}

bool shadow_system::is_lazy(const shadow_group& group) const {
  return group.type == "DMA-FQ";
}

/// The range is the buffer's alone, within what the device reaches, and no doorbell.
void shadow_system::mapped(shadow_group& group, const page_run& run) {
  EXPECT_GT(run.first, 0u);
  EXPECT_LT(run.last, pages_of_space(group.own)) << run;
  for (const page_run& reserved : group.own.reserved) {
    EXPECT_FALSE(run.first <= reserved.last && reserved.first <= run.last) << run << reserved;
  }
  group.own.pages.map(run);
  group.own.stale.unmap(run.first, run.last);
  group.remember(run.first);
  group.remember(run.last);
}

void shadow_system::gone(shadow_group& group, uint64_t first, uint64_t last) {
  uint64_t pages = 0;
  for (const page_run& run : group.own.pages.unmap(first, last)) {
    pages += run.pages();
    if (is_lazy(group)) group.own.stale.map(run);
  }
  EXPECT_EQ(pages, last - first + 1);
  group.remember(first);
  group.remember(last);
}

bool shadow_system::map_page(shadow_group& group, device& dev, uint64_t phys, uint64_t size,
                             dma_data_direction dir) {
  const uint64_t offset = phys & offset_mask;
  const dma_addr handle = dma_map_page(dev, phys_addr(phys - offset), offset, size, dir);
  if (dma_mapping_error(dev, handle)) {
    EXPECT_TRUE(failures_);
    return false;
  }
  note_page(group, dev, phys, size, dir, handle);
  return true;
}

void shadow_system::note_page(shadow_group& group, device& dev, uint64_t phys, uint64_t size,
                              dma_data_direction dir, dma_addr handle) {
  const uint64_t offset = phys & offset_mask;
  const bool direct = is_direct(group, dev);
  if (direct) {
    EXPECT_EQ(handle.value(), phys);
  } else {
    EXPECT_EQ(handle.value() & offset_mask, offset);
    EXPECT_LE(handle.value() + size - 1, dev.dma_mask);
    mapped(group, {page_of(handle.value()), page_of(handle.value() + size - 1), page_of(phys),
                   dir != dma_data_direction::to_device});
  }
  group.buffers.push_back({.what = dma_buffer::kind::page,
                           .dev = &dev,
                           .handle = handle,
                           .size = size,
                           .dir = dir,
                           .list = {},
                           .memory = {},
                           .direct = direct});
}

bool shadow_system::map_sg(shadow_group& group, device& dev, std::vector<scatterlist> list,
                           dma_data_direction dir) {
  const std::vector<scatterlist> asked = list;
  const int ents = dma_map_sg(dev, absl::MakeSpan(list), dir);
  for (size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(sg_phys(list[i]), sg_phys(asked[i])) << "piece " << i;
    EXPECT_EQ(list[i].length, asked[i].length) << "piece " << i;
  }
  if (ents == 0) {
    EXPECT_TRUE(failures_);
    return false;
  }
  note_sg(group, dev, asked, std::move(list), ents, dir);
  return true;
}

void shadow_system::note_sg(shadow_group& group, device& dev, const std::vector<scatterlist>& asked,
                            std::vector<scatterlist> list, int ents, dma_data_direction dir) {
  const bool direct = is_direct(group, dev);
  // The pieces lie one behind the other, each in pages of its own; what the device is told of are
  // their bytes in this order.
  EXPECT_GT(ents, 0);
  const uint64_t first = list.front().dma_address.value() & ~offset_mask;
  uint64_t at = first;
  size_t segment = 0;
  uint64_t used = 0;
  for (const scatterlist& piece : asked) {
    const uint64_t phys = sg_phys(piece).value();
    const uint64_t offset = phys & offset_mask;
    const scatterlist& seen = list[segment];
    EXPECT_EQ(seen.dma_address.value() + used, direct ? phys : at + offset);
    used += piece.length;
    EXPECT_LE(used, seen.dma_length);
    if (used == seen.dma_length) {
      ++segment;
      used = 0;
    }
    const uint64_t pages = page_of(offset + piece.length + offset_mask);
    if (!direct) {
      mapped(group, {page_of(at), page_of(at) + pages - 1, page_of(phys),
                     dir != dma_data_direction::to_device});
    }
    at += pages << page_shift;
  }
  EXPECT_EQ(segment, static_cast<size_t>(ents));
  group.buffers.push_back({.what = dma_buffer::kind::list,
                           .dev = &dev,
                           .handle = dma_addr(first),
                           .size = at - first,
                           .dir = dir,
                           .list = std::move(list),
                           .memory = {},
                           .direct = direct});
}

bool shadow_system::alloc_coherent(shadow_group& group, device& dev, uint64_t size, gfp_t gfp) {
  dma_addr handle;
  const std::optional<phys_addr> memory = dma_alloc_coherent(dev, size, handle, gfp);
  if (!memory) {
    EXPECT_TRUE(failures_);
    return false;
  }
  note_coherent(group, dev, size, *memory, handle);
  return true;
}

void shadow_system::note_coherent(shadow_group& group, device& dev, uint64_t size, phys_addr memory,
                                  dma_addr handle) {
  const bool direct = is_direct(group, dev);
  if (direct) {
    EXPECT_EQ(handle.value(), memory.value());
  } else {
    EXPECT_LE(handle.value() + size - 1, dev.coherent_dma_mask);
    mapped(group, {page_of(handle.value()), page_of(handle.value() + size - 1),
                   page_of(memory.value()), true});
  }
  group.buffers.push_back({.what = dma_buffer::kind::coherent,
                           .dev = &dev,
                           .handle = handle,
                           .size = size,
                           .list = {},
                           .memory = memory,
                           .direct = direct});
}

void shadow_system::unmap(shadow_group& group, size_t index) {
  dma_buffer buffer = std::move(group.buffers[index]);
  group.buffers.erase(group.buffers.begin() + static_cast<std::ptrdiff_t>(index));
  switch (buffer.what) {
    case dma_buffer::kind::page:
      dma_unmap_page(*buffer.dev, buffer.handle, buffer.size, buffer.dir);
      break;
    case dma_buffer::kind::list:
      dma_unmap_sg(*buffer.dev, absl::MakeSpan(buffer.list), buffer.dir);
      break;
    case dma_buffer::kind::coherent:
      dma_free_coherent(*buffer.dev, buffer.size, buffer.memory, buffer.handle);
      break;
  }
  if (buffer.direct) return;
  gone(group, page_of(buffer.handle.value()), page_of(buffer.handle.value() + buffer.size - 1));
}

void shadow_system::unmap_all(shadow_group& group) {
  while (!group.buffers.empty()) unmap(group, group.buffers.size() - 1);
}

void shadow_system::settle() {
  sys_.env().clock.advance(until_flushed_ns);
  for (shadow_group& group : groups_) {
    group.own.stale.clear();
    if (group.own.domain == nullptr) continue;
    EXPECT_EQ(v6_12::waiting_iovas(*group.own.domain->iova_cookie), 0u);
  }
}

}  // namespace iommulab::test::linux_6_12
