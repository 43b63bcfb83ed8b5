// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/command_line/command_line_notes.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/cmdline.h"
#include "core/enum_names.h"

namespace iommulab {
namespace {

using finding = command_line_finding;

constexpr std::string_view intel_iommu = "intel_iommu";

/// As the kernel compares the names of parameters.
std::string canonical(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

std::string lower(std::string_view text) {
  return absl::AsciiStrToLower(std::string(text));
}

/// Whether one letter more, less, other, or swapped with its neighbour makes the two the same.
bool is_one_edit_away(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const std::string_view rest_a = a.substr(static_cast<size_t>(in_a - a.begin()));
  const std::string_view rest_b = b.substr(static_cast<size_t>(in_b - b.begin()));
  if (rest_b.empty()) return false;  // the same
  if (a.size() < b.size()) return rest_a == rest_b.substr(1);
  if (rest_a.substr(1) == rest_b.substr(1)) return true;
  return rest_a.size() >= 2 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0] &&
         rest_a.substr(2) == rest_b.substr(2);
}

/// The same but for its letters' case, or one edit away.
bool is_nearly(std::string_view text, std::string_view known) {
  if (text == known) return false;
  return lower(text) == lower(known) || is_one_edit_away(lower(text), lower(known));
}

/// Whatever stands in the line, fit for a terminal.
std::string printable(const std::string& text) {
  constexpr size_t longest = 80;
  const std::string shown = text.substr(0, longest);
  const bool is_plain = std::all_of(shown.begin(), shown.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
  return (is_plain ? shown : absl::CEscape(shown)) + (text.size() > longest ? "..." : "");
}

bool looks_like_remapping(std::string_view name) {
  constexpr std::array<std::string_view, 6> parts = {"iommu", "dmar",     "swiotlb",
                                                     "smmu",  "intremap", "vtd"};
  const std::string text = lower(name);
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string::npos; });
}

bool is_of(const foreign_word& word, const std::string& parameter) {
  const std::string name = canonical(word.parameter);
  if (!name.ends_with('*')) return name == parameter;
  return parameter.starts_with(std::string_view(name).substr(0, name.size() - 1));
}

/// Whether kernels from `word` on are older than `release`, or it.
bool is_read_by(const foreign_word& word, std::string_view release) {
  if (word.since_major == 0) return false;
  const std::vector<std::string> parts = absl::StrSplit(std::string(release), '.');
  unsigned major = 0;
  unsigned minor = 0;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &major) ||
      !absl::SimpleAtoi(parts[1], &minor)) {
    return false;
  }
  return std::pair(major, minor) >= std::pair(word.since_major, word.since_minor);
}

class note_taker {
 public:
  note_taker(std::string_view line, const command_line_reader& reader)
      : reader_(reader), words_(parse_command_line(line)) {}

  std::vector<command_line_note> take() && {
    for (at_ = 0; at_ < words_.size(); ++at_) take_word();
    note_what_was_taken_back();
    if (!reader_.translation_asked_for && off_.empty() && iommu_off_.empty()) {
      for (command_line_note& n : notes_) {
        if (vain_.contains(n.where)) n.severity = diagnosis_severity::error;
      }
    }
    return std::move(notes_);
  }

 private:
  /// `subject` is the word as it stands, or the part of it that is meant.
  void note(finding id, const std::string& subject, std::string_view sentence) {
    if (!said_.insert(subject).second) return;
    notes_.push_back({id, diagnosis_severity::note, at_, 0,
                      absl::StrFormat("%s: %s", printable(subject), sentence)});
  }

  /// Where the line says both: which word had the last say.
  void note_what_was_taken_back() {
    if (on_.empty() || reader_.translation_asked_for) return;
    at_ = on_at_;
    const std::string& by = iommu_off_.empty() ? off_ : iommu_off_;
    note(finding::taken_back, on_,
         absl::StrFormat("taken back by %s%s", printable(by),
                         iommu_off_.empty() ? ", which stands behind it"
                                            : ": no driver uses its hardware then"));
    std::stable_sort(notes_.begin(), notes_.end(),
                     [](const auto& a, const auto& b) { return a.where < b.where; });
  }

  void remember_switch(const std::string& name, std::string_view value,
                       const std::string& subject) {
    if (name == intel_iommu && value == "on") {
      on_ = subject;
      on_at_ = at_;
    }
    if (name == intel_iommu && value == "off") off_ = subject;
    if (name == "iommu" && value == "off") iommu_off_ = subject;
  }

  void take_word() {
    const command_line_word& word = words_[at_];
    const std::string name = canonical(word.name);
    if (!reads(name)) return take_unread(word, name);
    if (!word.value) return take_bare(word, name);
    if (is_free(name)) return take_effect(*find(name, ""), word.name + "=" + *word.value);
    for (const std::string& part : parts_of(name, *word.value)) take_part(word, name, part);
  }

  [[nodiscard]] bool reads(const std::string& name) const {
    return std::any_of(reader_.table->words.begin(), reader_.table->words.end(),
                       [&](const parameter_word& w) { return canonical(w.parameter) == name; });
  }

