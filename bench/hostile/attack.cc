// SPDX-License-Identifier: GPL-2.0-only
#include "bench/hostile/attack.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "platform/vtd/interrupt_range.h"

namespace iommulab::hostile {
namespace {

constexpr uint64_t word_bytes = 8;
constexpr uint64_t most_bytes = 2 * page_size;
constexpr uint64_t four_gib = uint64_t{1} << 32;
constexpr size_t most_findings = 10;
constexpr uint32_t pasid_mask = 0xfffff;

/// Of two, the one that says less was allowed.
standing worse(standing a, standing b) {
  return std::max(a, b);
}

}  // namespace

attack::attack(kernel& system, const setting& where, const spaces& s, uint64_t seed)
    : port_(*system.dma_hardware().port(attacker_slot)),
      unit_(*port_.unit()),
      source_(port_.requester()),
      where_(where),
      spaces_(s),
      state_(seed | 1) {
  if (where_.ats) tlb_ = std::make_unique<device_tlb>(port_);
}

// xorshift64*, as in platform/endpoints/hostile.cc.
uint64_t attack::next_random() {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 0x2545f4914f6cdd1d;
}

/// At most four pages before or behind.
uint64_t attack::near(uint64_t address) {
  constexpr uint64_t reach = 4 * page_size;
  return address - reach + below(2 * reach);
}

uint64_t attack::near_buffer(const traffic& t) {
  if (t.live().empty()) return next_random();
  const buffer& b = t.live()[below(t.live().size())];
  // Within it, or around one of its ends.
  if (below(2) == 0) return b.address + below(b.pages * page_size);
  return near(below(2) == 0 ? b.address : b.address + b.pages * page_size);
}

uint64_t attack::next_address() {
  const auto stale_of = [this](const traffic& t) {
    return t.stale().empty() ? next_random() : near(t.stale()[below(t.stale().size())]);
  };
  switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return near_buffer(*spaces_.own);
    case 4:
    case 5:
      return near_buffer(*spaces_.neighbour);
    case 6:
    case 7:
      return stale_of(*spaces_.own);
    case 8:
      return stale_of(*spaces_.neighbour);
    case 9:
    case 10:
      return spaces_.of_pasid == nullptr ? near_buffer(*spaces_.own)
                                         : near_buffer(*spaces_.of_pasid);
    case 11:
      return spaces_.of_pasid == nullptr ? below(ram) : stale_of(*spaces_.of_pasid);
    case 12:
      return below(ram);  // all of memory, one to one
    case 13:
      return four_gib - 1 - below(uint64_t{64} << 20);  // where the DMA API puts things
    case 14: {
      // Around the end of what the tables hold, and where addresses turn negative.
      const uint64_t end = uint64_t{1} << (where_.width - below(2));
      return near(below(2) == 0 ? 0 : end);
    }
    default:
      return below(8) == 0 ? interrupt_base + below(interrupt_end - interrupt_base) : next_random();
  }
}

dma_request attack::next_request() {
  dma_request request;
  request.source = source_;
  request.address = next_address();
  request.access = below(2) == 0 ? dma_access::read : dma_access::write;
  const uint64_t how = below(64);
  if (how < 4) {
    request.type = address_type::translation_request;
  } else if (how < 8 && !where_.ats) {
    // What a device with ATS says it was told before is not checked: that is how ATS is.
    request.type = address_type::translated;
  }
  switch (below(8)) {
    case 0:
      request.length = 1 + below(most_bytes);
      break;
    case 1:
      request.length = 4;
      request.address &= ~uint64_t{3};
      break;
    default:
      request.length = word_bytes;
      request.address &= ~(word_bytes - 1);
  }
  if (below(4) == 0) {
    request.with_pasid = true;
    switch (below(8)) {
      case 0:
        request.pasid = static_cast<uint32_t>(next_random()) & pasid_mask;
        break;
      case 1:
        request.pasid = static_cast<uint32_t>(below(4));
        break;
      default:
        request.pasid = spaces_.pasid;
    }
    request.privileged = below(8) == 0;
    request.execute = below(16) == 0;
  }
  return request;
}

const traffic* attack::space_of(const dma_request& request) const {
  if (!request.with_pasid) return spaces_.own;
  return request.pasid == spaces_.pasid ? spaces_.of_pasid : nullptr;
}

