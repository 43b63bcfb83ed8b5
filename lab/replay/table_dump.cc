// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/table_dump.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/text_source.h"

namespace iommulab::verify {
namespace {

// Layout, VT-d specification 9.1 (root), 9.3 (context), 9.8 (second level).
constexpr unsigned second_level_bits = 9;
constexpr unsigned second_level_entries = 1u << second_level_bits;
constexpr uint64_t entry_word = sizeof(uint64_t);
constexpr uint64_t present = 1;
constexpr uint64_t read_write = 3;
constexpr uint64_t super_page = uint64_t{1} << 7;
constexpr uint64_t address_bits = ((uint64_t{1} << 52) - 1) & page_mask;
constexpr unsigned translation_type_shift = 2;
constexpr uint64_t translation_type_mask = 3;
constexpr uint64_t pass_through = 2;
constexpr uint64_t address_width_mask = 7;
/// AW 1 is 39 bits, three levels.
constexpr unsigned levels_above_address_width = 2;
constexpr table_level deepest_table = 6;

// PASID-table entry, VT-d specification 9.6.
constexpr unsigned pasid_width_shift = 2;
constexpr unsigned pasid_type_shift = 6;
constexpr uint64_t pasid_type_mask = 7;
constexpr uint64_t pasid_pass_through = 4;

constexpr bool is_second_level(table_level level) {
  return level <= deepest_table;
}

/// Words of an entry, VT-d specification 9.1 to 9.8.
constexpr unsigned words_of(table_level level) {
  switch (level) {
    case root_level:
    case context_level:
      return 2;
    case scalable_context_level:
      return 4;
    case pasid_table_level:
      return 8;
    default:
      return 1;
  }
}

/// A table is a page.
constexpr unsigned entries_of(table_level level) {
  return static_cast<unsigned>(page_size / (words_of(level) * entry_word));
}

uint64_t& word_of(table_entry& entry, unsigned i) {
  if (i == 0) return entry.low;
  return i == 1 ? entry.high : entry.further.at(i - 2);
}

bool is_zero(const table_entry& entry) {
  return entry.low == 0 && entry.high == 0 &&
         std::all_of(entry.further.begin(), entry.further.end(),
                     [](uint64_t word) { return word == 0; });
}

uint64_t address_of(const table_entry& entry) {
  return entry.low & address_bits;
}

bool is_leaf(table_level level, const table_entry& entry) {
  return level == 1 || (entry.low & super_page) != 0;
}

unsigned shift_of(table_level level) {
  return page_shift + (level - 1) * second_level_bits;
}

/// Level of the table that a context entry points at; none for an absent or passing entry.
std::optional<table_level> top_level(const table_entry& context) {
  if ((context.low & present) == 0) return std::nullopt;
  if (((context.low >> translation_type_shift) & translation_type_mask) == pass_through) {
    return std::nullopt;
  }
  const auto levels =
      static_cast<table_level>(context.high & address_width_mask) + levels_above_address_width;
  return std::min(levels, deepest_table);
}

/// The same of a PASID-table entry.
std::optional<table_level> top_level_of_pasid(const table_entry& pasid) {
  if ((pasid.low & present) == 0) return std::nullopt;
  if (((pasid.low >> pasid_type_shift) & pasid_type_mask) == pasid_pass_through) {
    return std::nullopt;
  }
  const auto levels =
      static_cast<table_level>((pasid.low >> pasid_width_shift) & address_width_mask) +
      levels_above_address_width;
  return std::min(levels, deepest_table);
}

class walker {
 public:
  walker(const table_source& tables, page_names names, absl::Span<const uint16_t> passed_over)
      : tables_(tables), names_(std::move(names)), passed_over_(passed_over) {}