  /// Whether the kernel takes any value.
  [[nodiscard]] bool is_free(const std::string& name) const {
    const parameter_word* any = find(name, "");
    return any != nullptr && any->value.empty();
  }

  [[nodiscard]] bool by_beginning(const std::string& name) const {
    const auto& list = reader_.table->by_beginning;
    return std::find(list.begin(), list.end(), name) != list.end();
  }

  /// The row of a word of the value: the longest that it begins with, or that it is.
  [[nodiscard]] const parameter_word* find(const std::string& name, std::string_view value) const {
    const parameter_word* best = nullptr;
    for (const parameter_word& w : reader_.table->words) {
      if (canonical(w.parameter) != name) continue;
      const bool fits = by_beginning(name) ? value.starts_with(w.value) : value == w.value;
      if (fits && (best == nullptr || w.value.size() > best->value.size())) best = &w;
    }
    return best;
  }

  /// Linux v4.4 lib/swiotlb.c: setup_io_tlb_npages(): a number and a comma, each if it is there;
  /// what follows is compared as a whole.
  static std::vector<std::string> behind_the_slabs(const std::string& value) {
    std::string_view rest = value;
    if (!value.empty() && absl::ascii_isdigit(static_cast<unsigned char>(value.front()))) {
      char* end = nullptr;
      std::strtoul(value.c_str(), &end, 0);
      rest.remove_prefix(static_cast<size_t>(end - value.c_str()));
    }
    if (rest.starts_with(',')) rest.remove_prefix(1);
    return rest.empty() ? std::vector<std::string>() : std::vector<std::string>{std::string(rest)};
  }

  static std::vector<std::string> parts_of(const std::string& name, const std::string& value) {
    if (name == "acpi") return {value};
    if (name == "swiotlb") return behind_the_slabs(value);
    return absl::StrSplit(value, ',', absl::SkipEmpty());
  }

  /// A parameter of this kernel without "=".
  void take_bare(const command_line_word& word, const std::string& name) {
    if (is_free(name)) return take_effect(*find(name, ""), word.name);
    const bool is_parted = at_ + 1 < words_.size() && words_[at_ + 1].name.starts_with('=');
    if (name == intel_iommu) vain_.insert(at_);
    note(finding::unknown_value, word.name,
         is_parted ? "blanks stand around its '=': the kernel sees a word without a value"
                   : absl::StrFormat("it has no value, as in %s=%s", word.name,
                                     name == intel_iommu ? "on" : "..."));
  }

  void take_part(const command_line_word& word, const std::string& name, const std::string& part) {
    const parameter_word* row = find(name, part);
    const std::string subject = word.name + "=" + part;
    if (row == nullptr) return take_unknown(name, part, subject);
    remember_switch(name, row->value, subject);
    const bool is_whole = part == row->value || row->value.ends_with('=') ||
                          row->value.ends_with('_') || part.find('=') != std::string::npos;
    if (!is_whole) {
      note(finding::counts_as, subject,
           absl::StrFormat("counts as %s: the kernel compares beginnings", row->value));
    }
    take_effect(*row, subject);
  }

  void take_effect(const parameter_word& row, const std::string& subject) {
    switch (row.effect) {
      case word_effect::acts:
        return;
      case word_effect::acts_when_on:
        if (reader_.translation_asked_for) return;
        return note(finding::remapping_off, subject,
                    "it says how DMA is remapped, and remapping is not switched on "
                    "(intel_iommu=on)");
      case word_effect::bounces:
        return note(finding::bounce_buffers, subject,
                    "bounce buffers are asked for: pci_iommu_alloc() ends its search with them and "
                    "does not come to detect_intel_iommu(), whatever intel_iommu= says");
      case word_effect::no_tables:
        return note(finding::no_tables, subject,
                    "no ACPI table is read, so none says where remapping hardware is");
      case word_effect::no_effect:
        return note(finding::no_effect, subject, absl::StrFormat("no effect here: %s", row.why));
      case word_effect::not_modelled:
        return note(finding::not_modelled, subject,
                    absl::StrFormat("not modelled, without effect here: %s", row.why));
    }
  }

  /// A word of a value, of a parameter of this kernel.
  void take_unknown(const std::string& name, const std::string& part, const std::string& subject) {
    if (name == intel_iommu) vain_.insert(at_);
    if (const foreign_word* w = find_foreign(name, part); w != nullptr) {
      return take_foreign(*w, subject);
    }
    const std::string inner = part.substr(0, part.find('='));
    if (inner.size() < part.size() && reads(canonical(inner))) {
      return note(
          finding::unknown_value, subject,
          absl::StrFormat("%s is a parameter of its own, which stands behind a blank, not a "
                          "word of %s=",
                          part, name));
    }
    std::string sentence =
        absl::StrFormat("no value that Linux %s knows: ignored", reader_.release);
    if (const parameter_word* meant = nearest(name, part)) {
      sentence += absl::StrFormat("; is %s meant?", meant->value);
      return note(finding::unknown_value, subject, sentence);
    }
    if (name == intel_iommu || name == "iommu") {
      sentence += "; DMA remapping is switched on by intel_iommu=on";
    }
    note(finding::unknown_value, subject, sentence);
  }

