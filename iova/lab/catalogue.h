// SPDX-License-Identifier: GPL-2.0-only
//
// How an allocator is listed by name and made. iova/linux/ and iova/rivals/ each have a table of
// entries; iova/allocators.h joins them.
#pragma once

#include <memory>
#include <string_view>

#include "core/slab.h"
#include "iova/lab/allocator.h"

namespace iommulab {

/// Which host (lab/host.h) an allocator is built on.
enum class lab_host_kind { bare, counting, threaded };

struct iova_setup {
  iova_space space = {};
  unsigned cpus = 1;  ///< processors that alloc_fast() and free_fast() may name
  lab_host_kind host = lab_host_kind::bare;
  slab_failures* failures = nullptr;  ///< fails the allocator's own memory when told to
};

struct iova_catalogue_entry {
  std::string_view name;     ///< "v6_12": as on the command line
  std::string_view summary;  ///< one line: what it is
  std::string_view source;   ///< kernel version and file, paper, or mailing-list thread
  bool range_caches;         ///< alloc_fast() is more than alloc()
  bool thread_safe;          ///< on the threaded host
  /// Null when there is no memory for the allocator itself.
  std::unique_ptr<iova_allocator> (*make)(const iova_setup&);
};

}  // namespace iommulab