  numbered_lines walk(uint64_t root) {
    std::vector<std::pair<table_level, uint64_t>> tops;
    for (const table_entry& bus : page(root_level, root, 0)) {
      const std::string table = names_(root);
      const std::string low = names_(bus.low);
      first_requester_ = bus.index * functions_of_bus;
      if (tables_.is_scalable()) {
        const std::string high = bus.high == 0 ? "0x0" : names_(bus.high);
        add(bus.line, absl::StrFormat("R %s %d lo=%s hi=%s", table, bus.index, low, high));
        for (const uint64_t half : {bus.low, bus.high}) {
          if ((half & present) != 0) walk_scalable_context(half & address_bits, bus.line, tops);
          first_requester_ += functions_of_bus / 2;
        }
        continue;
      }
      add(bus.line, absl::StrFormat("R %s %d lo=%s hi=0x%x", table, bus.index, low, bus.high));
      if ((bus.low & present) == 0) continue;
      walk_context(address_of(bus), bus.line, tops);
    }
    for (const auto& [level, table] : tops) walk_second_level(level, table, 0);
    return std::move(lines_);
  }

 private:
  void walk_context(uint64_t table, size_t line,
                    std::vector<std::pair<table_level, uint64_t>>& tops) {
    for (const table_entry& context : page(context_level, table, line)) {
      const std::optional<table_level> level = top_level(context);
      const std::string name = names_(table);
      const std::string low = level ? names_(context.low) : absl::StrFormat("0x%x", context.low);
      add(context.line,
          absl::StrFormat("C %s %d lo=%s hi=0x%x", name, context.index, low, context.high));
      requester_ = first_requester_ + context.index;
      if (level) add_top({*level, address_of(context)}, tops);
    }
  }

  void add_top(const std::pair<table_level, uint64_t>& top,
               std::vector<std::pair<table_level, uint64_t>>& tops) const {
    const bool passed =
        std::find(passed_over_.begin(), passed_over_.end(), requester_) != passed_over_.end();
    if (!passed && std::find(tops.begin(), tops.end(), top) == tops.end()) tops.push_back(top);
  }

  void walk_scalable_context(uint64_t table, size_t line,
                             std::vector<std::pair<table_level, uint64_t>>& tops) {
    for (table_entry& context : page(scalable_context_level, table, line)) {
      const bool down = (context.low & present) != 0;
      add(context.line, absl::StrFormat("S %s %d%s", names_(table), context.index,
                                        words(context, scalable_context_level, down)));
      requester_ = first_requester_ + context.index;
      if (down) walk_pasid_directory(address_of(context), context.line, tops);
    }
  }

  void walk_pasid_directory(uint64_t directory, size_t line,
                            std::vector<std::pair<table_level, uint64_t>>& tops) {
    for (const table_entry& entry : page(pasid_directory_level, directory, line)) {
      const bool down = (entry.low & present) != 0;
      const std::string name = names_(directory);
      add(entry.line,
          absl::StrFormat("D %s %d %s", name, entry.index,
                          down ? names_(entry.low) : absl::StrFormat("0x%x", entry.low)));
      if (!down) continue;
      for (table_entry& pasid : page(pasid_table_level, address_of(entry), entry.line)) {
        const std::optional<table_level> level = top_level_of_pasid(pasid);
        const std::string table = names_(address_of(entry));
        add(pasid.line, absl::StrFormat("P %s %d%s", table, pasid.index,
                                        words(pasid, pasid_table_level, level.has_value())));
        if (level) add_top({*level, address_of(pasid)}, tops);
      }
    }
  }

  /// " q0=… q1=…"; the first word holds a page where `names_a_page`.
  std::string words(table_entry& entry, table_level level, bool names_a_page) {
    std::string text =
        absl::StrCat(" q0=", names_a_page ? names_(entry.low) : absl::StrFormat("0x%x", entry.low));
    for (unsigned i = 1; i < words_of(level); ++i) {
      absl::StrAppendFormat(&text, " q%d=0x%x", i, word_of(entry, i));
    }
    return text;
  }

  void walk_second_level(table_level level, uint64_t table, size_t line) {
    if (!seen_.insert({level, table}).second) return;
    for (const table_entry& entry : page(level, table, line)) {
      const bool leaf = is_leaf(level, entry);
      const std::string name = names_(table);
      const std::string value = leaf ? absl::StrFormat("0x%x", entry.low) : names_(entry.low);
      add(entry.line, absl::StrFormat("%d %s %d %s", level, name, entry.index, value));
      const bool down = !leaf && (entry.low & read_write) != 0;
      if (down) walk_second_level(level - 1, address_of(entry), entry.line);
    }
  }

