// SPDX-License-Identifier: GPL-2.0-only
//
// What a unit tells of itself: for each way that a request can take, what decided over it and where
// that came from; and that being watched changes no answer.
#include <gmock/gmock.h>

#include "absl/strings/str_format.h"
#include "machine.h"
#include "platform/vtd/register_file.h"
#include "platform/vtd/unit_observer.h"
#include "platform/vtd/unit_trace.h"

namespace iommulab::vtd_test::observer_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t iova = 0x12345000;
constexpr uint64_t target = 0x800000;

/// Writes down everything, one line each.
class listener : public unit_observer {
 public:
  std::vector<std::string> take() { return std::exchange(heard_, {}); }

  void answered(const dma_request& /*request*/, const dma_translation& t) override {
    say("answer from %s, context from %s", name(t.from.decided), name(t.from.context));
  }
  void context_word_read(uint64_t word, uint16_t /*source*/) override {
    say("read context word 0x%x", word);
  }
  void paging_word_read(uint64_t word, domain_id /*domain*/, uint64_t /*address*/) override {
    say("read paging word 0x%x", word);
  }
  void context_used(source_id /*source*/, const context& ctx, lookup from) override {
    say("context of domain %d from %s", ctx.domain.value(), name(from));
  }
  void table_used(const context& /*ctx*/, uint64_t /*address*/,
                  const cached_table& table) override {
    say("start at table 0x%x", table.address);
  }
  void translation_used(const dma_request& /*request*/, const context& /*ctx*/,
                        const iotlb_entry& entry, lookup from) override {
    say("page 0x%x from %s", entry.page(), name(from));
  }
  void device_tlb_filled(const dma_request& /*request*/, domain_id domain,
                         const dma_translation& given) override {
    say("device-TLB given 0x%x of domain %d", given.address, domain.value());
  }
  void device_tlb_used(const dma_request& request) override {
    say("device-TLB used 0x%x", request.address);
  }
  void protected_memory_met(const dma_request& request) override {
    say("protected memory at 0x%x", request.address);
  }
  void fault_reported(const vtd_fault& fault, fault_fate fate) override {
    say("fault %s: %s", vtd::name(fault.reason), name(fate));
  }
  void context_cached(uint16_t source, const context& /*ctx*/) override {
    say("cache context of 0x%x", source);
  }
  void page_cached(page_cache cache, const cached_page& page) override {
    say("cache %s 0x%x level %d", words(cache), page.address, page.level);
  }
  void page_evicted(page_cache cache, const cached_page& page) override {
    say("evict %s 0x%x level %d", words(cache), page.address, page.level);
  }
  void root_latched(uint64_t root) override { say("root 0x%x", root); }
  void interrupt_table_latched(const latched_interrupt_table& t) override {
    say("interrupt table 0x%x of %d", t.table.value(), t.entries);
  }
  void translation_switched(bool on) override { say("translation %d", on); }
  void write_buffer_flushed() override { say("write buffer flushed"); }
  void descriptor_fetched(uint32_t index, vtd::descriptor d) override {
    say("descriptor %d: %s", index, vtd::to_string(d));
  }
  void contexts_invalidated(const vtd::context_cache_descriptor& r) override {
    say("invalidate: %s", vtd::to_string(r.encode()));
  }
  void iotlb_invalidated(const vtd::iotlb_descriptor& r) override {
    say("invalidate: %s", vtd::to_string(r.encode()));
  }
  void register_changed(const register_row& row, uint64_t before, uint64_t after) override {
    say("%s from 0x%x to 0x%x", row.name, before, after);
  }

 private:
  static const char* words(page_cache cache) {
    return cache == page_cache::iotlb ? "page" : "table";
  }
  template <typename... Arguments>
  void say(const absl::FormatSpec<Arguments...>& format, const Arguments&... arguments) {
    heard_.push_back(absl::StrFormat(format, arguments...));
  }

  std::vector<std::string> heard_;
};

