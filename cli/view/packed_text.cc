// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/packed_text.h"

#include <zlib.h>

#include "absl/strings/escaping.h"
#include "core/ensure.h"

namespace iommulab::view {

std::string packed_text(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string packed(size, '\0');
  const int result =
      compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                reinterpret_cast<const Bytef*>(text.data()), text.size(), Z_BEST_COMPRESSION);
  ensure(result == Z_OK, "zlib packs what fits into compressBound()");
  packed.resize(size);
  return absl::Base64Escape(packed);
}

}  // namespace iommulab::view
