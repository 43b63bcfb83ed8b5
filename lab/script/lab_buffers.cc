// SPDX-License-Identifier: GPL-2.0-only
//
// Operations of the DMA API: buffers, scatter lists, coherent memory, pools.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dma/debug/dma_debug.h"
#include "lab/script/lab.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {

/// What an operation made under a number, or that it failed.
void lab::keep(uint64_t number, std::optional<buffer> made) {
  if (made) {
    made->line = current_->line;
    buffers_[number] = *std::move(made);
  } else {
    buffers_.erase(number);
    failed_buffers_.insert(number);
  }
}

void lab::check_handle(uint64_t number) {
  dma_debug* checks = system_.dma_debug();
  const auto found = buffers_.find(number);
  if (checks == nullptr || found == buffers_.end() || found->second.kind == buffer_kind::block) {
    return;
  }
  const buffer& b = found->second;
  const auto mapped_in = checks->mapped_in(dev(b.dev), b.dma);
  if (mapped_in == b.line) checks->handle_given_away(dev(b.dev), b.dma, b.size, number, b.line);
}

std::string lab::map(arguments& args) {
  return map_buffer(args, buffer_kind::single, error_check::asked);
}

std::string lab::mapp(arguments& args) {
  return map_buffer(args, buffer_kind::page, error_check::asked);
}

/// A driver that uses what it got, whatever that is.
std::string lab::mapu(arguments& args) {
  return map_buffer(args, buffer_kind::single, error_check::skipped);
}

std::string lab::map_buffer(arguments& args, buffer_kind kind, error_check check) {
  const uint64_t number = args.number("handle");
  buffer made;
  made.kind = kind;
  made.dev = device_index(args);
  const uint64_t arena = args.index("arena", arenas_.size(), "arena");
  const uint64_t offset = args.number("offset");
  made.size = args.number("size");
  made.dir = direction(args);
  made.phys = arena_address(args, arena, offset, made.size);
  if (!args.ok()) return {};
  check_handle(number);
  device& d = dev(made.dev);
  made.dma =
      kind == buffer_kind::single
          ? dma_map_single(d, made.phys, made.size, made.dir)
          : dma_map_page(d, made.phys.page_base(), made.phys.page_offset(), made.size, made.dir);
  if (check == error_check::skipped) {
    keep(number, made);
    return absl::StrFormat("phys=0x%x dma=0x%x", made.phys.value(), made.dma.value());
  }
  const bool error = dma_mapping_error(d, made.dma);
  std::string result = absl::StrFormat("phys=0x%x dma=0x%x err=%d", made.phys.value(),
                                       made.dma.value(), error ? 1 : 0);
  keep(number, error ? std::nullopt : std::optional(std::move(made)));
  return result;
}

std::string lab::unmap(arguments& args) {
  const buffer* b = handle(args, {buffer_kind::single, buffer_kind::page});
  return b == nullptr ? std::string() : unmap_buffer(*b, b->dma, b->size, b->dir);
}

std::string lab::unmapw(arguments& args) {
  const buffer* b = handle(args, {buffer_kind::single, buffer_kind::page});
  const uint64_t size = args.number("size");
  return args.ok() ? unmap_buffer(*b, b->dma, size, b->dir) : std::string();
}

std::string lab::unmapoff(arguments& args) {
  const buffer* b = handle(args, {buffer_kind::single, buffer_kind::page});
  const uint64_t delta = args.number("delta");
  return args.ok() ? unmap_buffer(*b, b->dma + delta, b->size, b->dir) : std::string();
}

std::string lab::unmapdir(arguments& args) {
  const buffer* b = handle(args, {buffer_kind::single, buffer_kind::page});
  const dma_data_direction dir = direction(args);
  return args.ok() ? unmap_buffer(*b, b->dma, b->size, dir) : std::string();
}

std::string lab::unmap_buffer(const buffer& b, dma_addr address, uint64_t size,
                              dma_data_direction dir) {
  if (b.kind == buffer_kind::single) {
    dma_unmap_single(dev(b.dev), address, size, dir);
  } else {
    dma_unmap_page(dev(b.dev), address, size, dir);
  }
  return absl::StrFormat("dev=%d dma=0x%x size=0x%x dir=%d", b.dev, address.value(), size,
                         static_cast<int>(dir));
}

std::string lab::unmapa(arguments& args) {
  const size_t d = device_index(args);
  const dma_addr address(args.number("address"));
  const uint64_t size = args.number("size");
  const dma_data_direction dir = direction(args);
  if (!args.ok()) return {};
  dma_unmap_single(dev(d), address, size, dir);
  return absl::StrFormat("dma=0x%x", address.value());
}