/// Three levels of tables that map `iova` to `target`, for `nic` with a device-TLB.
class told_by_the_unit : public testing::Test {
 protected:
  static vtd_config config() {
    vtd_config c;
    c.ecap.set_device_tlb(true);
    return c;
  }
  void attach(unsigned type) {
    m.attach(nic, top, 5, 3, type);
    m.map(top, 3, iova, target | pte_read);
    m.start();
    listening = m.unit.observe(heard);
    heard.take();
  }
  [[nodiscard]] std::string word_read(unsigned level) {
    return absl::StrFormat("read paging word 0x%x", m.entry_address(top, 3, iova, level));
  }
  [[nodiscard]] uint64_t table_at_level_1() {
    return m.entry_address(top, 3, iova, 1) & ~uint64_t{0xfff};
  }
  std::string last_line() { return heard.take().back(); }

  machine m{config()};
  uint64_t top = m.page();
  listener heard;
  unit_observation listening;
};

TEST_F(told_by_the_unit, a_first_request_is_walked_from_the_root) {
  attach(0);
  const uint64_t context = m.context_address(nic);
  EXPECT_TRUE(m.read(nic, iova).ok());
  EXPECT_THAT(heard.take(),
              ElementsAre(absl::StrFormat("read context word 0x%x", m.root),
                          absl::StrFormat("read context word 0x%x", context),
                          absl::StrFormat("read context word 0x%x", context + 8),
                          "cache context of 0x18", "context of domain 5 from memory", word_read(3),
                          "cache table 0x0 level 3", word_read(2), "cache table 0x12200000 level 2",
                          word_read(1), "cache page 0x12345000 level 1",
                          "page 0x800000 from memory", "answer from tables, context from memory"));
}

TEST_F(told_by_the_unit, the_next_goes_by_both_caches_and_reads_nothing) {
  attach(0);
  EXPECT_TRUE(m.read(nic, iova).ok());
  heard.take();
  EXPECT_TRUE(m.read(nic, iova).ok());
  EXPECT_THAT(heard.take(),
              ElementsAre("context of domain 5 from cache", "page 0x800000 from cache",
                          "answer from IOTLB, context from cache"));
}

TEST_F(told_by_the_unit, a_neighbour_starts_at_the_deepest_table_that_is_known) {
  attach(0);
  m.map(top, 3, iova + 0x1000, (target + 0x5000) | pte_read);
  EXPECT_TRUE(m.read(nic, iova).ok());
  heard.take();
  EXPECT_TRUE(m.read(nic, iova + 0x1000).ok());
  EXPECT_THAT(heard.take(),
              ElementsAre("context of domain 5 from cache",
                          absl::StrFormat("start at table 0x%x", table_at_level_1()),
                          absl::StrFormat("read paging word 0x%x",
                                          table_at_level_1() + uint64_t{0x146} * 8),
                          "cache page 0x12346000 level 1", "page 0x805000 from memory",
                          "answer from tables, context from cache"));
}

TEST_F(told_by_the_unit, a_refusal_names_what_refused) {
  attach(0);
  EXPECT_FALSE(m.write(nic, iova).ok());
  const auto first = heard.take();
  EXPECT_EQ(first.back(), "answer from tables, context from memory");
  EXPECT_THAT(first, testing::Contains("fault write_not_permitted: recorded"));
  EXPECT_TRUE(m.read(nic, iova).ok());
  heard.take();
  m.clear_faults();
  heard.take();
  EXPECT_FALSE(m.write(nic, iova).ok());
  EXPECT_EQ(last_line(), "answer from IOTLB, context from cache");
  EXPECT_FALSE(m.read(nic, bit(39)).ok());
  EXPECT_EQ(last_line(), "answer from context, context from cache");
  EXPECT_FALSE(m.read(disk, iova).ok());
  EXPECT_EQ(last_line(), "answer from context, context from memory") << "it is not present";
}

