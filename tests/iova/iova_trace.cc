// SPDX-License-Identifier: GPL-2.0-or-later
#include "iova/iova_trace.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>

#include "absl/strings/str_format.h"
#include "support/golden.h"

namespace iommulab {
namespace {

[[noreturn]] void missing(const char* operation) {
  throw std::invalid_argument(absl::StrFormat("the target has no operation %s", operation));
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> result;
  while (!line.empty()) {
    const size_t end = line.find(' ');
    if (end != 0) result.push_back(line.substr(0, end));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  return result;
}

uint64_t number(std::string_view word) {
  const std::string text(word);
  char* end = nullptr;
  const uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (text.empty() || *end != '\0') throw std::invalid_argument("not a number: " + text);
  return value;
}

std::string print(const iova_range& r) {
  return absl::StrFormat("0x%x 0x%x", r.lo, r.hi);
}
std::string print(const iova_trace_target::result& r, const char* none) {
  return r ? print(*r) : none;
}

// The arguments of one line: the words between the operation and "->".
class arguments {
 public:
  arguments(std::vector<std::string_view> all) : all_(std::move(all)) {}
  uint64_t operator[](size_t i) const {
    if (i >= all_.size()) throw std::invalid_argument("too few arguments");
    return number(all_[i]);
  }
  unsigned small(size_t i) const { return static_cast<unsigned>((*this)[i]); }

 private:
  std::vector<std::string_view> all_;
};

using operation = std::function<std::string(iova_trace_target&, const arguments&)>;

template <typename F>
operation silent(F f) {
  return [f](iova_trace_target& t, const arguments& a) {
    f(t, a);
    return std::string();
  };
}

const std::map<std::string_view, operation>& operations() {
  using target = iova_trace_target;
  using args = const arguments&;
  static const std::map<std::string_view, operation> table = {
      {"use", silent([](target& t, args a) { t.use(a.small(0)); })},
      {"init", silent([](target& t, args a) { t.init(a[0], a[1], a[2]); })},
      {"reserve", [](target& t, args a) { return print(t.reserve(a[0], a[1]), "FAIL"); }},
      {"alloc",
       [](target& t, args a) { return print(t.alloc(a[0], a[1], a[2], a[3] != 0), "FAIL"); }},
      {"free", silent([](target& t, args a) { t.free(a[0]); })},
      {"free_pfn", silent([](target& t, args a) { t.free_pfn(a[0]); })},
      {"find", [](target& t, args a) { return print(t.find(a[0]), "none"); }},
      {"split", [](target& t, args a) { return print(t.split(a[0], a[1], a[2]), "FAIL"); }},
      {"copy_reserved", silent([](target& t, args a) { t.copy_reserved(a.small(0), a.small(1)); })},
      {"rcache_init", silent([](target& t, args a) { t.rcache_init(a.small(0)); })},
      {"cpu", silent([](target& t, args a) { t.cpu(a.small(0)); })},
      {"alloc_fast",
       [](target& t, args a) { return print(t.alloc_fast(a[0], a[1], a[2], a[3] != 0), "FAIL"); }},
      {"free_fast", silent([](target& t, args a) { t.free_fast(a[0]); })},
      {"flush_cpu", silent([](target& t, args a) { t.flush_cpu(a.small(0)); })},
      {"flush_global", silent([](target& t, args) { t.flush_global(); })},
      {"work", [](target& t, args) { return std::to_string(t.work()); }},
      {"depot",
       [](target& t, args) {
         std::string out;
         for (const uint64_t n : t.depot()) out += (out.empty() ? "" : " ") + std::to_string(n);
         return out;
       }},
      {"state", [](target& t, args) { return t.state(); }},
  };
  return table;
}

class player {
 public:
  player(std::string_view text, iova_trace_target& target)
      : lines_(golden::lines(text)), target_(target) {}

  iova_trace_outcome play() {
    for (; at_ < lines_.size(); ++at_) {
      const std::string_view line = lines_[at_];
      if (line.empty() || line.front() == '#') continue;
      ++outcome_.operations;
      try {
        play_line(line);
      } catch (const std::invalid_argument& error) {
        differ(line, error.what());
      }
    }
    return std::move(outcome_);
  }

 private:
  void play_line(std::string_view line) {
    const size_t arrow = line.find(" -> ");
    std::vector<std::string_view> given = words(line.substr(0, arrow));
    const std::string_view name = given.front();
    given.erase(given.begin());
    if (name == "dump") {
      compare_dump(line, number(given.at(0)));
      return;
    }
    const auto op = operations().find(name);
    if (op == operations().end()) throw std::invalid_argument("unknown operation");
    const std::string got = op->second(target_, arguments(std::move(given)));
    const std::string_view expected =
        arrow == std::string_view::npos ? std::string_view() : line.substr(arrow + 4);
    if (got != expected) differ(line.substr(0, arrow), got + ", not " + std::string(expected));
  }

  void compare_dump(std::string_view line, uint64_t count) {
    std::vector<iova_range> expected;
    for (uint64_t i = 0; i < count; ++i) {
      const auto bounds = words(lines_.at(++at_));
      expected.push_back({number(bounds.at(0)), number(bounds.at(1))});
    }
    if (lines_.at(++at_) != "end") throw std::invalid_argument("dump without its end");
    if (target_.dump() != expected) differ(line, "the ranges in use differ");
  }

  void differ(std::string_view what, const std::string& how) {
    if (++outcome_.differences > 10) return;
    outcome_.first_differences.push_back(absl::StrFormat("line %d: %s: %s", at_ + 1, what, how));
  }

  std::vector<std::string_view> lines_;
  iova_trace_target& target_;
  size_t at_ = 0;
  iova_trace_outcome outcome_;
};

}  // namespace

iova_trace_target::result iova_trace_target::split(uint64_t, uint64_t, uint64_t) {
  missing("split");
}
void iova_trace_target::copy_reserved(unsigned, unsigned) {
  missing("copy_reserved");
}
void iova_trace_target::rcache_init(unsigned) {
  missing("rcache_init");
}
void iova_trace_target::cpu(unsigned) {
  missing("cpu");
}
iova_trace_target::result iova_trace_target::alloc_fast(uint64_t, uint64_t, uint64_t, bool) {
  missing("alloc_fast");
}
void iova_trace_target::free_fast(uint64_t) {
  missing("free_fast");
}
void iova_trace_target::flush_cpu(unsigned) {
  missing("flush_cpu");
}
void iova_trace_target::flush_global() {
  missing("flush_global");
}
uint64_t iova_trace_target::work() {
  missing("work");
}
std::vector<uint64_t> iova_trace_target::depot() {
  missing("depot");
}

iova_trace_outcome play_iova_trace(std::string_view text, iova_trace_target& target) {
  return player(text, target).play();
}

}  // namespace iommulab