/// Unmaps with the counterpart of another function than mapped, as if the buffer were of that kind.
std::string lab::unmapas(arguments& args) {
  const buffer* b = handle(
      args, {buffer_kind::single, buffer_kind::page, buffer_kind::list, buffer_kind::coherent});
  const std::string_view kind = args.word("kind");
  if (!args.ok()) return {};
  const uint64_t size = b->list.empty() ? b->size : b->list[0].dma_length;
  device& d = dev(b->dev);
  if (kind == "single") {
    dma_unmap_single(d, b->dma, size, b->dir);
  } else if (kind == "page") {
    dma_unmap_page(d, b->dma, size, b->dir);
  } else if (kind == "sg") {
    scatterlist piece{b->phys.page_base(), static_cast<uint32_t>(b->phys.page_offset()),
                      static_cast<uint32_t>(size), b->dma, static_cast<uint32_t>(size)};
    dma_unmap_sg(d, absl::MakeSpan(&piece, 1), b->dir);
  } else {
    args.fail("kind", kind, "single, page or sg");
    return {};
  }
  return absl::StrFormat("dev=%d dma=0x%x size=0x%x dir=%d", b->dev, b->dma.value(), size,
                         static_cast<int>(b->dir));
}

/// "1:dd000:1000" or "0:0:1000:3": arena, offset, length, extra pages of offset.
std::optional<scatterlist> lab::piece(arguments& args) {
  const std::string_view text = args.word("piece");
  const std::vector<std::string_view> parts = split_at(text, ':');
  uint64_t values[4] = {};
  bool reads = parts.size() == 3 || parts.size() == 4;
  for (size_t i = 0; reads && i < parts.size(); ++i) {
    const number_reading value = read_hex(parts[i]);
    reads = value.fault == number_fault::none;
    values[i] = value.value;
  }
  const auto [arena, offset, length, extra] = values;
  constexpr uint64_t most_extra = 1024;
  std::string why;
  if (!reads) {
    why = "ARENA:OFFSET:LENGTH[:EXTRA-PAGES], hexadecimal";
  } else if (arena >= arenas_.size()) {
    why = absl::StrFormat("there are %d arenas, from number 0 on", arenas_.size());
  } else if (length > UINT32_MAX) {
    why = absl::StrFormat("its length is at most 0x%x", UINT32_MAX);
  } else if (extra > most_extra) {
    why = absl::StrFormat("its extra pages are at most 0x%x", most_extra);
  }
  if (!why.empty()) {
    args.fail("piece", text, why);
    return std::nullopt;
  }
  const phys_addr start = arena_address(args, arena, offset, length);
  if (!args.ok()) return std::nullopt;
  scatterlist made;
  made.page = start.page_base() - extra * page_size;
  made.offset = static_cast<uint32_t>(start.page_offset() + extra * page_size);
  made.length = static_cast<uint32_t>(length);
  return made;
}

std::string lab::sg(arguments& args) {
  const uint64_t number = args.number("handle");
  buffer made;
  made.kind = buffer_kind::list;
  made.dev = device_index(args);
  made.dir = direction(args);
  do {
    const auto next = piece(args);
    if (next) made.list.push_back(*next);
  } while (args.ok() && args.more());
  if (!args.ok()) return {};

  std::string in;
  for (const scatterlist& s : made.list) {
    absl::StrAppendFormat(&in, "%s0x%x:0x%x:0x%x", in.empty() ? "" : " ", s.page.value(), s.offset,
                          s.length);
  }
  check_handle(number);
  const int ret = dma_map_sg(dev(made.dev), absl::MakeSpan(made.list), made.dir);
  std::string result = absl::StrFormat("in=[%s] ret=%d", in, ret);
  if (ret == 0) {
    keep(number, std::nullopt);
    return result;
  }
  std::string out;
  for (int i = 0; i < ret; ++i) {
    const scatterlist& s = made.list[static_cast<size_t>(i)];
    absl::StrAppendFormat(&out, "%s0x%x:0x%x", out.empty() ? "" : " ", s.dma_address.value(),
                          s.dma_length);
  }
  made.dma = made.list[0].dma_address;
  keep(number, std::move(made));
  return absl::StrFormat("%s out=[%s]", result, out);
}

std::string lab::unsg(arguments& args) {
  buffer* b = handle(args, {buffer_kind::list});
  if (b == nullptr) return {};
  dma_unmap_sg(dev(b->dev), absl::MakeSpan(b->list), b->dir);
  return absl::StrFormat("dev=%d dma=0x%x n=%d dir=%d", b->dev, b->dma.value(), b->list.size(),
                         static_cast<int>(b->dir));
}

