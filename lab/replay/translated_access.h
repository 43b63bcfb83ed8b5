// SPDX-License-Identifier: GPL-2.0-only
//
// What a device was allowed at an I/O virtual address, as far as the capture's hardware said so
// when it translated:
//   vtd_iotlb_page_hit IOTLB page hit sid 0xfa iova 0xfffa0000 slpte 0x39e20003 domain 0x2
// Where drivers' calls are on no record this is the only witness besides the dump of the tables,
// which is what a run is compared with. Of an address that no device touched nothing is known; most
// of what drivers keep mapped is read and written by their devices.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "core/types.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

class translated_access {
 public:
  /// Nothing of a folder without a trace. EINVAL for a line of that event in another form.
  static absl::StatusOr<translated_access> read(const capture_folder& folder);

  /// R and W as in a second-level entry; both where nothing is known.
  [[nodiscard]] uint64_t permissions(std::string_view function, dma_addr address) const;

 private:
  /// By function and page; of several translations the last.
  std::map<std::pair<std::string, uint64_t>, uint64_t> entries_;
};

}  // namespace iommulab::verify