  /// Entries of a page; one line says so when it is not there.
  std::vector<table_entry> page(table_level level, uint64_t table, size_t line) {
    std::optional<std::vector<table_entry>> entries = tables_.entries(level, table);
    if (entries) return *std::move(entries);
    add(line, absl::StrFormat("table %s is not in memory", names_(table)));
    return {};
  }

  void add(size_t line, std::string text) { lines_.push_back({line, std::move(text)}); }

  static constexpr unsigned functions_of_bus = 256;

  const table_source& tables_;
  page_names names_;
  absl::Span<const uint16_t> passed_over_;
  unsigned first_requester_ = 0;  ///< of the table of contexts
  unsigned requester_ = 0;        ///< whose entries are walked
  numbered_lines lines_;
  std::set<std::pair<table_level, uint64_t>> seen_;
};

/// "lo=000000000021c001" or a bare value.
std::optional<uint64_t> parse_value(absl::string_view word, std::string_view prefix) {
  uint64_t value = 0;
  if (!std::string_view(word.data(), word.size()).starts_with(prefix) ||
      !absl::SimpleHexAtoi(word.substr(prefix.size()), &value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<table_level> parse_level(absl::string_view word) {
  if (word == "R") return root_level;
  if (word == "C") return context_level;
  if (word == "S" || word == "SC") return scalable_context_level;
  if (word == "D" || word == "PD") return pasid_directory_level;
  if (word == "P" || word == "PE") return pasid_table_level;
  if (word.size() == 1 && word[0] >= '1' && word[0] <= '6') {
    return static_cast<table_level>(word[0] - '0');
  }
  return std::nullopt;
}

/// "# count level=1 leaf=1 lowbits=0x3 : 138": how many second-level entries are of one sort.
bool take_count(const std::string& text, size_t& total) {
  const size_t colon = text.rfind(": ");
  size_t count = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 2), &count)) return false;
  total += count;
  return true;
}

struct dump_line {
  table_level level = 0;
  uint64_t table = 0;
  table_entry entry;
};

/// What stands before the `i`-th word of an entry.
std::string word_prefix(absl::string_view row, table_level level, unsigned i) {
  if (level == root_level || level == context_level) return i == 0 ? "lo=" : "hi=";
  // Rows of two letters have their words bare.
  return words_of(level) > 1 && row.size() == 1 ? absl::StrFormat("q%d=", i) : "";
}

std::optional<dump_line> parse_dump_line(const numbered_line& line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line.text, ' ', absl::SkipEmpty());
  constexpr size_t words_before_values = 3;
  if (words.empty()) return std::nullopt;
  const std::optional<table_level> level = parse_level(words[0]);
  if (!level || words.size() < words_before_values + words_of(*level)) return std::nullopt;
  dump_line parsed;
  parsed.level = *level;
  parsed.entry.line = line.line;
  if (!absl::SimpleHexAtoi(words[1], &parsed.table)) return std::nullopt;
  if (!absl::SimpleAtoi(words[2], &parsed.entry.index)) return std::nullopt;
  for (unsigned i = 0; i < words_of(*level); ++i) {
    const auto value =
        parse_value(words[words_before_values + i], word_prefix(words[0], *level, i));
    if (!value) return std::nullopt;
    word_of(parsed.entry, i) = *value;
  }
  return parsed;
}

/// "# domain did=6 pgd=0x70c6000 levels=3"
struct domain_line {
  uint64_t table = 0;
  table_level level = 0;
};
std::optional<domain_line> parse_domain_line(std::string_view text) {
  constexpr absl::string_view pgd = "pgd=";
  constexpr absl::string_view levels = "levels=";
  domain_line found;
  for (const absl::string_view word :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ' ')) {
    uint64_t value = 0;
    if (word.substr(0, pgd.size()) == pgd && absl::SimpleHexAtoi(word.substr(pgd.size()), &value)) {
      found.table = value;
    }
    if (word.substr(0, levels.size()) == levels) {
      if (!absl::SimpleAtoi(word.substr(levels.size()), &found.level)) return std::nullopt;
    }
  }
  if (found.table == 0 || found.level == 0 || found.level > deepest_table) return std::nullopt;
  return found;
}

}  // namespace

