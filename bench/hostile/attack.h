// SPDX-License-Identifier: GPL-2.0-only
//
// What a hostile device sends: addresses that were and were not given to it, of every kind that its
// setting lets it send; and the judgement over each request that was let through.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/hostile/setting.h"
#include "bench/hostile/traffic.h"
#include "platform/dma/dma_bus.h"
#include "platform/endpoints/device_tlb.h"

namespace iommulab::hostile {

struct tally {
  uint64_t accesses = 0;
  uint64_t with_pasid = 0;
  uint64_t ats = 0;  ///< translation requests and translated ones, and accesses by a device-TLB
  uint64_t blocked = 0;
  uint64_t interrupts = 0;  ///< doublewords into FEEx_xxxxh: to interrupt remapping, not memory
  uint64_t reached_with_pasid = 0;
  std::array<uint64_t, 4> by_standing{};

  [[nodiscard]] uint64_t of(standing s) const { return by_standing[static_cast<size_t>(s)]; }
  [[nodiscard]] uint64_t escapes() const { return of(standing::none); }
};

/// Whom the device attacks from, and what it knows.
struct spaces {
  const traffic* own = nullptr;        ///< requests without PASID
  const traffic* neighbour = nullptr;  ///< another device's
  const traffic* of_pasid = nullptr;   ///< requests with `pasid`; null without
  uint32_t pasid = 0;
};

class attack {
 public:
  /// `system` and what `s` names outlive it.
  attack(kernel& system, const setting& where, const spaces& s, uint64_t seed);

  void run(uint64_t accesses);
  [[nodiscard]] const tally& counted() const { return tally_; }
  /// The first escapes, a sentence each.
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }

 private:
  uint64_t next_random();
  uint64_t below(uint64_t bound) { return next_random() % bound; }
  uint64_t near(uint64_t address);
  uint64_t near_buffer(const traffic& t);
  uint64_t next_address();
  dma_request next_request();
  void send(const dma_request& request);
  void use_device_tlb();
  void judge(const dma_request& request, const dma_translation& answer);
  void judge_translation(const dma_request& request, const dma_translation& answer);
  /// All pages of `length` bytes at `address`, which were let through to `phys`.
  standing judge_pages(const traffic* t, uint64_t address, uint64_t phys, uint64_t length,
                       dma_access access) const;
  void count(standing s, const dma_request& request, uint64_t phys);
  [[nodiscard]] const traffic* space_of(const dma_request& request) const;

  dma_port& port_;
  vtd_unit& unit_;
  source_id source_;
  const setting& where_;
  spaces spaces_;
  uint64_t state_;
  std::unique_ptr<device_tlb> tlb_;  ///< of a setting with ATS
  tally tally_;
  std::vector<std::string> findings_;
};

}  // namespace iommulab::hostile
