// SPDX-License-Identifier: GPL-2.0-only
//
// Parameters of loaded modules as files of sysfs: module/NAME/parameters/.
#pragma once

#include <string>
#include <string_view>

#include "core/sysfs.h"

namespace iommulab {

/// The files of one module; they go with this. What they name outlives it.
class module_parameters {
 public:
  module_parameters(sysfs_tree& sysfs, std::string_view module);
  ~module_parameters();
  module_parameters(const module_parameters&) = delete;
  module_parameters& operator=(const module_parameters&) = delete;

  /// Reads as Y or N, and takes what kstrtobool() takes. EINVAL for anything else.
  void add(std::string_view name, bool& value);
  /// A number in decimal, or as C writes it.
  void add(std::string_view name, unsigned& value);

 private:
  sysfs_tree& sysfs_;
  std::string path_;
};

}  // namespace iommulab
