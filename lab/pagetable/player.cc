// SPDX-License-Identifier: GPL-2.0-only
#include "lab/pagetable/player.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "core/panic.h"
#include "kernel/catalogue.h"
#include "lab/pagetable/table_ground.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {
namespace {

using op = page_table_op;

// Room for the tables of 512 GiB in pages of 4 KiB; a trace that wants more gets -ENOMEM.
constexpr uint64_t memory_size = uint64_t{1} << 30;

constexpr unsigned index_bits = 9;  // of a frame number, a level

constexpr std::string_view already_set = "already set";

class player {
 public:
  player(const page_table_trace& trace, table_ground& ground)
      : trace_(trace), ground_(ground), pages_before_(ground.live_pages()) {}

  page_table_replay play() && {
    for (const page_table_step& step : trace_.steps) {
      ++replay_.operations;
      if (const guarded_outcome end = run_guarded([&] { play_step(step); }); !end.complete()) {
        differ(step, page_table_answer_text(step.what, step.answer), absl::StrCat("a ", end.line()),
               step.arguments[0]);
      }
      if (replay_.difference) return std::move(replay_);
    }
    table_.reset();
    if (tables() != 0) {
      replay_.difference = page_table_difference{0, "the end, with every domain gone", "0 tables",
                                                 absl::StrCat(tables(), " tables"), ""};
    }
    return std::move(replay_);
  }

 private:
  page_table& table() { return *table_; }
  int levels() { return table().levels(); }
  uint64_t tables() { return ground_.live_pages() - pages_before_; }

  void play_step(const page_table_step& step) {
    const auto& given = step.arguments;
    switch (step.what) {
      case op::init:
        table_.reset();  // first: its tables are none of the new one
        table_ = ground_.system().generation().make_page_table(static_cast<int>(given[0]),
                                                               static_cast<int>(given[1]));
        if (table_ == nullptr) throw std::bad_alloc();
        break;
      case op::map:
        expect(step, mapped(table().map(given[0], given[1], given[2], given[3])));
        break;
      case op::map_sg:
        map_sg(step);
        break;
      case op::unmap:
        expect(step, {.result = static_cast<int64_t>(table().unmap(given[0], given[1]))});
        break;
      case op::clear:
        table().clear(given[0], given[1]);
        break;
      case op::freept: {
        const uint64_t before = tables();
        table().free_tables(given[0], given[1]);
        expect(step, {.result = static_cast<int64_t>(before - tables())});
        break;
      }
      case op::walk:
        walk(step);
        break;
      case op::tables:
        expect(step, {.result = static_cast<int64_t>(tables())});
        break;
      case op::dump:
        dump(step);
        break;
    }
  }

  /// The result of a mapping, and how many entries the driver said it found set.
  page_table_answer mapped(int result) {
    page_table_answer answer{.result = result};
    const auto& log = ground_.system().env().log.lines();
    for (; log_seen_ < log.size(); ++log_seen_) {
      if (log[log_seen_].text.find(already_set) != std::string::npos) ++answer.detail;
    }
    return answer;
  }

  void map_sg(const page_table_step& step) {
    const auto given = absl::MakeConstSpan(trace_.pieces).subspan(step.first, step.count);
    sg_.assign(given.begin(), given.end());
    expect(step, mapped(table().map_sg(step.arguments[0], absl::MakeSpan(sg_), step.arguments[2],
                                       step.arguments[1])));
    for (size_t i = 0; i < sg_.size() && !replay_.difference; ++i) {
      const dma_addr expected = trace_.piece_addrs[step.first + i];
      if (sg_[i].dma_address == expected && sg_[i].dma_length == sg_[i].length) continue;
      const auto text = [i](dma_addr address, uint32_t length) {
        return absl::StrFormat("piece %d at 0x%x, 0x%x bytes", i, address.value(), length);
      };
      differ(step, text(expected, sg_[i].length), text(sg_[i].dma_address, sg_[i].dma_length),
             expected.value() >> page_shift);
    }
  }

  void walk(const page_table_step& step) {
    const auto found = table().look_up(step.arguments[0]);
    expect(step, found ? page_table_answer{.result = found->level, .detail = found->value}
                       : page_table_answer{.none = true});
  }

