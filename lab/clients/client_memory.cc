// SPDX-License-Identifier: GPL-2.0-only
//
// What the client does with its memory.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/clients/client.h"
#include "lab/clients/client_places.h"

namespace iommulab {
namespace {

constexpr unsigned huge_order = 9;
constexpr size_t huge_pages = size_t{1} << huge_order;

bool has_word(const operation& o, std::string_view word) {
  for (size_t place = 3; place <= o.places(); ++place) {
    if (o.word(place) == word) return true;
  }
  return false;
}

}  // namespace

std::optional<phys_addr> vfio_client::choose_page(uint64_t address) const {
  for (const auto& [name, block] : blocks_) {
    if (address < block.address || address - block.address >= block.size) continue;
    const size_t index = (address - block.address) >> page_shift;
    if (index >= block.recorded.size() || block.recorded[index] == phys_addr()) return std::nullopt;
    if (block.recorded[index] == mm().zero_page) return std::nullopt;
    return block.recorded[index];
  }
  return std::nullopt;
}

/// Empty when memory has run out.
std::vector<phys_addr> vfio_client::pages_for(const memory_block& block, bool huge,
                                              bool read_only) {
  user_pages& memory = system_.user_pages();
  const size_t count = block.size >> page_shift;
  std::vector<phys_addr> pages;
  const auto give_up = [&] {
    for (const phys_addr page : pages) memory.put(page);
    return std::vector<phys_addr>();
  };
  if (!block.recorded.empty()) {
    pages = block.recorded;
    pages.resize(count);
    for (const phys_addr page : pages) {
      if (page != phys_addr()) memory.adopt(page);
    }
    if (read_only) mm().zero_page = pages.front();
    return pages;
  }
  if (read_only) {
    const auto zero = process_.zero_page();
    if (!zero) return {};
    for (size_t i = 0; i < count; ++i) memory.get(*zero);
    return std::vector<phys_addr>(count, *zero);
  }
  while (pages.size() < count) {
    if (huge && count - pages.size() >= huge_pages) {
      const auto first = memory.alloc_block(huge_order);
      if (!first) return give_up();
      for (size_t i = 0; i < huge_pages; ++i) pages.push_back(*first + (i << page_shift));
      continue;
    }
    const auto page = memory.alloc();
    if (!page) return give_up();
    pages.push_back(*page);
  }
  return pages;
}

client_answer vfio_client::mem(operation& o) {
  memory_block block;
  block.address = next_block_;
  block.size = o.value(2);
  const bool is_lazy = has_word(o, "lazy");
  const bool is_read_only = has_word(o, "ro");
  for (size_t place = 3; place <= o.places(); ++place) {
    const std::string_view word = o.word(place);
    if (word != "huge" && word != "thp" && word != "lazy" && word != "ro" && word != "shared" &&
        word != "lock") {
      o.refuse(word, "no kind of memory");
    }
  }
  if (block.size == 0 || (block.size & ~page_mask) != 0 ||
      block.size > client_places::between_blocks) {
    o.refuse(o.word(2), "no size of whole pages, up to 1 GiB");
  }
  if (!o.status().ok()) return {};
  if (options_.recorded_pages) block.recorded = options_.recorded_pages(o.word(1));
  int error = 0;
  if (is_lazy) {
    error = mm().map_lazily(block.address, block.size, !is_read_only);
  } else {
    std::vector<phys_addr> pages =
        pages_for(block, has_word(o, "huge") || has_word(o, "thp"), is_read_only);
    if (pages.empty()) return done(-ENOMEM);
    error = mm().map_pages(block.address, pages, !is_read_only);
    for (const phys_addr page : pages) {
      if (error != 0 && page != phys_addr()) system_.user_pages().put(page);
    }
    if (error == 0 && !is_read_only) {
      for (size_t i = 0; i < pages.size(); ++i) {
        if (pages[i] == phys_addr()) continue;
        std::byte* const bytes = system_.memory().at(pages[i], page_size);
        if (bytes != nullptr) *bytes = static_cast<std::byte>((i + 1) & 0xff);
      }
    }
  }
  if (error != 0) return done(error);
  // mlock(): such pages count as locked, as long as the program lives.
  if (has_word(o, "lock")) mm().locked_vm += block.size >> page_shift;
  next_block_ += client_places::between_blocks;
  const std::string text = absl::StrFormat("va=0x%x phys=%s", block.address, runs_of(block));
  name(o.word(1), block.address);
  blocks_[std::string(o.word(1))] = std::move(block);
  return {text, {}};
}

client_answer vfio_client::memfree(operation& o) {
  const auto found = blocks_.find(o.word(1));
  if (found == blocks_.end()) o.refuse(o.word(1), "no memory of this name");
  if (!o.status().ok()) return {};
  const uint64_t offset = o.places() > 1 ? o.value(2) : 0;
  const uint64_t whole = found->second.size;
  const uint64_t size = o.places() > 2 ? o.value(3) : whole;
  if (offset > whole || size > whole - offset) o.refuse(o.word(2), "not within the memory");
  if (!o.status().ok()) return {};
  return done(mm().unmap(found->second.address + offset, size));
}

/// "0x2b83000+0x1000,-": runs of pages that lie side by side, and holes.
std::string vfio_client::runs_of(const memory_block& block) const {
  std::string text;
  uint64_t start = 0;
  uint64_t length = 0;
  const auto finish = [&] {
    if (length == 0) return;
    absl::StrAppendFormat(&text, "%s0x%x+0x%x", text.empty() ? "" : ",", start, length);
    length = 0;
  };
  bool in_hole = false;
  for (uint64_t offset = 0; offset < block.size; offset += page_size) {
    const auto page = mm().translate(block.address + offset);
    if (!page) {
      finish();
      if (!in_hole) absl::StrAppend(&text, text.empty() ? "-" : ",-");
      in_hole = true;
      continue;
    }
    in_hole = false;
    if (length == 0 || page->value() != start + length) {
      finish();
      start = page->value();
    }
    length += page_size;
  }
  finish();
  return text;
}

client_answer vfio_client::phys(operation& o) {
  const auto found = blocks_.find(o.word(1));
  if (found == blocks_.end()) {
    o.refuse(o.word(1), "no memory of this name");
    return {};
  }
  return {absl::StrCat("phys=", runs_of(found->second)), {}};
}

client_answer vfio_client::poke(operation& o) {
  const uint64_t address = o.value(1);
  const auto byte = static_cast<std::byte>(o.value(2) & 0xff);
  const uint64_t length = o.value(3);
  if (length > client_places::between_blocks) o.refuse(o.word(3), "more than 1 GiB");
  if (!o.status().ok()) return {};
  const std::vector<std::byte> bytes(length, byte);
  const bool is_whole = mm().copy_to_user(address, bytes) == 0;
  return {is_whole ? "ok" : "EFAULT", {}};
}

client_answer vfio_client::peek(operation& o) {
  constexpr uint64_t most = 4096;
  const uint64_t address = o.value(1);
  const uint64_t length = o.value(2);
  if (length > most) o.refuse(o.word(2), "more than 4096 bytes");
  if (!o.status().ok()) return {};
  std::vector<std::byte> bytes(length);
  if (mm().copy_from_user(absl::MakeSpan(bytes), address) != 0) return {"EFAULT", {}};
  return {hex_of(bytes), {}};
}

}  // namespace iommulab
