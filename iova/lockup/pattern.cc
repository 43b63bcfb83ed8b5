// SPDX-License-Identifier: GPL-2.0-only
#include "iova/lockup/pattern.h"

#include <algorithm>
#include <array>

#include "iova/lockup/mix.h"

namespace iommulab {
namespace {

// The smallest size that no range cache of Linux serves, and a larger one that does not fit where
// one of the smaller was: aligned, each takes 64 frames, of which the smaller leaves 31.
constexpr uint64_t small_size = 33;
constexpr uint64_t large_size = 64;
constexpr uint64_t frames_a_pivot = 64;

constexpr uint64_t frames_below_4g = uint64_t{1} << 20;
constexpr uint64_t frames_below_256t = uint64_t{1} << 36;

// Slots: first each processor's own mapping, then the pattern's.
size_t own_slot(unsigned cpu) {
  return cpu;
}
size_t slot_number(const lockup_shape& shape, uint64_t n) {
  return static_cast<size_t>(shape.cpus + n);
}

lockup_request alloc_own(unsigned cpu, uint64_t size, uint64_t limit_pfn) {
  return {.allocates = true, .slot = own_slot(cpu), .size = size, .limit_pfn = limit_pfn};
}
lockup_request free_slot(size_t slot) {
  return {.slot = slot};
}

bool fill(lockup_domain& domain, uint64_t count, uint64_t limit_pfn) {
  for (uint64_t i = 0; i < count; ++i) {
    if (!domain.alloc(lockup_domain::kept, 1, limit_pfn)) return false;
  }
  return true;
}

// From the top downwards `count` small mappings with a single frame between each two, so that
// freeing them leaves holes that do not join. Number i goes into the pattern's slot i.
bool fill_with_pivots(lockup_domain& domain, uint64_t count, uint64_t limit_pfn,
                      const lockup_shape& shape) {
  for (uint64_t i = 0; i < count; ++i) {
    if (!fill(domain, 1, limit_pfn)) return false;
    if (!domain.alloc(slot_number(shape, i), small_size, limit_pfn)) return false;
  }
  return true;
}

// Linux searches from the highest place where something was freed since the last search. Here each
// large mapping is preceded by the unmapping of a small one near the top, whose hole is too small
// for it: the search passes every mapping below. This is what a changed ring size or MTU does, when
// all queues swap small buffers for larger ones.
class linear_pattern : public lockup_pattern {
 public:
  linear_pattern(std::string_view name, std::string_view summary, uint64_t limit_pfn)
      : name_(name), summary_(summary), limit_pfn_(limit_pfn) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view summary() const override { return summary_; }

  [[nodiscard]] uint64_t capacity(const lockup_shape& shape) const override {
    const uint64_t room = limit_pfn_ + 1 - large_size * (shape.cpus + 2);
    const uint64_t wanted = pivots_wanted(shape);
    // Two entries a pivot, and the rest single frames; or nothing but pivots.
    const uint64_t beside = room - std::min(room, wanted * frames_a_pivot);
    return beside > 0 ? 2 * wanted + beside : 2 * (room / frames_a_pivot);
  }
  bool populate(lockup_domain& domain, uint64_t population,
                const lockup_shape& shape) const override {
    const uint64_t pivots = std::min(pivots_wanted(shape), population / 2);
    return fill_with_pivots(domain, pivots, limit_pfn_, shape) &&
           fill(domain, population - 2 * pivots, limit_pfn_);
  }

  [[nodiscard]] unsigned parts() const override { return 3; }
  [[nodiscard]] lockup_request request(unsigned cpu, uint64_t step, unsigned part, uint64_t,
                                       const lockup_shape& shape) const override {
    switch (part) {
      case 0:
        return free_slot(slot_number(shape, step));
      case 1:
        return alloc_own(cpu, large_size, limit_pfn_);
      default:
        return free_slot(own_slot(cpu));
    }
  }

 private:
  // One for each step, and for those that are under way when the last processor ends its batch.
  static uint64_t pivots_wanted(const lockup_shape& shape) {
    return shape.cpus * (shape.batch + 1);
  }