/// A part of a mapping goes to the CPU.
std::string lab::forcpu(arguments& args) {
  const buffer* b = handle(args, {buffer_kind::single, buffer_kind::page, buffer_kind::coherent});
  const uint64_t offset = args.number("offset");
  const uint64_t size = args.number("size");
  const dma_data_direction dir = direction(args);
  if (!args.ok()) return {};
  dma_sync_single_range_for_cpu(dev(b->dev), b->dma, offset, size, dir);
  return "ok";
}

/// And back to the device.
std::string lab::fordev(arguments& args) {
  const buffer* b = handle(args, {buffer_kind::single, buffer_kind::page, buffer_kind::coherent});
  const uint64_t offset = args.number("offset");
  const uint64_t size = args.number("size");
  const dma_data_direction dir = direction(args);
  if (!args.ok()) return {};
  dma_sync_single_range_for_device(dev(b->dev), b->dma, offset, size, dir);
  return "ok";
}

std::string lab::sgforcpu(arguments& args) {
  buffer* b = handle(args, {buffer_kind::list});
  const dma_data_direction dir = direction(args);
  if (!args.ok()) return {};
  dma_sync_sg_for_cpu(dev(b->dev), absl::MakeSpan(b->list), dir);
  return "ok";
}

std::string lab::sgfordev(arguments& args) {
  buffer* b = handle(args, {buffer_kind::list});
  const dma_data_direction dir = direction(args);
  if (!args.ok()) return {};
  dma_sync_sg_for_device(dev(b->dev), absl::MakeSpan(b->list), dir);
  return "ok";
}

std::string lab::alloc(arguments& args) {
  const uint64_t number = args.number("handle");
  buffer made;
  made.kind = buffer_kind::coherent;
  made.dev = device_index(args);
  made.size = args.number("size");
  if (!args.ok()) return {};
  check_handle(number);
  const auto phys = dma_alloc_coherent(dev(made.dev), made.size, made.dma, gfp_atomic);
  if (!phys) {
    keep(number, std::nullopt);
    return absl::StrFormat("NULL dma=0x%x", made.dma.value());
  }
  made.phys = *phys;
  keep(number, made);
  return absl::StrFormat("phys=0x%x dma=0x%x", phys->value(), made.dma.value());
}

std::string lab::free(arguments& args) {
  const buffer* b = handle(args, {buffer_kind::coherent});
  if (b == nullptr) return {};
  dma_free_coherent(dev(b->dev), b->size, b->phys, b->dma);
  return absl::StrFormat("dev=%d phys=0x%x dma=0x%x size=0x%x", b->dev, b->phys.value(),
                         b->dma.value(), b->size);
}

std::string lab::pool(arguments& args) {
  const uint64_t number = args.number("pool");
  const size_t d = device_index(args);
  const uint64_t size = args.number("size");
  const uint64_t align = args.number("alignment");
  const uint64_t boundary = args.number("boundary");
  if (!args.ok()) return {};
  dma_pool* made = dma_pool_create(system_.dma_pools(), absl::StrFormat("lab%d", number), dev(d),
                                   size, align, boundary);
  if (made == nullptr) {
    failed_pools_.insert(number);
    return "NULL";
  }
  pools_[number] = made;
  return "ok";
}

std::string lab::pget(arguments& args) {
  const uint64_t number = args.number("handle");
  buffer made;
  made.kind = buffer_kind::block;
  made.pool = args.number("pool");
  dma_pool* from = pool_of(args, made.pool);
  if (from == nullptr) return {};
  check_handle(number);
  const auto phys = dma_pool_alloc(*from, gfp_atomic, made.dma);
  if (!phys) {
    keep(number, std::nullopt);
    return absl::StrFormat("NULL dma=0x%x", made.dma.value());
  }
  made.phys = *phys;
  keep(number, made);
  return absl::StrFormat("phys=0x%x dma=0x%x", phys->value(), made.dma.value());
}

std::string lab::pput(arguments& args) {
  const buffer* b = handle(args, {buffer_kind::block});
  if (b == nullptr) return {};
  const auto found = pools_.find(b->pool);
  if (found == pools_.end()) {
    args.fail("handle", "", "its pool is gone");
    return {};
  }
  dma_pool_free(*found->second, b->phys, b->dma);
  return absl::StrFormat("pool=%d dma=0x%x", b->pool, b->dma.value());
}

std::string lab::pdel(arguments& args) {
  const uint64_t number = args.number("pool");
  dma_pool* gone = pool_of(args, number);
  if (gone == nullptr) return {};
  dma_pool_destroy(gone);
  pools_.erase(number);
  return "ok";
}

}  // namespace iommulab::dmalab