TEST_F(told_by_the_unit, the_ways_around_the_tables) {
  attach(0);
  EXPECT_EQ(m.ask(nic, 0xfee00000, dma_access::write, 4).outcome, dma_outcome::interrupt);
  EXPECT_THAT(heard.take(), ElementsAre("answer from interrupt range, context from none"));
  EXPECT_FALSE(m.read(nic, 0xfee00000).ok());
  EXPECT_THAT(heard.take(), ElementsAre("answer from interrupt range, context from none"));
  m.command_off(te);
  heard.take();
  EXPECT_EQ(m.read(nic, iova).outcome, dma_outcome::passed);
  EXPECT_THAT(heard.take(), ElementsAre("answer from translation off, context from none"));
}

TEST(told_by_a_unit_with_protected_memory, a_request_by_host_address_that_meets_it) {
  vtd_config config;
  config.cap.set_protected_low_memory(true);
  machine m(config);
  m.unit.write32(0x68, 0x200000);  // PLMBASE, PLMLIMIT: the two MiB from there
  m.unit.write32(0x6c, 0x200000);
  m.unit.write32(0x64, 0x80000000);  // PMEN.EPM
  listener heard;
  const unit_observation listening = m.unit.observe(heard);
  heard.take();
  EXPECT_FALSE(m.read(nic, 0x200000).ok());
  EXPECT_THAT(heard.take(), ElementsAre("protected memory at 0x200000",
                                        "answer from translation off, context from none"));
  EXPECT_TRUE(m.read(nic, 0x100000).ok());
  EXPECT_THAT(heard.take(), ElementsAre("answer from translation off, context from none"));
}

TEST_F(told_by_the_unit, pass_through) {
  attach(2);
  EXPECT_EQ(m.read(nic, iova).outcome, dma_outcome::passed);
  EXPECT_EQ(last_line(), "answer from pass-through, context from memory");
  EXPECT_EQ(m.read(nic, iova).outcome, dma_outcome::passed);
  EXPECT_THAT(heard.take(), ElementsAre("context of domain 5 from cache",
                                        "answer from pass-through, context from cache"));
}

TEST_F(told_by_the_unit, a_device_tlb_is_filled_and_used) {
  attach(1);
  EXPECT_TRUE(m.ask(nic, iova + 8, dma_access::read, 8, address_type::translation_request).ok());
  const auto filled = heard.take();
  ASSERT_GE(filled.size(), 2u);
  EXPECT_EQ(filled[filled.size() - 2], "device-TLB given 0x800008 of domain 5");
  EXPECT_EQ(filled.back(), "answer from tables, context from memory");
  EXPECT_TRUE(m.ask(nic, target + 8, dma_access::read, 8, address_type::translated).ok());
  EXPECT_THAT(heard.take(),
              ElementsAre("context of domain 5 from cache", "device-TLB used 0x800008",
                          "answer from translated request, context from cache"));
}

TEST_F(told_by_the_unit, a_full_set_of_the_iotlb_loses_its_oldest) {
  attach(0);
  constexpr uint64_t pages = 2048;  // twice what it holds
  for (uint64_t i = 0; i < pages; ++i) m.map(top, 3, i << 12, target | pte_read);
  uint64_t cached = 0;
  uint64_t evicted = 0;
  for (uint64_t i = 0; i < pages; ++i) {
    EXPECT_TRUE(m.read(nic, i << 12).ok());
    for (const std::string& line : heard.take()) {
      if (line.starts_with("cache page")) ++cached;
      if (line.starts_with("evict page")) ++evicted;
    }
  }
  EXPECT_EQ(cached, pages);
  EXPECT_EQ(cached - evicted, m.unit.caches().iotlb.size());
  EXPECT_GT(evicted, 0u);
}