  std::string_view name_;
  std::string_view summary_;
  uint64_t limit_pfn_;
};

// The space below 4 GiB is full but for small holes. Drivers of 64-bit devices ask there first
// (iommu_dma_alloc_iova(), and intel_alloc_iova() before it), fail, and fall back to 64 bits. From
// 4.20 on a failure is remembered until something below 4 GiB is freed; small mappings that come
// and go make it forgotten.
class exhausted32_pattern : public lockup_pattern {
 public:
  [[nodiscard]] std::string_view name() const override { return "exhausted32"; }
  [[nodiscard]] std::string_view summary() const override {
    return "full below 4 GiB; replace a 33-frame mapping there, then ask for 64 frames there "
           "(fails) "
           "and above 4 GiB, and free these";
  }

  [[nodiscard]] uint64_t capacity(const lockup_shape& shape) const override {
    const uint64_t pivot_frames = shape.cpus * frames_a_pivot;
    const uint64_t room = frames_below_4g - frames_a_pivot;
    return room > pivot_frames ? uint64_t{2} * shape.cpus + room - pivot_frames
                               : 2 * (room / frames_a_pivot);
  }
  bool populate(lockup_domain& domain, uint64_t population,
                const lockup_shape& shape) const override {
    const uint64_t pivots = std::min<uint64_t>(shape.cpus, population / 2);
    const uint64_t singles = population - 2 * pivots;
    const uint64_t used = pivots * frames_a_pivot + singles;
    return domain.reserve(1, frames_below_4g - used - 1) &&
           fill_with_pivots(domain, pivots, limit_32bit, shape) &&
           fill(domain, singles, limit_32bit);
  }

  [[nodiscard]] unsigned parts() const override { return 5; }
  [[nodiscard]] lockup_request request(unsigned cpu, uint64_t, unsigned part, uint64_t,
                                       const lockup_shape& shape) const override {
    const size_t pivot = slot_number(shape, cpu);
    switch (part) {
      case 0:
        return free_slot(pivot);
      case 1:
        return {.allocates = true, .slot = pivot, .size = small_size, .limit_pfn = limit_32bit};
      case 2:
        return alloc_own(cpu, large_size, limit_32bit);
      case 3:
        return alloc_own(cpu, large_size, limit_48bit);
      default:
        return free_slot(own_slot(cpu));
    }
  }
};

// What the patterns have in common whose step is to map and unmap.
class pair_pattern : public lockup_pattern {
 public:
  pair_pattern(std::string_view name, std::string_view summary, uint64_t size, uint64_t limit_pfn)
      : name_(name), summary_(summary), size_(size), limit_pfn_(limit_pfn) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view summary() const override { return summary_; }
  [[nodiscard]] unsigned parts() const override { return 2; }
  [[nodiscard]] lockup_request request(unsigned cpu, uint64_t, unsigned part, uint64_t,
                                       const lockup_shape&) const override {
    return part == 0 ? alloc_own(cpu, size_, limit_pfn_) : free_slot(own_slot(cpu));
  }