  void dump(const page_table_step& step) {
    rows_.clear();
    add_rows(table().top(), levels(), 0);
    const auto expected = absl::MakeConstSpan(trace_.rows).subspan(step.first, step.count);
    const auto [there, here] =
        std::mismatch(expected.begin(), expected.end(), rows_.begin(), rows_.end());
    if (there == expected.end() && here == rows_.end()) return;
    const auto text = [&](size_t size, size_t nth, const page_table_row* row) {
      return absl::StrFormat("%d entries, of which number %d: %s", size, nth + 1,
                             row == nullptr ? "none" : page_table_row_text(*row, levels()));
    };
    const auto nth = static_cast<size_t>(here - rows_.begin());
    const page_table_row* wanted = there == expected.end() ? nullptr : &*there;
    const page_table_row* had = here == rows_.end() ? nullptr : &*here;
    differ(step, text(expected.size(), nth, wanted), text(rows_.size(), nth, had),
           (wanted != nullptr ? wanted : had)->first_pfn);
  }

  /// As the traces show an entry: an address of a table is the allocator's affair.
  static page_table_row row_of(const page_table_word& word, int level, uint64_t first_pfn) {
    return {static_cast<uint8_t>(level), first_pfn,
            word.leaf ? word.value : word.value & ~page_mask};
  }

  /// Frames below one entry of a table of `level`.
  static uint64_t frames_of(int level) {
    return uint64_t{1} << (static_cast<unsigned>(level - 1) * index_bits);
  }

  /// Every entry below `at` that is not zero, depth first.
  void add_rows(phys_addr at, int level, uint64_t first_pfn) {
    for (size_t i = 0; i < vtd::paging_entries_per_table; ++i, first_pfn += frames_of(level)) {
      const page_table_word word = table().word(at, level, i);
      if (word.value == 0) continue;
      rows_.push_back(row_of(word, level, first_pfn));
      if (!word.leaf) add_rows(word.address, level - 1, first_pfn);
    }
  }

  void expect(const page_table_step& step, const page_table_answer& got) {
    if (got == step.answer) return;
    differ(step, page_table_answer_text(step.what, step.answer),
           page_table_answer_text(step.what, got), step.arguments[0]);
  }

  void differ(const page_table_step& step, std::string expected, std::string got, uint64_t pfn) {
    std::string_view line = trace_.source.lines()[step.line - 1];
    line = line.substr(0, line.find(" ->"));
    replay_.difference = {step.line, std::string(line), std::move(expected), std::move(got),
                          state_around(pfn)};
  }

  /// The entries on the way to `pfn`, a line each.
  std::string state_around(uint64_t pfn) {
    if (table_ == nullptr || table().top() == phys_addr()) return "  no table\n";
    if (!table().holds(pfn)) return "";
    std::string text = absl::StrFormat("  walk of 0x%x:\n", pfn);
    phys_addr at = table().top();
    for (int level = levels();; --level) {
      const size_t index = pfn / frames_of(level) % vtd::paging_entries_per_table;
      const page_table_word word = table().word(at, level, index);
      const uint64_t first_pfn = pfn - pfn % frames_of(level);
      absl::StrAppend(&text, "    ", page_table_row_text(row_of(word, level, first_pfn), levels()),
                      "\n");
      if (!word.present || word.leaf) return text;
      at = word.address;
    }
  }

  const page_table_trace& trace_;
  table_ground& ground_;
  const uint64_t pages_before_;
  std::unique_ptr<page_table> table_;
  std::vector<scatterlist> sg_;
  std::vector<page_table_row> rows_;
  size_t log_seen_ = 0;
  page_table_replay replay_;
};

}  // namespace

const kernel_profile& kernel_of(const page_table_trace& trace) {
  return kernel_of_path(trace.source.name);
}

absl::StatusOr<page_table_replay> play_page_table_trace(const page_table_trace& trace,
                                                        const kernel_profile& kernel,
                                                        trace_sink* sink) {
  auto ground = table_ground::create(kernel, memory_size, sink);
  if (!ground.ok()) return ground.status();
  return player(trace, **ground).play();
}

std::string page_table_difference_text(const page_table_difference& difference) {
  const std::string place =
      difference.line == 0 ? "" : absl::StrFormat("line %d: ", difference.line);
  return absl::StrFormat("%s%s\n  expected: %s\n  got:      %s\n%s", place, difference.operation,
                         difference.expected, difference.got, difference.state);
}

}  // namespace iommulab