std::optional<table_entry> table_source::entry(table_level level, uint64_t table,
                                               unsigned index) const {
  const auto all = entries(level, table);
  if (!all) return std::nullopt;
  const auto found = std::find_if(all->begin(), all->end(),
                                  [index](const table_entry& e) { return e.index == index; });
  if (found != all->end()) return *found;
  table_entry zero;
  zero.index = index;
  return zero;
}

std::optional<table_entry> memory_tables::entry(table_level level, uint64_t table,
                                                unsigned index) const {
  const std::byte* bytes = memory_.at(phys_addr(table), page_size);
  if (bytes == nullptr) return std::nullopt;
  table_entry entry;
  entry.index = index;
  const std::byte* at = bytes + size_t{index} * words_of(level) * entry_word;
  for (unsigned i = 0; i < words_of(level); ++i) {
    std::memcpy(&word_of(entry, i), at + i * entry_word, entry_word);
  }
  return entry;
}

std::optional<std::vector<table_entry>> memory_tables::entries(table_level level,
                                                               uint64_t table) const {
  std::vector<table_entry> found;
  for (unsigned i = 0; i < entries_of(level); ++i) {
    const auto one = entry(level, table, i);
    if (!one) return std::nullopt;
    if (!is_zero(*one)) found.push_back(*one);
  }
  return found;
}

absl::StatusOr<dumped_tables> dumped_tables::read(const capture_folder& folder,
                                                  std::string_view file) {
  const absl::StatusOr<numbered_lines> lines = folder.read_lines(file);
  if (!lines.ok()) return lines.status();
  const std::string own(file);
  return parse(*lines, folder.file_path(file), folder.recording(),
               [&](const std::string& other) -> absl::StatusOr<dumped_tables> {
                 if (other == own) {
                   return line_error(folder.file_path(file), 0, "tables", other,
                                     "it refers to itself");
                 }
                 return read(folder, other);
               });
}

absl::StatusOr<dumped_tables> dumped_tables::read(const std::string& path) {
  const absl::StatusOr<text_source> source = read_source(path);
  if (!source.ok()) return source.status();
  numbered_lines lines;
  for (const std::string_view line : source->lines()) {
    lines.push_back({lines.size() + 1, std::string(line)});
  }
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  return parse(lines, source->name, recording_kind_of(folder.empty() ? "." : folder),
               [&](const std::string& other) { return read(folder + other); });
}

size_t dumped_tables::copy_second_level(const dumped_tables& from, table_level level,
                                        uint64_t table) {
  const auto found = from.tables_.find({level, table});
  if (found == from.tables_.end() || !tables_.emplace(found->first, found->second).second) return 0;
  size_t count = found->second.size();
  for (const table_entry& entry : found->second) {
    if (is_leaf(level, entry) || (entry.low & read_write) == 0) continue;
    count += copy_second_level(from, level - 1, address_of(entry));
  }
  return count;
}

absl::Status dumped_tables::take_from_neighbour(const numbered_line& line, const std::string& name,
                                                uint64_t table, table_level level,
                                                const neighbour& other) {
  const std::vector<std::string> words = absl::StrSplit(line.text, ' ');
  constexpr size_t form = 4;  // "= pt-boot.txt (4107 entries)"
  size_t count = 0;
  if (words.size() != form || words[2].front() != '(' || words[3] != "entries)" ||
      !absl::SimpleAtoi(words[2].substr(1), &count)) {
    return line_error(name, line.line, "tables", line.text, "not = FILE (N entries)");
  }
  const auto from = other(words[1]);
  if (!from.ok()) return from.status();
  const size_t copied = copy_second_level(*from, level, table);
  if (copied == count) return absl::OkStatus();
  return line_error(name, line.line, "tables", line.text,
                    absl::StrFormat("there are %d entries in that file", copied));
}

