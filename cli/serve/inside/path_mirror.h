// SPDX-License-Identifier: GPL-2.0-only
//
// The system's /dev and /sys laid out in a folder of the host, for the functions that look at
// paths: a path of the system becomes one below the folder, and the host's kernel does the rest,
// symbolic links included. What files hold is read from the system itself (served_program).
#pragma once

#include <string>
#include <string_view>

#include "kernel/kernel.h"

namespace iommulab {

class path_mirror {
 public:
  /// `system` outlives the mirror. With `has_injected_failures` /sys/kernel/debug has the files by
  /// which tests see that allocations can be made to fail.
  path_mirror(kernel& system, std::string folder, bool has_injected_failures)
      : system_(system),
        folder_(std::move(folder)),
        has_injected_failures_(has_injected_failures) {}

  /// Whether a plain path of the program's is one of the system's: a node of VFIO or iommufd, a
  /// file about PCI functions, IOMMUs, groups or these modules. Others are the host's.
  static bool is_ours(std::string_view path, bool has_injected_failures);
  /// The path without "//", "/./" and "/x/../", which does not look at links.
  static std::string plain(std::string_view path);

  /// Where on the host a path of ours is, as of now. Empty when it cannot be laid out.
  std::string host_path(std::string_view path);
  /// The other way round: what does not lie in the folder stays.
  [[nodiscard]] std::string program_path(std::string_view host_path) const;
  /// The system may have changed.
  void touch() { is_current_ = false; }
  /// The process has been copied: from now on the copy has a folder of its own.
  void leave_to_parent(std::string folder) {
    folder_ = std::move(folder);
    is_current_ = false;
  }

 private:
  bool lay_out();

  kernel& system_;
  std::string folder_;
  bool has_injected_failures_;
  bool is_current_ = false;
};

}  // namespace iommulab