 private:
  std::string_view name_;
  std::string_view summary_;
  uint64_t size_;
  uint64_t limit_pfn_;
};

// Before 4.15 a limit other than the 32-bit one makes the search begin at the top.
class narrow31_pattern : public pair_pattern {
 public:
  narrow31_pattern()
      : pair_pattern("narrow31",
                     "single frames below 4 GiB; a device of 31 address bits maps 33 frames and "
                     "unmaps them",
                     small_size, limit_31bit) {}
  [[nodiscard]] uint64_t capacity(const lockup_shape& shape) const override {
    return frames_below_4g - frames_a_pivot * (shape.cpus + 2);
  }
  bool populate(lockup_domain& domain, uint64_t population, const lockup_shape&) const override {
    return fill(domain, population, limit_32bit);
  }
};

// Holes that are large enough lie everywhere, but above the limit: an index by the size of holes
// must know where they are, too.
class low32_pattern : public pair_pattern {
 public:
  low32_pattern()
      : pair_pattern("low32",
                     "64-bit mappings with holes of 63 frames between all; a device of 32 address "
                     "bits maps 33 frames and unmaps them",
                     small_size, limit_32bit) {}
  [[nodiscard]] uint64_t capacity(const lockup_shape&) const override {
    return (frames_below_256t - frames_below_4g) / frames_a_pivot;
  }
  bool populate(lockup_domain& domain, uint64_t population,
                const lockup_shape& shape) const override {
    if (!fill_with_pivots(domain, population, limit_48bit, shape)) return false;
    for (uint64_t i = population; i-- > 0;) domain.free(slot_number(shape, i));
    return true;
  }
};

// Holes that are large enough lie everywhere, but none holds the request aligned.
class misaligned_pattern : public pair_pattern {
 public:
  misaligned_pattern()
      : pair_pattern("misaligned",
                     "64-bit mappings with holes of 126 frames, none of which holds 64 aligned "
                     "frames; a device maps 64 frames and unmaps them",
                     large_size, limit_48bit) {}
  [[nodiscard]] uint64_t capacity(const lockup_shape&) const override {
    return (frames_below_256t - frames_below_4g) / 64;
  }
  // Of each 128 frames the first and the last stay.
  bool populate(lockup_domain& domain, uint64_t population,
                const lockup_shape& shape) const override {
    constexpr bool aligned = true;
    const uint64_t holes = population / 2;
    for (uint64_t i = 0; i < holes; ++i) {
      if (!fill(domain, 1, limit_48bit)) return false;
      if (!domain.alloc(slot_number(shape, i), 126, limit_48bit, !aligned)) return false;
      if (!fill(domain, 1, limit_48bit)) return false;
    }
    if (!fill(domain, population - 2 * holes, limit_48bit)) return false;
    for (uint64_t i = holes; i-- > 0;) domain.free(slot_number(shape, i));
    return true;
  }
};

// No design at all: mappings of many sizes come and go at random, each processor its own.
class mixed_pattern : public lockup_pattern {
 public:
  [[nodiscard]] std::string_view name() const override { return "mixed"; }
  [[nodiscard]] std::string_view summary() const override {
    return "mappings of 33 to 128 frames below 256 TiB; replace a random one by one of random size";
  }
  [[nodiscard]] uint64_t capacity(const lockup_shape&) const override {
    return frames_below_256t / 256;
  }
  bool populate(lockup_domain& domain, uint64_t population,
                const lockup_shape& shape) const override {
    for (uint64_t i = 0; i < population; ++i) {
      if (!domain.alloc(slot_number(shape, i), random_size(fill_seed, i), limit_48bit))
        return false;
    }
    return true;
  }
  [[nodiscard]] unsigned parts() const override { return 2; }
  [[nodiscard]] lockup_request request(unsigned cpu, uint64_t step, unsigned part,
                                       uint64_t population,
                                       const lockup_shape& shape) const override {
    const uint64_t each = std::max<uint64_t>(1, population / shape.cpus);
    const uint64_t one = mix(slot_seed, step + 1) % each;
    const size_t slot = slot_number(shape, one * shape.cpus + cpu);
    if (part == 0) return free_slot(slot);
    return {.allocates = true,
            .slot = slot,
            .size = random_size(size_seed, step),
            .limit_pfn = limit_48bit};
  }

 private:
  static constexpr uint64_t fill_seed = 1;
  static constexpr uint64_t slot_seed = 2;
  static constexpr uint64_t size_seed = 3;

  static uint64_t random_size(uint64_t seed, uint64_t index) {
    return small_size + mix(seed, index + 1) % (128 - small_size + 1);
  }
};

}  // namespace

absl::Span<const lockup_pattern* const> lockup_patterns() {
  static const linear_pattern linear32(
      "linear32",
      "mappings below 4 GiB; free one of 33 frames near the top, map 64 frames, free these",
      limit_32bit);
  static const linear_pattern linear64(
      "linear64",
      "mappings below 256 TiB; free one of 33 frames near the top, map 64 frames, free these",
      limit_48bit);
  static const exhausted32_pattern exhausted32;
  static const narrow31_pattern narrow31;
  static const low32_pattern low32;
  static const misaligned_pattern misaligned;
  static const mixed_pattern mixed;
  static const std::array<const lockup_pattern*, 7> all = {
      &linear32, &linear64, &exhausted32, &narrow31, &low32, &misaligned, &mixed};
  return all;
}

const lockup_pattern* find_lockup_pattern(std::string_view name) {
  for (const lockup_pattern* pattern : lockup_patterns()) {
    if (pattern->name() == name) return pattern;
  }
  return nullptr;
}

}  // namespace iommulab