  /// The word that is nearly the same, best one that lacks only its end.
  [[nodiscard]] const parameter_word* nearest(const std::string& name,
                                              std::string_view part) const {
    const parameter_word* found = nullptr;
    for (const parameter_word& w : reader_.table->words) {
      if (canonical(w.parameter) != name || !is_nearly(part, w.value)) continue;
      if (found == nullptr || w.value.starts_with(part)) found = &w;
    }
    return found;
  }

  /// Whether the word is one of the value of intel_iommu=, of this kernel or another.
  [[nodiscard]] bool belongs_to_intel_iommu(const std::string& word) const {
    constexpr size_t shortest = 5;  // "on" and "off" are words of many parameters
    if (word.size() < shortest) return false;
    const auto is_own = [&](const parameter_word& w) {
      return w.parameter == intel_iommu && w.value == word;
    };
    const auto is_foreign = [&](const foreign_word& w) {
      return w.parameter == intel_iommu && w.value == word;
    };
    return std::any_of(reader_.table->words.begin(), reader_.table->words.end(), is_own) ||
           std::any_of(foreign_words().begin(), foreign_words().end(), is_foreign);
  }

  [[nodiscard]] static const foreign_word* find_foreign(const std::string& name,
                                                        std::string_view value) {
    for (const foreign_word& w : foreign_words()) {
      if (is_of(w, name) && value.starts_with(w.value)) return &w;
    }
    return nullptr;
  }

  void take_foreign(const foreign_word& w, const std::string& subject) {
    if (w.since_major == 0) {
      return note(finding::other_driver, subject, absl::StrFormat("%s (%s)", w.what, w.source));
    }
    if (is_read_by(w, reader_.release)) {
      return note(finding::not_modelled, subject,
                  absl::StrFormat("not modelled, without effect here: %s (%s)", w.what, w.source));
    }
    note(finding::other_kernel, subject,
         absl::StrFormat("from Linux %d.%d on, not in %s: %s (%s)", w.since_major, w.since_minor,
                         reader_.release, w.what, w.source));
  }

  /// A parameter that this kernel does not read.
  void take_unread(const command_line_word& word, const std::string& name) {
    const std::string subject = word.value ? word.name + "=" + *word.value : word.name;
    const std::vector<std::string> parts = absl::StrSplit(word.value.value_or(""), ',');
    for (const std::string& part : parts) {
      if (const foreign_word* w = find_foreign(name, part)) {
        return take_foreign(*w, subject);
      }
    }
    if (!word.value && belongs_to_intel_iommu(name)) {
      return note(finding::unknown_parameter, subject,
                  absl::StrFormat("no parameter: it is a word of intel_iommu=, as in "
                                  "intel_iommu=on,%s",
                                  name));
    }
    constexpr size_t shortest = 4;  // of names, below which one letter makes any word another
    for (const parameter_word& w : reader_.table->words) {
      const std::string known = canonical(w.parameter);
      if (known.size() < shortest || !is_nearly(name, known)) continue;
      if (known == intel_iommu) vain_.insert(at_);
      return note(
          finding::misspelt, subject,
          absl::StrFormat("no parameter of Linux %s; is %s meant?", reader_.release, w.parameter));
    }
    if (!looks_like_remapping(name)) return;
    note(finding::unknown_parameter, subject,
         absl::StrFormat("no parameter of Linux %s, nor of another kernel known here",
                         reader_.release));
  }

  const command_line_reader& reader_;
  std::vector<command_line_word> words_;
  size_t at_ = 0;
  std::vector<command_line_note> notes_;
  std::set<std::string> said_;
  std::set<uint64_t> vain_;  ///< words that name intel_iommu= with something unknown
  std::string on_;           ///< the last word that switches remapping on
  uint64_t on_at_ = 0;       ///< its place
  std::string off_;          ///< the last that switches the driver off again
  std::string iommu_off_;    ///< the one that keeps every driver from its hardware
};

}  // namespace

std::string_view name(command_line_finding what) {
  static constexpr auto names = enum_names<finding>({
      {finding::unknown_value, "unknown_value"},
      {finding::counts_as, "counts_as"},
      {finding::misspelt, "misspelt"},
      {finding::unknown_parameter, "unknown_parameter"},
      {finding::other_kernel, "other_kernel"},
      {finding::other_driver, "other_driver"},
      {finding::not_modelled, "not_modelled"},
      {finding::no_effect, "no_effect"},
      {finding::remapping_off, "remapping_off"},
      {finding::taken_back, "taken_back"},
      {finding::bounce_buffers, "bounce_buffers"},
      {finding::no_tables, "no_tables"},
  });
  return names(what);
}

std::vector<command_line_note> notes_on_command_line(std::string_view line,
                                                     const command_line_reader& reader) {
  return note_taker(line, reader).take();
}

}  // namespace iommulab