standing attack::judge_pages(const traffic* t, uint64_t address, uint64_t phys, uint64_t length,
                             dma_access access) const {
  if (t == nullptr) return standing::none;
  standing worst = standing::mapped;
  const uint64_t last = address + std::max<uint64_t>(length, 1) - 1;
  for (uint64_t page = address >> page_shift; page <= last >> page_shift; ++page) {
    const uint64_t of_page = (phys & page_mask) + ((page << page_shift) - (address & page_mask));
    worst = worse(worst, t->allowed().of(page, of_page, access));
  }
  return (address & ~page_mask) == (phys & ~page_mask) ? worst : standing::none;
}

void attack::count(standing s, const dma_request& request, uint64_t phys) {
  ++tally_.by_standing[static_cast<size_t>(s)];
  tally_.reached_with_pasid += request.with_pasid ? 1 : 0;
  if (s != standing::none || findings_.size() == most_findings) return;
  findings_.push_back(absl::StrFormat(
      "%s of %d bytes at %#x%s%s reached %#x",
      request.access == dma_access::read ? "a read" : "a write", request.length, request.address,
      request.with_pasid ? absl::StrFormat(" with PASID %d", request.pasid) : "",
      request.type == address_type::untranslated ? "" : " by ATS", phys));
}

// What a device is told of a page it will use for reading and writing both, as far as it is told.
void attack::judge_translation(const dma_request& request, const dma_translation& answer) {
  if (answer.untranslated_only) {
    ++tally_.interrupts;
    return;
  }
  standing worst = standing::mapped;
  const traffic* t = space_of(request);
  if (answer.readable) {
    worst = worse(worst,
                  judge_pages(t, request.address, answer.address, answer.length, dma_access::read));
  }
  if (answer.writable) {
    worst = worse(
        worst, judge_pages(t, request.address, answer.address, answer.length, dma_access::write));
  }
  count(worst, request, answer.address);
}

void attack::judge(const dma_request& request, const dma_translation& answer) {
  switch (answer.outcome) {
    case dma_outcome::blocked:
      ++tally_.blocked;
      return;
    case dma_outcome::interrupt:
      if (!is_interrupt_request(request.address, request.length) ||
          request.access != dma_access::write || request.with_pasid) {
        count(standing::none, request, answer.address);
      } else {
        ++tally_.interrupts;
      }
      return;
    case dma_outcome::passed:
      // Nothing passes through here.
      count(standing::none, request, answer.address);
      return;
    case dma_outcome::translated:
      break;
  }
  if (request.type == address_type::translation_request) {
    if (answer.readable || answer.writable) {
      judge_translation(request, answer);
    } else {
      ++tally_.blocked;
    }
    return;
  }
  const uint64_t reached = std::min(answer.length, request.length);
  count(judge_pages(space_of(request), request.address, answer.address, reached, request.access),
        request, answer.address);
}

void attack::send(const dma_request& request) {
  ++tally_.accesses;
  tally_.with_pasid += request.with_pasid ? 1 : 0;
  tally_.ats += request.type != address_type::untranslated ? 1 : 0;
  judge(request, unit_.translate(request));
}

/// By way of a device-TLB that gives back what it is told to: what it still knows it uses.
void attack::use_device_tlb() {
  ++tally_.accesses;
  ++tally_.ats;
  dma_request request;
  request.address = next_address() & ~(word_bytes - 1);
  request.access = below(2) == 0 ? dma_access::read : dma_access::write;
  request.length = word_bytes;
  request.type = address_type::translated;
  std::array<std::byte, word_bytes> data{};
  const dma_result result = request.access == dma_access::read
                                ? tlb_->read(request.address, absl::MakeSpan(data))
                                : tlb_->write(request.address, data);
  if (result.end != dma_end::done) {
    ++(result.end == dma_end::interrupt ? tally_.interrupts : tally_.blocked);
    return;
  }
  count(
      judge_pages(spaces_.own, request.address, result.reached.value(), word_bytes, request.access),
      request, result.reached.value());
}

void attack::run(uint64_t accesses) {
  for (uint64_t i = 0; i < accesses; ++i) {
    if (tlb_ != nullptr && below(8) == 0) {
      use_device_tlb();
    } else {
      send(next_request());
    }
  }
}

}  // namespace iommulab::hostile
