// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/sanitizer/unmap_windows.h"

#include <algorithm>

namespace iommulab {
namespace {

bool covers(const vtd::iotlb_descriptor& request, const unmap_window& window) {
  switch (request.granularity) {
    case vtd::iotlb_granularity::none:
      return false;
    case vtd::iotlb_granularity::global:
      return true;
    case vtd::iotlb_granularity::domain:
      return request.domain == window.domain;
    case vtd::iotlb_granularity::page: {
      if (request.domain != window.domain) return false;
      constexpr unsigned all_pages = 52;
      const uint64_t below = request.address_mask >= all_pages
                                 ? ~uint64_t{0}
                                 : (page_size << request.address_mask) - 1;
      return (request.address & ~below) <= window.first && window.last <= (request.address | below);
    }
  }
  return false;
}

window_figures accesses_of(const unmap_window& window) {
  window_figures one;
  one.entered = window.accesses > 0 ? 1 : 0;
  one.accesses = one.most_accesses = window.accesses;
  return one;
}

}  // namespace

window_figures& window_figures::operator+=(const window_figures& other) {
  windows += other.windows;
  open += other.open;
  entered += other.entered;
  accesses += other.accesses;
  most_accesses = std::max(most_accesses, other.most_accesses);
  total_ns += other.total_ns;
  longest_ns = std::max(longest_ns, other.longest_ns);
  return *this;
}

void unmap_windows::open(const unmap_window& window) {
  open_.insert_or_assign({window.domain, window.first}, window);
}

unmap_window* unmap_windows::find(domain_id domain, uint64_t address) {
  auto next = open_.upper_bound({domain, address});
  if (next == open_.begin()) return nullptr;
  unmap_window& window = std::prev(next)->second;
  return window.domain == domain && address <= window.last ? &window : nullptr;
}

std::vector<unmap_window> unmap_windows::close(const vtd::iotlb_descriptor& request,
                                               uint64_t now_ns) {
  std::vector<unmap_window> closed;
  for (auto at = open_.begin(); at != open_.end();) {
    const unmap_window& window = at->second;
    if (!covers(request, window)) {
      ++at;
      continue;
    }
    if (window.deferred) {
      window_figures one = accesses_of(window);
      one.windows = 1;
      one.total_ns = one.longest_ns = now_ns - window.opened_ns;
      closed_ += one;
    }
    closed.push_back(window);
    at = open_.erase(at);
  }
  return closed;
}

window_figures unmap_windows::figures() const {
  window_figures all = closed_;
  for (const auto& [at, window] : open_) {
    if (!window.deferred) continue;
    window_figures one = accesses_of(window);
    one.open = 1;
    all += one;
  }
  return all;
}

}  // namespace iommulab
