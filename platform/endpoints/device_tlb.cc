// SPDX-License-Identifier: GPL-2.0-only
#include "platform/endpoints/device_tlb.h"

#include <algorithm>
#include <bit>

#include "platform/vtd/spec/entries.h"

namespace iommulab {
namespace {

/// The cache is the device's own: one space, whatever domain the unit has it in.
constexpr domain_id own_space{0};

uint64_t to_page_end(uint64_t address) {
  return page_size - (address & ~page_mask);
}

}  // namespace

device_tlb::route device_tlb::through(const iotlb_entry& entry, uint64_t address,
                                      dma_access access) {
  const uint64_t span = uint64_t{1} << entry.page_bits();
  const uint64_t offset = address & (span - 1);
  route r;
  r.permitted = access == dma_access::read ? entry.readable() : entry.writable();
  r.type = address_type::translated;
  r.address = entry.page() + offset;
  r.length = span - offset;
  return r;
}

device_tlb::route device_tlb::find_route(uint64_t address, uint64_t length, dma_access access) {
  if (!port_.ats_enabled()) {
    entries_.invalidate_all();
    return {.permitted = true, .address = address, .length = length};
  }
  if (const auto hit = entries_.find(own_space, address)) {
    const route r = through(*hit, address, access);
    if (r.permitted) {
      ++counts_.hits;
      return r;
    }
    // It may have become permitted since: ask again.
  }
  ++counts_.requests;
  const dma_translation t = port_.request_translation(address, page_size, access);
  if (!t.ok()) return {};
  if (t.untranslated_only) {
    return {.permitted = true, .address = address, .length = to_page_end(address)};
  }
  if (!t.readable && !t.writable) return {};
  const unsigned level = (t.page_bits - page_shift) / vtd::bits_per_level + 1;
  const uint64_t rights =
      vtd::second_level_entry::r.make(t.readable) | vtd::second_level_entry::w.make(t.writable);
  const auto entry =
      iotlb_entry::leaf(t.address & ~((uint64_t{1} << t.page_bits) - 1), level, rights, false);
  entries_.insert(own_space, address, entry);
  return through(entry, address, access);
}

template <typename Move>
dma_result device_tlb::transfer(uint64_t address, uint64_t total, dma_access access, Move move) {
  dma_result result;
  for (uint64_t done = 0; done < total;) {
    const uint64_t at = address + done;
    const route r = find_route(at, total - done, access);
    dma_result piece;
    uint64_t length = std::min(total - done, r.length);
    if (r.permitted) {
      piece = move(r.address, done, length, r.type);
    } else {
      length = std::min(total - done, to_page_end(at));
      piece.end = port_.can_master() ? dma_end::blocked : dma_end::no_master;
    }
    result.moved += piece.moved;
    if (piece.moved != 0) result.reached = piece.reached;
    if (result.ok() && !piece.ok()) {
      result.end = piece.end;
      result.reason = piece.reason;
      // In the device's own addresses, however the piece travelled.
      result.failed_at = r.permitted ? at + (piece.failed_at - r.address) : at;
    } else if (result.ok() && piece.end == dma_end::interrupt) {
      result.end = piece.end;
    }
    done += length;
  }
  return result;
}

dma_result device_tlb::read(uint64_t address, absl::Span<std::byte> to) {
  return transfer(address, to.size(), dma_access::read,
                  [&](uint64_t at, uint64_t done, uint64_t length, address_type type) {
                    return port_.read(at, to.subspan(done, length), type);
                  });
}

dma_result device_tlb::write(uint64_t address, absl::Span<const std::byte> from) {
  return transfer(address, from.size(), dma_access::write,
                  [&](uint64_t at, uint64_t done, uint64_t length, address_type type) {
                    return port_.write(at, from.subspan(done, length), type);
                  });
}

void device_tlb::drop(uint64_t address, uint64_t bytes) {
  ++counts_.invalidations;
  if (bytes == 0) return entries_.invalidate_all();
  const auto mask = static_cast<unsigned>(std::countr_zero(bytes)) - page_shift;
  entries_.invalidate_pages(own_space, address, mask);
}

std::vector<held_translation> device_tlb::held() const {
  std::vector<held_translation> all;
  entries_.for_each([&](const cached_page& page, const iotlb_entry& entry) {
    all.push_back(
        {page.address, entry.page(), entry.page_bits(), entry.readable(), entry.writable()});
  });
  std::sort(all.begin(), all.end(), [](const held_translation& a, const held_translation& b) {
    return std::pair(a.address, a.page_bits) < std::pair(b.address, b.page_bits);
  });
  return all;
}

device_tlb_reply device_tlb::invalidate(uint64_t address, uint64_t bytes) {
  if (answering_) {
    drop(address, bytes);
    return device_tlb_reply::done;
  }
  if (waiting_.size() < port_.ats_queue_depth()) {
    waiting_.emplace_back(address, bytes);
  } else {
    ++counts_.lost;
  }
  return device_tlb_reply::timed_out;
}

void device_tlb::set_answering(bool answering) {
  answering_ = answering;
  if (!answering) return;
  for (const auto& [address, bytes] : std::exchange(waiting_, {})) drop(address, bytes);
}

}  // namespace iommulab
