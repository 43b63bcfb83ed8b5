// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/xml_text.h"

#include "absl/strings/str_replace.h"
#include "cli/output/clean_text.h"

namespace iommulab {

std::string xml_text(std::string_view text) {
  return absl::StrReplaceAll(plain_text(text), {{"&", "&amp;"},
                                                {"<", "&lt;"},
                                                {">", "&gt;"},
                                                {"\"", "&quot;"},
                                                {"\xef\xbf\xbe", "?"},    // U+FFFE
                                                {"\xef\xbf\xbf", "?"}});  // U+FFFF
}

}  // namespace iommulab
