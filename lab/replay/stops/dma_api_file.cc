// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/dma_api_file.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

using item_kind = dma_api_item::kind;

constexpr std::string_view dma_api_folder = "dma-api/";
constexpr std::string_view text_suffix = ".txt";
constexpr std::string_view result_arrow = " -> ";

struct item_word {
  std::string_view word;
  item_kind what;
};
constexpr item_word item_words[] = {
    {"alloc ", item_kind::alloc},
    {"free ", item_kind::free},
    {"map_page ", item_kind::map_page},
    {"unmap_page ", item_kind::unmap_page},
    {"map_sg ", item_kind::map_sg},
    {"unmap_sg ", item_kind::unmap_sg},
    {"flush timer ", item_kind::flush_timer},
    {"flush full ", item_kind::flush_full},
};

/// The text behind "NAME=" up to the next blank.
std::optional<std::string_view> field(std::string_view text, std::string_view name) {
  for (const std::string_view word : split_at(text, ' ')) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
      return word.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> number_field(std::string_view text, std::string_view name) {
  const auto value = field(text, name);
  return value ? parse_number(*value) : std::nullopt;
}

std::optional<dma_data_direction> direction_field(std::string_view text) {
  const auto value = number_field(text, "dir");
  if (!value || *value > static_cast<uint64_t>(dma_data_direction::from_device)) {
    return std::nullopt;
  }
  return static_cast<dma_data_direction>(*value);
}

class dma_api_reader {
 public:
  explicit dma_api_reader(const std::string& path) : path_(path) {}

  absl::StatusOr<dma_api_file> read(const numbered_lines& lines, const std::string& name) && {
    file_.name = name;
    file_.lines = lines;
    for (const numbered_line& line : lines) {
      if (absl::Status status = take(line); !status.ok()) return status;
    }
    if (file_.device.empty()) {
      return line_error(path_, 1, "device", "", "the first line names the device");
    }
    for (dma_api_item& item : file_.items) {
      if (item.what != item_kind::map_sg || item.direct) continue;
      if (item.list.empty()) take_list_from_pages(item);
      if (item.list.empty()) {
        return line_error(path_, item.line, "map_sg", item.text,
                          "it has no phys=, and the pages that it mapped do not tell the pieces");
      }
      if (item.address.value() != 0 && pieces_of(item).empty()) {
        return line_error(path_, item.line, "map_sg", item.text,
                          "the pages that it mapped do not have these pieces");
      }
    }
    return std::move(file_);
  }

 private:
  absl::Status refuse(const numbered_line& line, std::string_view why) const {
    return line_error(path_, line.line, "call", line.text, why);
  }

  absl::Status take(const numbered_line& line) {
    if (line.line == 1) return take_device(line);
    if (line.text.starts_with("  ")) return take_effect(line);
    constexpr std::string_view mark = "# mark ";
    dma_api_item item;
    item.line = line.line;
    item.text = line.text;
    if (line.text.starts_with(mark)) {
      item.given = line.text.substr(mark.size());
      file_.items.push_back(std::move(item));
      return absl::OkStatus();
    }
    std::string_view rest = line.text;
    item.direct = take_prefix(rest, "direct ");
    const auto* known = std::find_if(std::begin(item_words), std::end(item_words),
                                     [&](const item_word& w) { return rest.starts_with(w.word); });
    if (known == std::end(item_words)) return refuse(line, "no call of the DMA API");
    item.what = known->what;
    const size_t at = rest.find(result_arrow);
    item.given = rest.substr(0, at);
    const std::string_view result =
        at == std::string_view::npos ? std::string_view() : rest.substr(at + result_arrow.size());
    if (!take_arguments(item) || !take_result(item, result)) {
      return refuse(line, "its arguments or its result do not read");
    }
    file_.items.push_back(std::move(item));
    return absl::OkStatus();
  }

  absl::Status take_device(const numbered_line& line) {
    constexpr std::string_view device = "# device ";
    std::string_view rest = line.text;
    if (!take_prefix(rest, device)) return refuse(line, "the first line names the device");
    file_.device = rest.substr(0, rest.find(' '));
    const auto mask = number_field(rest, "dma_mask_bits");
    const auto coherent = number_field(rest, "consistent");
    const auto domain = field(rest, "did");
    const auto driver = field(rest, "driver");
    constexpr uint64_t widest = 64;
    if (!parse_pci_address(file_.device) || !mask || *mask > widest || !coherent ||
        *coherent > widest || !driver ||
        file_.name != absl::StrCat(std::string(dma_api_folder), file_.device, ".txt")) {
      return refuse(line, "not of the form # device ADDRESS … driver=… dma_mask_bits=…");
    }
    file_.driver = *driver;
    file_.mask_bits = static_cast<unsigned>(*mask);
    file_.coherent_mask_bits = static_cast<unsigned>(*coherent);
    if (domain) file_.domain = static_cast<unsigned>(parse_number(*domain).value_or(0));
    return absl::OkStatus();
  }

  static bool take_arguments(dma_api_item& item) {
    const std::string_view text = item.given;
    item.attrs = number_field(text, "attrs").value_or(0);
    const auto size = number_field(text, "size");
    const auto dma = number_field(text, "dma");
    const auto phys = number_field(text, "phys");
    const auto dir = direction_field(text);
    switch (item.what) {
      case item_kind::alloc:
        if (!size) return false;
        item.size = *size;
        return true;
      case item_kind::free:
        if (!size || !dma) return false;
        item.size = *size;
        item.address = dma_addr(*dma);
        return true;
      case item_kind::map_page:
        if (!size || !dir || (!phys && field(text, "phys"))) return false;
        item.size = *size;
        item.dir = *dir;
        item.phys = phys_addr(phys.value_or(0));
        return true;
      case item_kind::unmap_page:
        if (!size || !dma || !dir) return false;
        item.size = *size;
        item.address = dma_addr(*dma);
        item.dir = *dir;
        return true;
      case item_kind::map_sg:
      case item_kind::unmap_sg:
        return take_list(item, dir);
      case item_kind::flush_timer:
      case item_kind::flush_full: {
        const auto domain = number_field(text, "did");
        if (!domain || !field(text, "desc") || !field(text, "freed")) return false;
        item.domain = static_cast<unsigned>(*domain);
        return true;
      }
      case item_kind::mark:
        break;
    }
    return false;
  }

  /// Of whole pages: a piece for each line of a mapping, or for each page.
  static void take_list_from_pages(dma_api_item& item) {
    const bool a_piece_a_page = item.pieces == item.pages.size();
    if (!a_piece_a_page && item.pieces != item.runs.size()) return;
    size_t at = 0;
    for (size_t i = 0; i < item.pieces; ++i) {
      item.list.push_back(item.pages[at]);
      at += a_piece_a_page ? 1 : item.runs[i];
    }
    item.size = item.pages.size() * page_size;
  }

  /// "nents=1", "nents=16/16" or, of a call that the probe missed, "nents=?".
  static bool take_list(dma_api_item& item, std::optional<dma_data_direction> dir) {
    if (dir) item.dir = *dir;
    if (const auto pieces = field(item.given, "nents")) {
      const auto count = parse_number(pieces->substr(0, pieces->find('/')));
      if (*pieces == "?") return item.what == item_kind::unmap_sg;
      if (!count) return false;
      item.pieces = static_cast<unsigned>(count.value_or(0));
    }
    const auto list = field(item.given, "phys");
    if (!list) return dir.has_value();
    for (const std::string_view part : split_at(*list, ',')) {
      const auto phys = parse_number(part);
      if (!phys) return false;
      item.list.emplace_back(*phys);
    }
    if (item.pieces == 0) item.pieces = static_cast<unsigned>(item.list.size());
    return dir.has_value() && item.list.size() == item.pieces;
  }

  static bool take_result(dma_api_item& item, std::string_view result) {
    const bool gives = item.what == item_kind::alloc || item.what == item_kind::map_page ||
                       item.what == item_kind::map_sg;
    if (!gives) return result.empty();
    if (item.what != item_kind::map_sg) {
      const auto address = parse_number(result);
      if (!address) return result.empty() && item.what == item_kind::map_page;
      item.address = dma_addr(*address);
      if (item.direct && item.what == item_kind::alloc) item.phys = phys_addr(*address);
      return true;
    }
    // "1 0xfff3f8c0:0x200", or of a direct one the parts alone.
    const std::vector<std::string_view> parts = split_at(result, ' ');
    bool first = true;
    for (const std::string_view part : parts) {
      const size_t colon = part.find(':');
      if (colon == std::string_view::npos) {
        if (!parse_number(part)) return false;
        continue;
      }
      const auto address = parse_number(part.substr(0, colon));
      const auto length = parse_number(part.substr(colon + 1));
      if (!address || !length) return false;
      if (first) item.address = dma_addr(*address);
      first = false;
      item.tells_parts = true;
      item.size += *length;
    }
    return true;
  }

  absl::Status take_effect(const numbered_line& line) {
    if (file_.items.empty()) return refuse(line, "no call stands above it");
    dma_api_item& item = file_.items.back();
    const std::string_view text = std::string_view(line.text).substr(2);
    constexpr std::string_view effects[] = {"iova ",
                                            "map ",
                                            "unmap ",
                                            "sync ",
                                            "cache_tag_flush_range ",
                                            "cache_tag_flush_range_np ",
                                            "qi ",
                                            "free_iova "};
    const bool known = std::any_of(std::begin(effects), std::end(effects),
                                   [&](std::string_view e) { return text.starts_with(e); });
    if (!known) return refuse(line, "no effect of a call");
    if (text.starts_with("unmap ") && item.what == item_kind::unmap_sg) {
      const auto iova = number_field(text, "iova");
      if (!iova) return refuse(line, "it has no iova=");
      if (item.address.value() == 0) item.address = dma_addr(*iova);
    }
    if (!text.starts_with("map ")) return absl::OkStatus();
    const auto phys = number_field(text, "pa");
    const auto pages = number_field(text, "pages");
    constexpr uint64_t most_pages = 1u << 20;
    if (!phys || !pages || *pages > most_pages) return refuse(line, "it has no pa= or no pages=");
    for (uint64_t i = 0; i < *pages; ++i) item.pages.emplace_back(*phys + i * page_size);
    item.runs.push_back(*pages);
    const auto iova = number_field(text, "iova");
    if (item.what == item_kind::map_sg && item.address.value() == 0 && iova) {
      item.address = dma_addr(*iova);
    }
    return absl::OkStatus();
  }

  const std::string& path_;
  dma_api_file file_;
};

}  // namespace