TEST_F(told_by_the_unit, commands_and_the_registers_that_they_change) {
  attach(0);
  m.unit.write64(0x20, 0x7000);
  EXPECT_THAT(heard.take(), ElementsAre(absl::StrFormat("RTADDR from 0x%x to 0x7000", m.root)));
  m.command(srtp);
  EXPECT_THAT(heard.take(), ElementsAre("root 0x7000")) << "RTPS was set already";
  m.command_off(te);
  EXPECT_THAT(heard.take(), ElementsAre("translation 0", "GSTS from 0xc0000000 to 0x40000000"));
  m.flush_domain(5);
  const auto flushed = heard.take();
  ASSERT_FALSE(flushed.empty());
  EXPECT_THAT(flushed, testing::Contains("invalidate: iotlb domain domain 5 address 0x0 mask 0"));
}

TEST_F(told_by_the_unit, nothing_once_the_observation_has_ended) {
  attach(0);
  listening.end();
  EXPECT_TRUE(m.read(nic, iova).ok());
  m.flush_contexts();
  EXPECT_THAT(heard.take(), IsEmpty());
}

TEST_F(told_by_the_unit, several_observers_hear_the_same) {
  attach(0);
  listener second;
  const unit_observation also = m.unit.observe(second);
  second.take();
  EXPECT_TRUE(m.read(nic, iova).ok());
  const auto first_heard = heard.take();
  EXPECT_FALSE(first_heard.empty());
  EXPECT_EQ(first_heard, second.take());
}

// Every kind of request at every kind of context, watched and not: one answer.
TEST(a_watched_unit, answers_as_an_unwatched_one) {
  const auto run = [](bool watched) {
    vtd_config c;
    c.ecap.set_device_tlb(true);
    machine m(c);
    listener heard;
    unit_observation listening;
    if (watched) listening = m.unit.observe(heard);
    std::vector<std::string> answers;
    const uint64_t top = m.page();
    m.map(top, 3, iova, target | pte_read);
    m.map(top, 3, iova + 0x1000, target | pte_write);
    for (unsigned type = 0; type < 4; ++type) {
      m.attach(nic, top, 5, 3, type);
      m.start();
      for (const uint64_t address : {iova, iova + 0x1000, iova + 0x2000, uint64_t{0xfee00000},
                                     bit(38), bit(39), ~uint64_t{0xfff}}) {
        for (int again = 0; again < 2; ++again) {
          for (const auto kind : {address_type::untranslated, address_type::translation_request,
                                  address_type::translated}) {
            for (const auto access : {dma_access::read, dma_access::write}) {
              for (const uint64_t length : {uint64_t{0}, uint64_t{4}, uint64_t{8}}) {
                const dma_translation t = m.ask(nic, address, access, length, kind);
                answers.push_back(absl::StrFormat(
                    "%d %d 0x%x %d %d%d%d%d %s %s", static_cast<int>(t.outcome),
                    static_cast<int>(t.reason), t.address, t.length, t.readable, t.writable,
                    t.snoop, t.untranslated_only, name(t.from.decided), name(t.from.context)));
              }
            }
          }
        }
      }
    }
    answers.push_back(absl::StrFormat("FSTS 0x%x", m.fsts()));
    return answers;
  };
  EXPECT_EQ(run(true), run(false));
}

