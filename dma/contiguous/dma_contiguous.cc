// SPDX-License-Identifier: GPL-2.0-only
#include "dma/contiguous/dma_contiguous.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "core/x86_options.h"

namespace iommulab {
namespace {

// CONFIG_CMA_ALIGNMENT
constexpr unsigned largest_alignment = 8;
// The page allocator's largest block: CMA areas consist of these.
constexpr uint64_t area_alignment = page_size << buddy::max_order;
constexpr unsigned mib_shift = 20;

constexpr uint64_t align_up(uint64_t value) {
  return (value + area_alignment - 1) & ~(area_alignment - 1);
}

// Linux v4.4 drivers/base/dma-contiguous.c: early_cma(). The kernel follows a null pointer for a
// bare word.
int early_cma(cma_parameters& parameters, std::optional<std::string_view> value) {
  if (!value) return -EINVAL;
  std::string_view rest = *value;
  parameters.size_cmdline = memparse(rest);
  if (!rest.starts_with('@')) return 0;
  rest.remove_prefix(1);
  parameters.base_cmdline = memparse(rest);
  if (!rest.starts_with('-')) {
    parameters.limit_cmdline = parameters.base_cmdline + *parameters.size_cmdline;
    return 0;
  }
  rest.remove_prefix(1);
  parameters.limit_cmdline = memparse(rest);
  return 0;
}

struct area_request {
  uint64_t base = 0;
  uint64_t size = 0;
  uint64_t limit = 0;
  bool fixed = false;
};

// Where the area comes to lie; nothing when it cannot. A fixed place that is no memory is refused:
// 4.4 reserves it all the same and stumbles when the area is put into service.
std::optional<phys_addr> find_place(const area_request& request, page_allocator& pages,
                                    uint64_t end_of_memory, const pr_prefix& pr) {
  if (request.size == 0 || request.base + request.size < request.base) return std::nullopt;
  const uint64_t end = request.base + request.size;
  if (request.fixed && request.base < end_of_memory && end > end_of_memory) {
    pr.err("Region at 0x%016x defined on low/high memory boundary (0x%016x)", request.base,
           end_of_memory);
    return std::nullopt;
  }
  const uint64_t limit = request.fixed                                         ? end
                         : request.limit == 0 || request.limit > end_of_memory ? end_of_memory
                                                                               : request.limit;
  return pages.reserve_range(request.size, area_alignment, phys_addr(request.base),
                             phys_addr(limit));
}

// Linux v4.4 mm/cma.c: cma_declare_contiguous(), with cma_activate_area(): an area that lies in two
// zones is reserved and of no use.
std::unique_ptr<cma> cma_declare_contiguous(area_request request, page_allocator& pages,
                                            uint64_t end_of_memory, const pr_prefix& pr) {
  const uint64_t asked = request.size;
  request.base = align_up(request.base);
  request.size = align_up(request.size);
  request.limit &= ~(area_alignment - 1);
  if (request.base == 0) request.fixed = false;
  const auto place = find_place(request, pages, end_of_memory, pr);
  if (!place) {
    pr.err("Failed to reserve %d MiB", std::max(request.size, asked) >> mib_shift);
    return nullptr;
  }
  pr.info("Reserved %d MiB at 0x%016x", request.size >> mib_shift, place->value());
  const uint64_t first = place->value() >> page_shift;
  const uint64_t count = request.size >> page_shift;
  if (page_allocator::zone_of(first) != page_allocator::zone_of(first + count - 1)) return nullptr;
  return std::make_unique<cma>(pages, first, count);
}

}  // namespace

void add_cma_early_param(command_line& line, cma_parameters& parameters) {
  line.early_param("cma", [&parameters](std::optional<std::string_view> value) {
    return early_cma(parameters, value);
  });
}

// Linux v4.4 drivers/base/dma-contiguous.c: dma_contiguous_reserve()
std::unique_ptr<cma> dma_contiguous_reserve(const cma_parameters& parameters, page_allocator& pages,
                                            phys_addr limit, printk_log& log) {
  const uint64_t size = parameters.size_cmdline.value_or(0);
  if (size == 0) return nullptr;
  const uint64_t asked_limit = parameters.limit_cmdline;
  const area_request request = {
      .base = parameters.base_cmdline,
      .size = size,
      .limit = asked_limit == 0 ? limit.value() : std::min(asked_limit, limit.value()),
      .fixed = parameters.base_cmdline + size == asked_limit,
  };
  return cma_declare_contiguous(request, pages, limit.value(), pr_prefix(log, "cma: "));
}

std::optional<phys_addr> dma_alloc_from_contiguous(cma* area, uint64_t count, unsigned align) {
  if (area == nullptr) return std::nullopt;
  return area->cma_alloc(count, std::min(align, largest_alignment));
}

bool dma_release_from_contiguous(cma* area, phys_addr pages, uint64_t count) {
  return area != nullptr && area->cma_release(pages, count);
}

}  // namespace iommulab
