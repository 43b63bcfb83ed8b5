// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/pci_listing.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/pci/registers.h"
#include "platform/machine/parse.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

constexpr size_t endpoint_rows = 13;
constexpr size_t bytes_per_row = 16;

class listing_parser {
 public:
  explicit listing_parser(const text_source& source) : source_(source), lines_(source.lines()) {}

  absl::StatusOr<pci_listing> run() {
    pci_listing listing;
    while (at_ < lines_.size()) {
      if (lines_[at_].empty()) {
        ++at_;
        continue;
      }
      pci_function_config function;
      pci_root root;
      absl::Status status = parse_header(function, root);
      if (status.ok()) status = parse_resources(function);
      if (status.ok()) status = parse_config(function);
      if (!status.ok()) return status;
      if (std::find(listing.roots.begin(), listing.roots.end(), root) == listing.roots.end()) {
        listing.roots.push_back(root);
      }
      listing.functions.push_back(std::move(function));
    }
    if (listing.functions.empty()) return error("listing", "", "it holds no function");
    return listing;
  }

 private:
  absl::Status error(std::string_view field, std::string_view value, std::string_view why) const {
    return line_error(source_.name, std::min(at_, lines_.size()) + 1, field, value, why);
  }
  [[nodiscard]] std::string_view line() const {
    return at_ < lines_.size() ? lines_[at_] : std::string_view();
  }

  /// "# 0000:00:1f.2 vendor=0x8086 device=0x2922 class=0x010601 … path=…/pci0000:00/… driver=ahci
  /// …"
  absl::Status parse_header(pci_function_config& f, pci_root& root) {
    const std::string_view text = line();
    if (text.substr(0, 2) != "# ")
      return error("header", text, "a line \"# ADDRESS …\" belongs here");
    const std::vector<std::string> words = absl::StrSplit(std::string(text.substr(2)), ' ');
    const auto id = parse_pci_address(words.front());
    if (!id) return error("address", words.front(), "not of the form 0000:00:1f.2");
    f.id = *id;
    fields_.clear();
    for (size_t i = 1; i < words.size(); ++i) {
      const size_t equals = words[i].find('=');
      if (equals == std::string::npos)
        return error("field", words[i], "not of the form NAME=VALUE");
      fields_[words[i].substr(0, equals)] = words[i].substr(equals + 1);
    }
    for (const char* name : {"vendor", "device", "class"}) {
      if (!parse_number(fields_[name])) return error(name, fields_[name], "not a number");
    }
    absl::Status status = decimal("dma_mask_bits", f.captured_dma_mask_bits);
    if (status.ok()) status = decimal("consistent", f.captured_coherent_mask_bits);
    if (!status.ok()) return status;
    // One recorder leaves the place of no driver empty, another fills it.
    if (fields_["driver"] != "-") f.captured_driver = fields_["driver"];
    const auto named = parse_root(fields_["path"]);
    if (!named || named->segment != f.id.segment) {
      return error("path", fields_["path"], "it names no root bus of the function's segment");
    }
    root = *named;
    header_ = at_++;
    return absl::OkStatus();
  }

  absl::Status decimal(const std::string& name, unsigned& out) {
    const auto value = parse_number(fields_[name]);
    if (!value || *value > 64) {
      return error(name, fields_[name], "not a number of bits up to 64");
    }
    out = static_cast<unsigned>(*value);
    return absl::OkStatus();
  }

  /// The component "pci0000:00" of a sysfs path.
  static std::optional<pci_root> parse_root(const std::string& path) {
    const std::vector<std::string> parts = absl::StrSplit(path, '/');
    for (const std::string& part : parts) {
      if (part.substr(0, 3) != "pci") continue;
      const auto id = parse_pci_address(part.substr(3) + ":00.0");
      if (!id) return std::nullopt;
      return pci_root{id->segment, id->bus};
    }
    return std::nullopt;
  }

  absl::Status parse_resources(pci_function_config& f) {
    if (line() != "resource:") return error("section", line(), "\"resource:\" belongs here");
    ++at_;
    pci_resource_table table{};
    size_t row = 0;
    for (; at_ < lines_.size() && line() != "config:"; ++at_, ++row) {
      const std::vector<std::string> words = absl::StrSplit(std::string(line()), ' ');
      if (row >= table.size()) return error("resource", line(), "more than 17 rows");
      const bool three = words.size() == 3;
      const auto start = three ? parse_number(words[0]) : std::nullopt;
      const auto end = three ? parse_number(words[1]) : std::nullopt;
      const auto flags = three ? parse_number(words[2]) : std::nullopt;
      if (!start || !end || !flags) return error("resource", line(), "not three numbers");
      if (*end < *start) return error("resource", line(), "it ends before it starts");
      table[row] = {*start, *end, *flags};
    }
    if (row != endpoint_rows && row != table.size()) {
      return error("resource", absl::StrFormat("%d rows", row), "13 or 17 belong here");
    }
    f.resources = table;
    return absl::OkStatus();
  }

  absl::Status parse_config(pci_function_config& f) {
    if (line() != "config:") return error("section", line(), "\"config:\" belongs here");
    ++at_;
    for (; at_ < lines_.size() && line().substr(0, 1) != "#" && !line().empty(); ++at_) {
      const std::vector<std::string> words =
          absl::StrSplit(std::string(line()), ' ', absl::SkipEmpty());
      if (words.size() != bytes_per_row) return error("config", line(), "not 16 bytes");
      for (const std::string& word : words) {
        const auto byte = parse_hex_byte(word);
        if (!byte) return error("config", word, "not a byte in hex");
        f.config.push_back(*byte);
      }
    }
    if (f.config.size() != 256 && f.config.size() != 4096) {
      return error("config", absl::StrFormat("%d bytes", f.config.size()),
                   "256 or 4096 belong here: the listing is cut");
    }
    absl::Status status = compare(f);
    reset_controls(absl::MakeSpan(f.config));
    return status;
  }

  /// The "#" line and the bytes are two accounts of the same function.
  absl::Status compare(const pci_function_config& f) const {
    const std::pair<const char*, uint32_t> known[] = {
        {"vendor", config_get(f.config, pci_reg::vendor_id, 2)},
        {"device", config_get(f.config, pci_reg::device_id, 2)},
        {"class", config_get(f.config, pci_reg::class_revision, 4) >> 8},
    };
    for (const auto& [name, bytes] : known) {
      const auto field = fields_.find(name);
      if (field == fields_.end() || parse_number(field->second) != bytes) {
        return line_error(source_.name, header_ + 1, name,
                          field == fields_.end() ? "" : field->second,
                          absl::StrFormat("the config bytes say 0x%x", bytes));
      }
    }
    return absl::OkStatus();
  }

  const text_source& source_;
  std::vector<std::string_view> lines_;
  std::map<std::string, std::string> fields_;
  size_t at_ = 0;
  size_t header_ = 0;
};

}  // namespace

absl::StatusOr<pci_listing> parse_pci_listing(const text_source& source) {
  return listing_parser(source).run();
}

}  // namespace iommulab
