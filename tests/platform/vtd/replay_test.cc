// SPDX-License-Identifier: GPL-2.0-only
//
// What a real 4.4 kernel did to the registers of QEMU's unit, done to ours: every access in order,
// with the descriptors that the kernel had queued put into the queue before the tail moves. Every
// descriptor must be fetched in turn, every status word written, and nothing but the kernel's
// unaligned read of GSTS may be diagnosed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "machine.h"
#include "support/golden.h"

namespace iommulab::vtd_test::replay_test {
namespace {

struct line {
  enum class kind { read, write, descriptor, other } what = kind::other;
  uint64_t address = 0;
  uint64_t size = 0;
  uint64_t value = 0;
  uint64_t low = 0;
  uint64_t high = 0;
};

uint64_t number_after(const std::string& text, const std::string& word) {
  const size_t at = text.find(" " + word + " ");
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + word.size() + 2), nullptr, 0);
}

line parse(const std::string& text) {
  line l;
  if (text.rfind("vtd_reg_read ", 0) == 0 || text.rfind("vtd_reg_write ", 0) == 0) {
    l.what = text[8] == 'r' ? line::kind::read : line::kind::write;
    l.address = number_after(text, "addr");
    l.size = number_after(text, "size");
    l.value = number_after(text, "value");
  } else if (text.rfind("vtd_inv_desc invalidate", 0) == 0) {
    l.what = line::kind::descriptor;
    l.high = number_after(text, "high");
    l.low = number_after(text, "low");
  }
  return l;
}

class replay {
 public:
  explicit replay(const vtd_config& config)
      : memory_(make_memory()), unit_(config, *memory_, sink_, trace_) {
    subscription_ = trace_.subscribe(recorder_, trace_class::queue);
  }

  void run(const std::vector<line>& lines) {
    for (size_t i = 0; i < lines.size(); ++i) {
      const line& l = lines[i];
      if (l.what == line::kind::read) read(lines, i);
      if (l.what == line::kind::write) write(lines, i);
    }
  }

  unsigned descriptors = 0;
  unsigned accesses = 0;
  [[nodiscard]] vtd_unit& unit() { return unit_; }

 private:
  static constexpr uint64_t marks_register = 0x1c0;

  static std::unique_ptr<physical_memory> make_memory() {
    const memory_range ranges[] = {{phys_addr(0), uint64_t{1} << 30, memory_range::kind::ram}};
    return std::move(*physical_memory::create(ranges));
  }

  void read(const std::vector<line>& lines, size_t& i) {
    const line& l = lines[i];
    ++accesses;
    if (l.size == 8 && l.address == 0x18 && i + 1 < lines.size() &&
        lines[i + 1].address == 0x20) {  // one unaligned read of 1Ch, split by the bus
      (void)unit_.read64(0x1c);
      ++i;
      return;
    }
    if (l.size == 8) {
      (void)unit_.read64(l.address);
    } else {
      (void)unit_.read32(l.address);
    }
  }

  void write(const std::vector<line>& lines, size_t i) {
    const line& l = lines[i];
    if (l.address == marks_register) return;
    ++accesses;
    std::vector<line> queued;
    if (l.address == 0x88) queued = place_descriptors(lines, i);
    recorder_.clear();
    if (l.size == 8) {
      unit_.write64(l.address, l.value);
    } else {
      unit_.write32(l.address, static_cast<uint32_t>(l.value));
    }
    if (l.address == 0x88) check_descriptors(queued, l.value);
  }

  std::vector<line> place_descriptors(const std::vector<line>& lines, size_t i) {
    const uint64_t base = unit_.peek(vtd_register::iqa) & ~uint64_t{0xfff};
    uint64_t index = unit_.peek(vtd_register::iqh) >> 4;
    std::vector<line> queued;
    for (size_t next = i + 1; next < lines.size(); ++next) {
      const line& d = lines[next];
      if (d.what == line::kind::read || d.what == line::kind::write) break;
      if (d.what != line::kind::descriptor) continue;
      auto* words = memory_->object_at<uint64_t>(phys_addr(base + index * 16), 2);
      if (words == nullptr) break;
      words[0] = d.low;
      words[1] = d.high;
      index = (index + 1) % 256;
      queued.push_back(d);
    }
    return queued;
  }

  void check_descriptors(const std::vector<line>& queued, uint64_t tail) {
    ASSERT_EQ(recorder_.events().size(), queued.size());
    for (size_t n = 0; n < queued.size(); ++n) {
      const auto* fetched = recorder_.events()[n].as<events::descriptor>();
      EXPECT_EQ(fetched->low, queued[n].low);
      EXPECT_EQ(fetched->high, queued[n].high);
      if ((queued[n].low & 0x2f) == 0x25) {
        const auto* status = memory_->object_at<uint32_t>(phys_addr(queued[n].high));
        ASSERT_NE(status, nullptr);
        EXPECT_EQ(*status, queued[n].low >> 32);
      }
      ++descriptors;
    }
    EXPECT_EQ(unit_.peek(vtd_register::iqh), tail);
    EXPECT_EQ(unit_.peek(vtd_register::fsts) & 0x70, 0u);
  }

  std::unique_ptr<physical_memory> memory_;
  tracer trace_;
  trace_subscription subscription_;
  trace_recorder recorder_;
  recording_sink sink_;
  vtd_unit unit_;
};

TEST(vtd_replay, what_real_kernels_did_to_the_registers) {
  const std::filesystem::path boots = golden::root() / "kernel/v4_4/boot";
  unsigned scenarios = 0;
  unsigned descriptors = 0;
  for (const std::string& name : golden::cases(boots)) {
    SCOPED_TRACE(name);
    const auto trace = golden::read_text(boots / name / "vtd-trace.txt");
    const auto options = golden::read_text(boots / name / "qemu.args");
    ASSERT_TRUE(trace.ok() && options.ok());
    std::vector<line> lines;
    for (const std::string_view text : golden::lines(*trace)) {
      lines.push_back(parse(std::string(text)));
    }
    vtd_config config;
    if (options->find("caching-mode=on") != std::string::npos) config.cap.set_caching_mode(true);
    if (options->find("pt=off") != std::string::npos) config.ecap.set_pass_through(false);
    replay r(config);
    r.run(lines);
    EXPECT_GT(r.accesses, 0u);
    for (const diagnosis_entry& e : r.unit().diagnoses().entries()) {
      EXPECT_EQ(e.id, vtd_diagnosis::unaligned_access) << e.sentence;
      EXPECT_EQ(e.where, 0x1cu) << e.sentence;
    }
    descriptors += r.descriptors;
    ++scenarios;
  }
  EXPECT_GT(scenarios, 0u);
  EXPECT_GT(descriptors, 0u);
}

}  // namespace
}  // namespace iommulab::vtd_test::replay_test
