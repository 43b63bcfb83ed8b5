// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/mapped_pages.h"

#include "absl/strings/str_cat.h"
#include "core/text_source.h"
#include "lab/replay/capture_files.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

/// vtd_dmar_translate dev 00:1f.02 iova 0xfffe0000 -> gpa 0x39c80000 mask 0xfff
constexpr std::string_view translation = "vtd_dmar_translate ";

/// "00:1f.02", with two digits for a function, as the name of a function.
std::optional<std::string> function_name(std::string_view word) {
  const size_t dot = word.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  std::string_view digits = word.substr(dot + 1);
  while (digits.size() > 1 && digits.starts_with('0')) digits.remove_prefix(1);
  const auto id = parse_pci_address(
      absl::StrCat("0000:", std::string(word.substr(0, dot + 1)), std::string(digits)));
  if (!id) return std::nullopt;
  return to_string(*id);
}

}  // namespace

absl::StatusOr<mapped_pages> mapped_pages::read(const capture_folder& folder, std::string_view mark,
                                                size_t first, size_t last) {
  mapped_pages pages;
  const std::string file = absl::StrCat("pt-", std::string(mark), ".txt");
  if (folder.has(file)) {
    absl::StatusOr<std::vector<driver_mapping>> mappings = mappings_in(folder, file);
    if (!mappings.ok()) return mappings.status();
    pages.tables_ = *std::move(mappings);
  }
  if (folder.has(trace_file)) {
    if (absl::Status status = pages.add_translations(folder, first, last); !status.ok()) {
      return status;
    }
  }
  return pages;
}

absl::Status mapped_pages::add_translations(const capture_folder& folder, size_t first,
                                            size_t last) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(trace_file);
  if (!lines.ok()) return lines.status();
  for (const numbered_line& line : *lines) {
    if (line.line < first || line.line > last || !line.text.starts_with(translation)) continue;
    const std::vector<std::string_view> words = split_at(line.text, ' ');
    constexpr size_t function_word = 2;
    constexpr size_t address_word = 4;
    constexpr size_t page_word = 7;
    const bool whole = words.size() > page_word;
    const auto function = whole ? function_name(words[function_word]) : std::nullopt;
    const auto address = whole ? parse_number(words[address_word]) : std::nullopt;
    const auto page = whole ? parse_number(words[page_word]) : std::nullopt;
    if (!function || !address || !page) {
      return line_error(folder.file_path(trace_file), line.line, "translation", line.text,
                        "not dev FUNCTION iova ADDRESS -> gpa ADDRESS");
    }
    translations_.try_emplace({*function, *address >> page_shift}, *page & page_mask);
  }
  return absl::OkStatus();
}

std::optional<phys_addr> mapped_pages::find(std::string_view function, dma_addr address) const {
  for (const driver_mapping& m : tables_) {
    const uint64_t offset = (address.value() & page_mask) - m.address.value();
    if (m.device == function && offset < m.pages * page_size) return m.phys + offset;
  }
  const auto found = translations_.find({std::string(function), address.value() >> page_shift});
  if (found == translations_.end()) return std::nullopt;
  return found->second;
}

}  // namespace iommulab::verify
