// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "core/nearest.h"
#include "core/number.h"
#include "core/status.h"
#include "core/text_source.h"
#include "lab/structures/expression.h"
#include "lab/structures/expression_words.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/register_fields.h"

namespace iommulab {
class expression_parser {
 public:
  explicit expression_parser(std::string_view text) : text_(text) { e_.text_ = std::string(text); }

  absl::StatusOr<expression> parse() {
    absl::Status status = parse_head();
    while (status.ok() && !at_end()) {
      skip_blanks();
      status = parse_step();
    }
    if (status.ok()) status = check_field();
    if (!status.ok()) return status;
    return std::move(e_);
  }

 private:
  // --- reading -----------------------------------------------------------------------------

  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  void skip_blanks() {
    while (!at_end() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(std::string_view what) {
    if (!rest().starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  std::string_view take_word() {
    size_t length = 0;
    if (!at_end() && begins_word(text_[at_])) {
      while (length < rest().size() && in_word(rest()[length])) ++length;
    }
    const std::string_view word = rest().substr(0, length);
    at_ += length;
    return word;
  }
  /// What stands up to the next blank.
  [[nodiscard]] std::string_view next_token() const {
    size_t length = 0;
    while (length < rest().size() &&
           !absl::ascii_isspace(static_cast<unsigned char>(rest()[length]))) {
      ++length;
    }
    return rest().substr(0, length);
  }
  /// Whether the value's path or the end comes next.
  [[nodiscard]] bool head_is_over() const {
    return at_end() || rest().starts_with('.') || rest().starts_with("->") ||
           rest().starts_with('[');
  }

  static absl::Status wrong(size_t at, std::string_view sentence) {
    return errno_status(EINVAL, absl::StrFormat("at %d: %s", at + 1, sentence));
  }
  [[nodiscard]] std::string found() const {
    return at_end() ? "the text ends" : "it is " + iommulab::quoted(next_token());
  }

  // --- heads -------------------------------------------------------------------------------

  absl::Status parse_head() {
    if (text_.empty()) return wrong(0, "nothing is asked for; GSTS.TES or dmar_domain would be");
    e_.name_position_ = at_;
    const std::string_view word = take_word();
    e_.name_ = std::string(word);
    if (word == "reg") return parse_reg();
    if (word == "root") return parse_root();
    if (word == "context") return parse_context();
    if (word == "pte") return parse_pte(expression_head::pte);
    if (word == "walk") return parse_walk();
    if (word == "registers") return parse_of_unit(expression_head::registers);
    if (word == "caches") return parse_of_unit(expression_head::caches);
    if (word == "queue") return parse_of_unit(expression_head::queue);
    if (word == "pages") return begin(expression_head::pages);
    if (word == "log") return begin(expression_head::log);
    if (is_unit_name(word)) return parse_after_unit(word);
    if (is_register(word)) return begin(expression_head::one_register);
    // g_iommus is a kind, and in it the variable of that name.
    const bool indexed = rest().starts_with('[');
    if (is_structure_variable(word) && (indexed || !is_structure_kind(word))) {
      return begin(expression_head::variable);
    }
    if (is_structure_kind(word)) return begin(expression_head::kind);
    const std::string_view token = word.empty() ? next_token() : word;
    return wrong(e_.name_position_,
                 absl::StrFormat("%s is no register, unit, structure or variable%s",
                                 iommulab::quoted(token), did_you_mean(token, first_words())));
  }

  absl::Status begin(expression_head head) {
    e_.head_ = head;
    return absl::OkStatus();
  }

  /// "dmar0" alone is all registers of the unit.
  absl::Status parse_after_unit(std::string_view unit) {
    e_.unit_ = std::string(unit);
    if (at_end()) return begin(expression_head::registers);
    if (!take(".") && !take("->")) {
      return wrong(
          at_, absl::StrFormat("a register follows %s, as in %s.GSTS; %s", unit, unit, found()));
    }
    return parse_register();
  }

  absl::Status parse_register() {
    e_.name_position_ = at_;
    const std::string_view word = take_word();
    if (!is_register(word)) {
      const std::string_view token = word.empty() ? next_token() : word;
      return wrong(e_.name_position_,
                   absl::StrFormat("%s is no register%s", iommulab::quoted(token),
                                   did_you_mean(token, register_words())));
    }
    e_.name_ = std::string(word);
    return begin(expression_head::one_register);
  }

  absl::Status parse_reg() {
    skip_blanks();
    if (is_unit_name(peek_word())) return parse_after_unit(take_word());
    e_.all_units_ = true;
    return parse_register();
  }

  [[nodiscard]] std::string_view peek_word() const {
    expression_parser ahead(text_);
    ahead.at_ = at_;
    return ahead.take_word();
  }

  absl::Status parse_of_unit(expression_head head) {
    if (absl::Status status = parse_unit(); !status.ok()) return status;
    return begin(head);
  }

  /// A unit's name, or nothing.
  absl::Status parse_unit() {
    if (head_is_over()) return absl::OkStatus();
    skip_blanks();
    const size_t start = at_;
    const std::string_view word = take_word();
    if (!is_unit_name(word)) {
      at_ = start;
      return wrong(start, absl::StrFormat("a unit is called dmar0; %s", found()));
    }
    e_.unit_ = std::string(word);
    return absl::OkStatus();
  }

  absl::Status parse_root() {
    e_.head_ = expression_head::root;
    if (head_is_over()) return absl::OkStatus();
    skip_blanks();
    if (is_unit_name(peek_word())) e_.unit_ = std::string(take_word());
    if (head_is_over()) return absl::OkStatus();
    skip_blanks();
    const auto bus = parse_hex_byte(rest().substr(0, 2));
    if (!bus || (rest().size() > 2 && in_word(rest()[2]))) {
      return wrong(at_, absl::StrFormat("a bus has two hexadecimal digits, as 00; %s", found()));
    }
    e_.bus_ = *bus;
    at_ += 2;
    return absl::OkStatus();
  }

  absl::Status parse_context() {
    e_.head_ = expression_head::context;
    if (head_is_over()) return absl::OkStatus();
    skip_blanks();
    if (is_unit_name(peek_word())) {
      e_.unit_ = std::string(take_word());
      if (head_is_over()) return absl::OkStatus();
    }
    return parse_device();
  }

  absl::Status parse_device() {
    skip_blanks();
    const auto device = device_at_start(rest());
    if (!device) {
      return wrong(at_, absl::StrFormat("a device is like 00:1f.2, or with its segment "
                                        "0000:00:1f.2; %s",
                                        found()));
    }
    e_.device_ = device->id;
    at_ += device->length;
    return absl::OkStatus();
  }

  absl::Status parse_pte(expression_head head) {
    e_.head_ = head;
    if (absl::Status status = parse_device(); !status.ok()) return status;
    skip_blanks();
    const size_t start = at_;
    if (!take("0x")) take("0X");
    size_t length = 0;
    while (length < rest().size() &&
           absl::ascii_isxdigit(static_cast<unsigned char>(rest()[length]))) {
      ++length;
    }
    const auto address = parse_hex(rest().substr(0, length));
    const bool goes_on = length < rest().size() && in_word(rest()[length]);
    if (!address || goes_on) {
      at_ = start;
      return wrong(start,
                   absl::StrFormat("an address is a hexadecimal number below 2^64; %s", found()));
    }
    e_.address_ = *address;
    at_ += length;
    return absl::OkStatus();
  }

  absl::Status parse_walk() {
    if (absl::Status status = parse_pte(expression_head::walk); !status.ok()) return status;
    if (head_is_over()) return absl::OkStatus();
    skip_blanks();
    const size_t start = at_;
    const std::string_view word = take_word();
    if (word == "write") e_.access_ = dma_access::write;
    if (word == "write" || word == "read") return absl::OkStatus();
    at_ = start;
    return wrong(start, absl::StrFormat("an access is read or write; %s", found()));
  }

  // --- the path ----------------------------------------------------------------------------

  absl::Status parse_step() {
    const size_t start = at_;
    if (take("[")) {
      const size_t end = rest().find(']');
      if (end == std::string_view::npos) return wrong(start, "'[' is not closed by a ']'");
      const std::string word(without_blanks_around(rest().substr(0, end)));
      if (word.empty()) return wrong(start, "a number or a name belongs between '[' and ']'");
      e_.path_.push_back({true, word, start + 1});
      at_ += end + 1;
      return absl::OkStatus();
    }
    if (!take(".") && !take("->")) {
      return wrong(start, absl::StrFormat("'.', '->' or '[' goes on from a value; %s", found()));
    }
    const size_t word_start = at_;
    const std::string_view word = take_word();
    if (word.empty()) {
      return wrong(word_start, absl::StrFormat("a field's name belongs here; %s", found()));
    }
    e_.path_.push_back({false, std::string(word), word_start});
    return absl::OkStatus();
  }

  /// Registers are known without a system.
  [[nodiscard]] absl::Status check_field() const {
    if (e_.head_ != expression_head::one_register || e_.path_.empty() ||
        e_.path_.front().is_index) {
      return absl::OkStatus();
    }
    const vtd::register_description* known = vtd::find_register(e_.name_);
    if (known == nullptr) return absl::OkStatus();  // FRCD
    const expression::step& step = e_.path_.front();
    std::vector<std::string> names;
    for (const vtd::register_field& field : known->fields) names.emplace_back(field.name);
    if (known->fields.empty()) {
      return wrong(step.position, absl::StrFormat("%s has no fields", e_.name_));
    }
    names.emplace_back("value");
    if (std::find(names.begin(), names.end(), step.word) != names.end()) return absl::OkStatus();
    return wrong(step.position,
                 absl::StrFormat("%s has no field %s%s", e_.name_, iommulab::quoted(step.word),
                                 did_you_mean(step.word, names)));
  }

  std::string_view text_;
  size_t at_ = 0;
  expression e_;
};

absl::StatusOr<expression> expression::parse(std::string_view text) {
  return expression_parser(without_blanks_around(text)).parse();
}

}  // namespace iommulab