absl::StatusOr<dma_api_file> parse_dma_api_file(const numbered_lines& lines,
                                                const std::string& name, const std::string& path) {
  return dma_api_reader(path).read(lines, name);
}

absl::StatusOr<std::vector<dma_api_file>> read_dma_api_files(const capture_folder& folder) {
  std::vector<dma_api_file> files;
  for (const std::string& name : folder.files()) {
    if (!name.starts_with(dma_api_folder) || !name.ends_with(text_suffix)) continue;
    const absl::StatusOr<numbered_lines> lines = folder.read_lines(name);
    if (!lines.ok()) return lines.status();
    absl::StatusOr<dma_api_file> file = parse_dma_api_file(*lines, name, folder.file_path(name));
    if (!file.ok()) return file.status();
    files.push_back(*std::move(file));
  }
  return files;
}

std::vector<list_piece> pieces_of(const dma_api_item& item) {
  std::vector<list_piece> pieces;
  if (item.pages.empty() || item.list.empty()) return pieces;
  uint64_t left = item.size;
  for (const phys_addr page : item.pages) {
    const size_t next = pieces.size();
    const bool begins =
        next < item.list.size() && page == item.list[next] - item.list[next].page_offset();
    if (begins) pieces.push_back({item.list[next], 0});
    if (pieces.empty()) return {};
    const uint64_t offset = begins ? item.list[next].page_offset() : 0;
    const uint64_t length = std::min(left, page_size - offset);
    pieces.back().length += length;
    left -= length;
  }
  if (pieces.size() != item.list.size() || left != 0) pieces.clear();
  return pieces;
}

}  // namespace iommulab::verify
