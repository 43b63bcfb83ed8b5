// SPDX-License-Identifier: GPL-2.0-only
//
// What the named workloads do. Frame limits: 32 bits is 0xfffff, 48 bits 0xfffffffff. Drivers'
// workloads go through the range caches (alloc_fast), as drivers do where a kernel has them; those
// that study the search itself do not. All but the smallest spaces have the interrupt range
// 0xfee00 to 0xfeeff reserved, as the driver does.
#pragma once

#include <cstdint>

#include "iova/workload/workload.h"

namespace iommulab {

/// `live` mappings of 1 frame; then a pair of alloc and free, over and over.
iova_workload steady_workload(uint64_t live, uint64_t limit_pfn);

/// A receive ring of `entries` buffers of 1 frame. Each step gives back a buffer and gets another:
/// the oldest, or, shuffled, one of the 64 oldest.
iova_workload nic_ring_workload(uint64_t entries, bool shuffled);

/// `slots` mappings; each step frees a random one and takes one of random size: 70 % 1 frame,
/// 15 % a power of two from 2 to 64, 15 % any size from 2 to 64.
iova_workload random_workload(uint64_t slots);

/// 4 processors with 256 requests in flight: 1 to 32 frames, and every fifth request 64 to 256
/// frames, which no range cache takes. Completions come in random order, mostly on the processor
/// that asked.
iova_workload nvme_workload();

/// 32 bits first, 48 bits when that fails: 4096 mappings of 512 frames, twice what lies below
/// 4 GiB, are made; then random ones are replaced.
iova_workload fallback_workload();

/// A space of 4096 frames: filled, asked in vain, half emptied in steps, asked for what fits only
/// where neighbours went, filled again; 8 rounds.
iova_workload exhaustion_workload();

/// 4 processors; what one allocates the next one frees; about 8192 mappings live. The mix of sizes
/// moves from 1 frame to 64 and back.
iova_workload ageing_workload();

/// `live` mappings above 4 GiB, with a hole of 1 frame between each two and nothing below; then
/// pairs of alloc and free of 1 frame below 4 GiB.
iova_workload dominated_workload(uint64_t live);

/// EIOVAR's case. `live` mappings of 1 frame side by side; each round frees one near the top and
/// asks for 2 frames, which fit only below all the others; then frees these and takes 1 again. The
/// freed ones are never neighbours, so that no round makes room for 2; there are at most live / 8
/// rounds, as each leaves one mapping above its hole.
iova_workload linear_workload(uint64_t live);

/// The allocations and frees of a trace that stays in one space. EINVAL for another.
absl::StatusOr<iova_workload> replay_workload(const std::string& path);

}  // namespace iommulab
