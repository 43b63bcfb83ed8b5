// SPDX-License-Identifier: GPL-2.0-only
#include "iova/ftrace/event_fields.h"

#include <charconv>
#include <optional>

#include "core/enum_names.h"

namespace iommulab {
namespace {

constexpr auto field_names = enum_names<event_field>({{event_field::dma_addr, "dma_addr"},
                                                      {event_field::size, "size"},
                                                      {event_field::phys_addr, "phys_addr"},
                                                      {event_field::attrs, "attrs"},
                                                      {event_field::virt_addr, "virt_addr"},
                                                      {event_field::dma_addrs, "dma_addrs"},
                                                      {event_field::sizes, "sizes"},
                                                      {event_field::phys_addrs, "phys_addrs"},
                                                      {event_field::flags, "flags"},
                                                      {event_field::err, "err"}});

std::optional<event_field> find_field(std::string_view text) {
  for (event_field field = event_field::dma_addr; field <= event_field::err;
       field = static_cast<event_field>(static_cast<unsigned>(field) + 1)) {
    if (field_names(field) == text) return field;
  }
  return std::nullopt;
}

constexpr std::string_view list_goes_on = "...";

std::string_view next_word(std::string_view& text) {
  const size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

std::optional<uint64_t> number(std::string_view word, int base) {
  if (word.starts_with("0x")) {
    word.remove_prefix(2);
    base = 16;
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

field_fault take_number(std::string_view field, std::string_view word, int base, uint64_t& value) {
  const std::optional<uint64_t> read = number(word, base);
  if (!read) {
    return {field, word, base == 16 ? "not a hexadecimal number of 64 bits" : "not a number"};
  }
  value = *read;
  return {};
}

/// What printk's %p makes of null, or libtraceevent.
bool is_null(std::string_view pointer) {
  if (pointer == "(null)" || pointer == "(nil)") return true;
  if (pointer.starts_with("0x")) pointer.remove_prefix(2);
  return !pointer.empty() && pointer.find_first_not_of('0') == std::string_view::npos;
}

class reader {
 public:
  explicit reader(event_fields& fields) : fields_(fields) {
    fields_.seen = 0;
    fields_.truncated = false;
    fields_.no_memory = false;
    fields_.dma_addrs.clear();
    fields_.sizes.clear();
    fields_.phys_addrs.clear();
  }

  field_fault read(std::string_view payload) {
    constexpr std::string_view direction = " dir=";
    const size_t end = payload.find(direction);
    if (end == std::string_view::npos || end == 0) {
      return {"event", payload, "has no device with \"dir=\" behind it"};
    }
    fields_.device = payload.substr(0, end);
    payload.remove_prefix(end + direction.size());
    next_word(payload);
    while (!payload.empty()) {
      field_fault fault = take(next_word(payload));
      if (!fault.why.empty()) return fault;
    }
    return {};
  }

 private:
  /// "NAME=VALUE", or one more number of a list.
  field_fault take(std::string_view word) {
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      if (word == "[TRUNCATED]") fields_.truncated = true;
      return list_ == nullptr ? field_fault{} : take_list(word);
    }
    const std::string_view name = word.substr(0, equals);
    word.remove_prefix(equals + 1);
    list_ = nullptr;
    const std::optional<event_field> field = find_field(name);
    if (!field) return {};
    name_ = name;
    fields_.seen |= bit(*field);
    switch (*field) {
      case event_field::dma_addr:
        return take_number(name_, word, 16, fields_.dma_addr);
      case event_field::size:
        return take_number(name_, word, 10, fields_.size);
      case event_field::phys_addr:
        return take_number(name_, word, 16, fields_.phys_addr);
      case event_field::virt_addr:
        fields_.no_memory = is_null(word);
        return {};
      case event_field::dma_addrs:
        return begin_list(fields_.dma_addrs, word);
      case event_field::sizes:
        return begin_list(fields_.sizes, word);
      case event_field::phys_addrs:
        return begin_list(fields_.phys_addrs, word);
      case event_field::attrs:
      case event_field::flags:
      case event_field::err:
        return {};
    }
    return {};
  }

  field_fault begin_list(std::vector<uint64_t>& list, std::string_view word) {
    if (!word.starts_with('{')) {
      list_ = &list;  // the words that follow belong to it
      return word.empty() ? field_fault{} : take_list(word);
    }
    const std::string_view whole = word;
    word.remove_prefix(1);
    if (!word.ends_with('}')) return {name_, whole, "the list does not end"};
    word.remove_suffix(1);
    list_ = &list;
    while (!word.empty()) {
      const size_t comma = word.find(',');
      field_fault fault = take_list(word.substr(0, comma));
      if (!fault.why.empty()) return fault;
      word.remove_prefix(comma == std::string_view::npos ? word.size() : comma + 1);
    }
    list_ = nullptr;
    return {};
  }

  field_fault take_list(std::string_view word) {
    if (word == list_goes_on) {
      fields_.truncated = true;
      return {};
    }
    uint64_t value = 0;
    field_fault fault = take_number(name_, word, 10, value);
    if (fault.why.empty()) list_->push_back(value);
    return fault;
  }

  event_fields& fields_;
  std::string_view name_;
  std::vector<uint64_t>* list_ = nullptr;
};

constexpr std::string_view iommu_begin = "IOMMU: iova=";

/// The number behind `label`, which is what `text` must begin with; both go.
field_fault take_labelled(std::string_view& text, std::string_view label, std::string_view field,
                          uint64_t& value) {
  if (!text.starts_with(label)) return {field, text, "is not there: the line is cut short"};
  text.remove_prefix(label.size());
  return take_number(field, next_word(text), 10, value);
}

}  // namespace

std::string_view name(event_field field) {
  return field_names(field);
}

field_fault read_event_fields(std::string_view payload, event_fields& fields) {
  return reader(fields).read(payload);
}

bool is_iommu_payload(std::string_view payload) {
  return payload.starts_with(iommu_begin);
}

field_fault read_iommu_fields(std::string_view payload, bool unmap, iommu_fields& fields) {
  std::string_view rest = payload;
  uint64_t end = 0;
  uint64_t other = 0;
  field_fault fault = take_labelled(rest, iommu_begin, "iova", fields.iova);
  if (fault.why.empty()) fault = take_labelled(rest, "- ", "end of iova", end);
  if (fault.why.empty() && !unmap) fault = take_labelled(rest, "paddr=", "paddr", other);
  if (fault.why.empty()) fault = take_labelled(rest, "size=", "size", fields.size);
  if (fault.why.empty() && unmap) {
    fault = take_labelled(rest, "unmapped_size=", "unmapped_size", other);
  }
  if (!fault.why.empty()) return fault;
  if (fields.iova + fields.size != end) {
    return {"event", payload, "its size is not that of its range: the line is cut short"};
  }
  return {};
}

}  // namespace iommulab
