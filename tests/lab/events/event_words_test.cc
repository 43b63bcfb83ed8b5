// SPDX-License-Identifier: GPL-2.0-only
//
// Values are put together by hand from the bit numbers of the VT-d specification.
#include "lab/events/event_words.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lab/events/register_words.h"
#include "platform/interrupt_controller.h"
#include "platform/vtd/register_file.h"

namespace iommulab::event_words_test {
namespace {

constexpr uint64_t bit(unsigned n) {
  return uint64_t{1} << n;
}

class event_words_test : public ::testing::Test {
 protected:
  event_words_test()
      : memory_(*physical_memory::create(std::vector<memory_range>{{phys_addr(0), 0x10000}})) {
    units_.push_back(std::make_unique<vtd_unit>(vtd_config{}, *memory_, interrupts_, trace_));
    words_ = event_words(units_);
  }
  static trace_event access(trace_kind kind, uint64_t offset, uint8_t size, uint64_t value) {
    const events::reg_access access = {"dmar0", offset, size, value};
    trace_event event;
    if (kind == trace_kind::reg_read) {
      event.what = events::reg_read{access};
    } else {
      event.what = events::reg_write{access};
    }
    return event;
  }
  static trace_event entry(std::string_view table, uint64_t address, uint64_t lo, uint64_t hi) {
    trace_event event;
    event.what = events::table_write{table, address, lo, hi};
    return event;
  }

  tracer trace_;
  interrupt_controller interrupts_;
  std::unique_ptr<physical_memory> memory_;
  std::vector<std::unique_ptr<vtd_unit>> units_;
  event_words words_;
};

TEST_F(event_words_test, a_call_is_shown_with_its_arguments_and_its_return_with_the_result) {
  trace_event event;
  event.what = events::call_enter{"f", {{"dev", "0000:00:03.0"}, {"size", uint64_t{0x1000}}}};
  EXPECT_EQ(words_.describe(event), "f(dev=0000:00:03.0, size=0x1000)");
  event.what = events::call_enter{"f"};
  EXPECT_EQ(words_.describe(event), "f()");
  event.what = events::call_exit{"f", {{"", -12}}};
  EXPECT_EQ(words_.describe(event), "f -> -12");
  event.what = events::call_exit{"f"};
  EXPECT_EQ(words_.describe(event), "f");
}

TEST_F(event_words_test, a_register_write_is_shown_by_mnemonic_value_and_fields) {
  EXPECT_EQ(words_.describe(access(trace_kind::reg_write, 0x18, 4, bit(31) | bit(26))),
            "write32 dmar0 GCMD 0x18 = 0x84000000 TE|QIE");
  EXPECT_EQ(words_.describe(access(trace_kind::reg_read, 0x28, 8, bit(63) | bit(61) | 5)),
            "read64 dmar0 CCMD 0x28 = 0xa000000000000005 ICC CIRG=global DID=0x5");
}

TEST_F(event_words_test, an_access_inside_a_register_is_decoded_at_its_place) {
  // The upper half of fault record 0: F is bit 127, the reason 103:96.
  const uint64_t upper = vtd_config{}.cap.fault_recording_offset() + 12;
  const std::string text = words_.describe(access(trace_kind::reg_read, upper, 4, bit(31) | 0x05));
  EXPECT_THAT(text, ::testing::HasSubstr("FRCD high+4"));
  EXPECT_THAT(text, ::testing::EndsWith(" F FR=write_not_permitted"));
}

TEST_F(event_words_test, an_access_that_no_unit_answers_says_so) {
  trace_event event;
  event.what = events::reg_read{{"", 0x8, 8, ~uint64_t{0}}};
  EXPECT_EQ(words_.describe(event), "read64 (no unit answers) 0x8 = 0xffffffffffffffff");
}

TEST_F(event_words_test, context_entries_are_named_by_bus_device_and_function) {
  const uint64_t root = 0x1000 + 2 * 16;  // bus 2
  const uint64_t table = 0x5000;
  EXPECT_EQ(words_.describe(entry("root", root, table | 1, 0)),
            "root entry of bus 02 at 0x1020 = 0x0:0000000000005001 context table 0x5000");
  const uint64_t slot = table + uint64_t{(3 << 3) | 1} * 16;
  const uint64_t hi = (7 << 8) | 1;  // domain 7, 39 bits
  EXPECT_EQ(words_.describe(entry("context", slot, 0x9000 | 1, hi)),
            "context entry of 02:03.1 at 0x5190 = 0x701:0000000000009001 domain 7, translate by "
            "table 0x9000, 39 bits");
}

// VT-d specification 9.2 and 9.4 to 9.6; the PASID entry is the first that Linux 6.12 writes in
// golden/kernel/v6_12/boot/scalable.
TEST_F(event_words_test, entries_of_scalable_mode_are_named_by_device_and_pasid) {
  EXPECT_EQ(words_.describe(entry("scalable_root", 0x1020, 0x5001, 0x6001)),
            "scalable root entry of bus 02 at 0x1020 = 0x6001:0000000000005001 devices 00 to 0f: "
            "context table 0x5000, devices 10 to 1f: context table 0x6000");
  EXPECT_EQ(words_.describe(entry("scalable_context", 0x6000 + 32 * 0x7a, 0x8401, 0)),
            "scalable context entry of 02:1f.2 at 0x6f40 = 0x0:0000000000008401 PASID directory "
            "0x8000, 32768 PASIDs, PASID 0 without one");
  EXPECT_EQ(words_.describe(entry("pasid_directory", 0x8008, 0x9001, 0)),
            "PASID directory entry 1 at 0x8008 = 0x9001 PASID table 0x9000");
  EXPECT_EQ(words_.describe(entry("pasid_table", 0x9040, 0x5c9b085, 2)),
            "PASID entry 1, words 0 and 1, at 0x9040 = 0x2:0000000005c9b085 domain 2, second level "
            "by table 0x5c9b000");
}

TEST_F(event_words_test, paging_entries_show_address_and_rights) {
  EXPECT_EQ(words_.describe(entry("pte", 0x6010, 0x200000 | bit(7) | bit(1) | bit(0), 0)),
            "pte 2 at 0x6010 = 0x200083 0x200000 RW, superpage");
  EXPECT_EQ(words_.describe(entry("pte", 0x6018, 0, 0)), "pte 3 at 0x6018 = 0x0 not present");
}

TEST_F(event_words_test, every_writable_field_of_every_register_has_a_word) {
  // A register that can be written and of which no bit is named would be one forgotten here;
  // those that hold one plain address or number have no fields to name.
  const std::vector<std::string_view> plain = {"FEUADDR",  "IEUADDR", "PLMBASE",
                                               "PLMLIMIT", "PHMBASE", "PHMLIMIT"};
  vtd_config config;
  config.cap.set_protected_low_memory(true).set_protected_high_memory(true);
  config.cap.set_advanced_fault_logging(true);
  config.ecap.set_interrupt_remapping(true).set_extended_interrupt_mode(true);
  for (const register_row& row : register_rows(config)) {
    if (std::find(plain.begin(), plain.end(), row.name) != plain.end()) continue;
    for (unsigned n = 0; n < row.size * 8u; ++n) {
      const uint64_t writable = row.read_write | row.write_1_clear | row.write_only;
      if ((writable & bit(n)) == 0) continue;
      EXPECT_NE(register_fields(row.name, bit(n)), "") << row.name << " bit " << n;
    }
  }
}

}  // namespace
}  // namespace iommulab::event_words_test