// Each call of the unit's, told as one event, and as none when nobody takes its class.
TEST(the_trace_of_a_unit, tells_each_thing_that_happens_inside) {
  tracer t;
  unit_trace told("dmar0", t);
  const auto tell_all = [&] {
    told.context_cached(0x0018, {});
    told.page_cached(page_cache::iotlb, {});
    told.page_evicted(page_cache::paging_structures, {});
    told.root_latched(0x1000);
    told.interrupt_table_latched({phys_addr(0x2000), 256, false});
    told.translation_switched(true);
    told.write_buffer_flushed();
    told.contexts_invalidated({vtd::context_granularity::device, domain_id(5), 0x0018, 0});
    vtd::iotlb_descriptor pages;
    pages.granularity = vtd::iotlb_granularity::page;
    pages.domain = domain_id(6);
    pages.address = 0x3000;
    told.iotlb_invalidated(pages);
    told.interrupts_invalidated({true, 0, 7});
    told.device_tlb_invalidated(0x0018, 0x4000, 0x1000);
    told.device_tlb_invalidated(0x0018, 0, 0);
    told.register_changed(register_row{}, 1, 2);
  };
  trace_recorder recorder;
  {
    const trace_subscription others =
        t.subscribe(recorder, trace_class::answers | trace_class::regs | trace_class::queue |
                                  trace_class::faults);
    tell_all();
  }
  EXPECT_TRUE(recorder.events().empty());
  const trace_subscription inside = t.subscribe(recorder, trace_class::unit);
  tell_all();
  std::vector<std::string> seen;
  for (const trace_event& e : recorder.events()) {
    if (const auto* l = e.as<events::latch>()) {
      seen.push_back(absl::StrFormat("%s=0x%x", l->what, l->value));
    } else if (const auto* c = e.as<events::cache_change>()) {
      seen.push_back(absl::StrFormat("%s %d domain %d 0x%x", c->cache, static_cast<int>(c->action),
                                     c->domain, c->address));
    } else if (const auto* r = e.as<events::reg_change>()) {
      seen.push_back(absl::StrFormat("register %d %d", r->before, r->after));
    }
  }
  const auto line = [](std::string_view cache, events::cache_action action, int domain,
                       uint64_t address) {
    return absl::StrFormat("%s %d domain %d 0x%x", cache, static_cast<int>(action), domain,
                           address);
  };
  using enum events::cache_action;
  EXPECT_EQ(seen,
            (std::vector<std::string>{
                line("context-cache", insert, 0, 0x18), line("IOTLB", insert, 0, 0),
                line("paging-structure cache", evict, 0, 0), "root table=0x1000",
                "interrupt table=0x2000", "translation=0x1", "write buffers=0x0",
                line("context-cache", invalidate, 5, 0x18), line("IOTLB", invalidate, 6, 0x3000),
                line("interrupt entry cache", invalidate, 0, 7),
                line("device-TLB", invalidate, 0, 0x4000), line("device-TLB", invalidate, 0, 0),
                "register 1 2"}));
}

// Through the trace: only the classes that are asked for, and only while a sink does.
TEST(the_trace_of_a_unit, has_registers_caches_and_answers) {
  machine m;
  const uint64_t top = m.page();
  m.attach(nic, top, 5);
  m.map(top, 3, iova, target | pte_read);
  trace_recorder recorder;
  {
    const trace_subscription inside =
        m.trace.subscribe(recorder, trace_class::unit | trace_class::answers);
    m.start();
    EXPECT_TRUE(m.read(nic, iova).ok());
  }
  const auto has = [&](auto wanted) {
    return std::any_of(recorder.events().begin(), recorder.events().end(), wanted);
  };
  EXPECT_TRUE(has([](const trace_event& e) {
    const auto* c = e.as<events::reg_change>();
    return c != nullptr && c->name == "GSTS" && c->before == 0x40000000 && c->after == 0xc0000000;
  }));
  EXPECT_TRUE(has([&](const trace_event& e) {
    const auto* l = e.as<events::latch>();
    return l != nullptr && l->what == "root table" && l->value == m.root;
  }));
  EXPECT_TRUE(has([](const trace_event& e) {
    const auto* c = e.as<events::cache_change>();
    return c != nullptr && c->cache == "IOTLB" && c->action == events::cache_action::insert &&
           c->address == iova && c->domain == 5;
  }));
  const auto* last = recorder.events().back().as<events::answer>();
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->from, "tables");
  EXPECT_EQ(last->target, target);
  EXPECT_EQ(last->text, "read of 0x12345000 by 00:03.0 leads to 0x800000");
  const size_t until_now = recorder.events().size();
  EXPECT_TRUE(m.read(nic, iova).ok());
  EXPECT_EQ(recorder.events().size(), until_now);
}

}  // namespace
}  // namespace iommulab::vtd_test::observer_test