absl::StatusOr<dumped_tables> dumped_tables::parse(const numbered_lines& lines,
                                                   const std::string& name,
                                                   recording_kind recording,
                                                   const neighbour& other) {
  constexpr std::string_view root_comment = "# root table ";
  constexpr std::string_view no_root_comment = "# no root table";
  constexpr std::string_view count_comment = "# count ";
  constexpr std::string_view domain_comment = "# domain ";
  constexpr std::string_view scalable_word = " scalable=1";
  constexpr std::string_view reference = "  = ";
  dumped_tables dump;
  bool says_root = false;
  size_t second_level = 0;
  size_t counted = 0;
  for (const numbered_line& line : lines) {
    if (line.text.starts_with(count_comment) && !take_count(line.text, counted)) {
      return line_error(name, line.line, "count", line.text, "it does not end in a number");
    }
    if (line.text.starts_with(domain_comment)) {
      const auto parsed = parse_domain_line(line.text);
      if (!parsed) return line_error(name, line.line, "domain", line.text, "not pgd=… levels=…");
      const domain_line& domain = *parsed;
      if (const size_t at = line.text.find(reference); at != std::string::npos) {
        absl::Status status = dump.take_from_neighbour({line.line, line.text.substr(at + 2)}, name,
                                                       domain.table, domain.level, other);
        if (!status.ok()) return status;
      }
    }
    if (line.text.starts_with(root_comment)) {
      std::string_view text = std::string_view(line.text).substr(root_comment.size());
      dump.scalable_ = text.ends_with(scalable_word);
      text = text.substr(0, text.find(' '));
      uint64_t root = 0;
      if (!absl::SimpleHexAtoi(absl::string_view(text.data(), text.size()), &root)) {
        return line_error(name, line.line, "root table", line.text,
                          "it does not end in an address");
      }
      dump.root_ = root;
    }
    says_root = says_root || dump.root_ || line.text.starts_with(no_root_comment);
    if (line.text.empty() || line.text.starts_with('#')) continue;
    if (line.text.starts_with("I ")) continue;  // interrupt remapping entries
    std::optional<dump_line> parsed = parse_dump_line(line);
    if (!parsed) return line_error(name, line.line, "entry", line.text, "not a table entry");
    dump.tables_[{parsed->level, parsed->table}].push_back(parsed->entry);
    dump.scalable_ = dump.scalable_ || parsed->level == scalable_context_level;
    if (is_second_level(parsed->level)) ++second_level;
  }
  if (!says_root) {
    return line_error(name, 0, "root table", "",
                      "no line says where it is, nor that there is none");
  }
  if (recording == recording_kind::phases && second_level != counted) {
    return line_error(
        name, lines.size(), "count", absl::StrCat(counted),
        absl::StrFormat("%d second-level entries are there: the file is cut short", second_level));
  }
  return dump;
}

std::optional<std::vector<table_entry>> dumped_tables::entries(table_level level,
                                                               uint64_t table) const {
  const auto found = tables_.find({level, table});
  return found == tables_.end() ? std::vector<table_entry>() : found->second;
}

size_t dumped_tables::entry_count() const {
  size_t count = 0;
  for (const auto& [where, entries] : tables_) count += entries.size();
  return count;
}

bool dumped_tables::prune_second_level(table_level level, uint64_t table, uint64_t iova) {
  const auto found = tables_.find({level, table});
  if (found == tables_.end()) return false;  // empty in the dump: not a driver's doing
  std::erase_if(found->second, [&](const table_entry& entry) {
    const uint64_t address = iova + (uint64_t{entry.index} << shift_of(level));
    if (is_leaf(level, entry)) {
      const uint64_t in_page = (uint64_t{1} << shift_of(level)) - 1;
      return (address_of(entry) & ~in_page) != address;
    }
    return prune_second_level(level - 1, address_of(entry), address);
  });
  return found->second.empty();
}

bool dumped_tables::prune_context(uint64_t table) {
  const auto found = tables_.find({context_level, table});
  if (found == tables_.end()) return false;
  std::erase_if(found->second, [&](const table_entry& entry) {
    const std::optional<table_level> level = top_level(entry);
    return level && prune_second_level(*level, address_of(entry), 0);
  });
  return found->second.empty();
}

void dumped_tables::keep_start_up() {
  if (!root_) return;
  const auto found = tables_.find({root_level, *root_});
  if (found == tables_.end()) return;
  std::erase_if(found->second,
                [&](const table_entry& bus) { return prune_context(address_of(bus)); });
}

numbered_lines table_lines(const table_source& tables, std::optional<uint64_t> root,
                           page_names names, absl::Span<const uint16_t> passed_over) {
  if (!root) return {{1, "no root table programmed"}};
  return walker(tables, std::move(names), passed_over).walk(*root);
}

}  // namespace iommulab::verify
