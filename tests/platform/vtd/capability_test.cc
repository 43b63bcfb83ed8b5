// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/spec/capability.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "platform/vtd/config.h"
#include "support/golden.h"

namespace iommulab::capability_test {
namespace {

using vtd::cap_register;
using vtd::ecap_register;

TEST(capability, the_default_unit_has_the_values_of_qemu_without_interrupt_remapping) {
  const vtd_config config;
  EXPECT_EQ(config.cap.value(), 0x00d2008c22260206u);
  EXPECT_EQ(config.ecap.value(), 0xf42u);
  EXPECT_TRUE(check(config).ok());
}

TEST(capability, each_option_of_qemu_is_one_named_setter) {
  // Left: measured on QEMU, as differences from the default. Right: by name.
  vtd_config wide;
  wide.add_table_width(48);
  EXPECT_EQ(wide.cap.value(), 0x00d2008c222f0606u);

  EXPECT_EQ(default_cap().set_caching_mode(true).value(), 0x00d2008c22260286u);
  EXPECT_EQ(default_cap().set_write_drain(false).set_read_drain(false).value(),
            0x0012008c22260206u);
  EXPECT_EQ(default_cap().set_sagaw(0).value() & 0xffff, 0x0006u);

  const auto full = [] {
    return default_ecap().set_interrupt_remapping(true).set_max_handle_mask(15);
  };
  EXPECT_EQ(full().value(), 0xf00f4au);
  EXPECT_EQ(full().set_pass_through(false).value(), 0xf00f0au);
  EXPECT_EQ(full().set_extended_interrupt_mode(true).value(), 0xf00f5au);
  EXPECT_EQ(full().set_device_tlb(true).value(), 0xf00f4eu);
  EXPECT_EQ(full().set_snoop_control(true).value(), 0xf00fcau);
  EXPECT_EQ(default_ecap().set_pass_through(false).value(), 0xf02u);
}

TEST(capability, accessors_take_each_field_from_its_own_bits) {
  // Every field gets a value of its own, put in place here.
  const uint64_t value = 4 | (uint64_t{1} << 3) | (uint64_t{1} << 4) | (uint64_t{1} << 6) |
                         (uint64_t{0x0c} << 8) | (uint64_t{56} << 16) | (uint64_t{1} << 22) |
                         (uint64_t{0x155} << 24) | (uint64_t{2} << 34) | (uint64_t{1} << 39) |
                         (uint64_t{7} << 40) | (uint64_t{9} << 48) | (uint64_t{1} << 54);
  const cap_register cap(value);
  EXPECT_EQ(cap.number_of_domains(), 4096u);
  EXPECT_TRUE(cap.advanced_fault_logging());
  EXPECT_TRUE(cap.required_write_buffer_flush());
  EXPECT_FALSE(cap.protected_low_memory());
  EXPECT_TRUE(cap.protected_high_memory());
  EXPECT_FALSE(cap.caching_mode());
  EXPECT_EQ(cap.sagaw(), 0x0c);
  EXPECT_TRUE(cap.supports_width_code(2));
  EXPECT_TRUE(cap.supports_width_code(3));
  EXPECT_FALSE(cap.supports_width_code(1));
  EXPECT_EQ(cap.max_guest_address_width(), 57u);
  EXPECT_TRUE(cap.zero_length_read());
  EXPECT_FALSE(cap.isochrony());
  EXPECT_EQ(cap.fault_recording_offset(), 0x1550u);
  EXPECT_EQ(cap.super_pages(), 2);
  EXPECT_FALSE(cap.supports_leaf_at(2));
  EXPECT_TRUE(cap.supports_leaf_at(3));
  EXPECT_TRUE(cap.page_selective_invalidation());
  EXPECT_EQ(cap.number_of_fault_records(), 8u);
  EXPECT_EQ(cap.max_address_mask(), 9u);
  EXPECT_TRUE(cap.write_drain());
  EXPECT_FALSE(cap.read_drain());

  const ecap_register ecap(0x2u | 0x8u | 0x80u | (uint64_t{0x3ff} << 8) | (uint64_t{5} << 20) |
                           (uint64_t{1} << 24) | (uint64_t{19} << 35) | (uint64_t{1} << 40));
  EXPECT_FALSE(ecap.page_walk_coherency());
  EXPECT_TRUE(ecap.queued_invalidation());
  EXPECT_FALSE(ecap.device_tlb());
  EXPECT_TRUE(ecap.interrupt_remapping());
  EXPECT_FALSE(ecap.extended_interrupt_mode());
  EXPECT_FALSE(ecap.pass_through());
  EXPECT_TRUE(ecap.snoop_control());
  EXPECT_EQ(ecap.iotlb_offset(), 0x3ff0u);
  EXPECT_EQ(ecap.max_handle_mask(), 5u);
  EXPECT_TRUE(ecap.extended_context());
  EXPECT_EQ(ecap.pasid_bits(), 20u);
  EXPECT_TRUE(ecap.pasid());
}

TEST(capability, single_bits_change_one_accessor_at_a_time) {
  struct flag {
    unsigned bit;
    bool (cap_register::*get)() const;
    cap_register& (cap_register::*set)(bool);
  };
  const flag flags[] = {
      {3, &cap_register::advanced_fault_logging, &cap_register::set_advanced_fault_logging},
      {4, &cap_register::required_write_buffer_flush,
       &cap_register::set_required_write_buffer_flush},
      {5, &cap_register::protected_low_memory, &cap_register::set_protected_low_memory},
      {6, &cap_register::protected_high_memory, &cap_register::set_protected_high_memory},
      {7, &cap_register::caching_mode, &cap_register::set_caching_mode},
      {22, &cap_register::zero_length_read, &cap_register::set_zero_length_read},
      {23, &cap_register::isochrony, &cap_register::set_isochrony},
      {39, &cap_register::page_selective_invalidation,
       &cap_register::set_page_selective_invalidation},
      {54, &cap_register::write_drain, &cap_register::set_write_drain},
      {55, &cap_register::read_drain, &cap_register::set_read_drain},
      {59, &cap_register::posted_interrupts, &cap_register::set_posted_interrupts},
  };
  for (const flag& f : flags) {
    cap_register cap;
    (cap.*f.set)(true);
    EXPECT_EQ(cap.value(), uint64_t{1} << f.bit);
    for (const flag& other : flags) EXPECT_EQ((cap.*other.get)(), other.bit == f.bit);
    (cap.*f.set)(false);
    EXPECT_EQ(cap.value(), 0u);
  }
}

TEST(capability, domains_are_stored_as_powers_of_four) {
  for (unsigned code = 0; code <= 6; ++code) {
    const uint32_t count = uint32_t{16} << (2 * code);
    EXPECT_EQ(cap_register().set_number_of_domains(count).value(), code);
    EXPECT_EQ(cap_register(code).number_of_domains(), count);
  }
  EXPECT_EQ(cap_register().set_number_of_domains(17).number_of_domains(), 64u);
}

TEST(capability, prints_by_name) {
  const std::string cap = vtd::to_string(default_cap().set_caching_mode(true));
  for (const char* words : {"65536 domains", "caching mode", "39-bit tables", "2 MiB pages",
                            "1 GiB pages", "1 fault record at 0x220", "masks up to 18"}) {
    EXPECT_NE(cap.find(words), std::string::npos) << cap;
  }
  EXPECT_EQ(cap.find("zero-length"), std::string::npos) << cap;
  const std::string ecap = vtd::to_string(default_ecap());
  EXPECT_EQ(ecap, "queued invalidation, pass-through, IOTLB registers at 0xf0");
}

// VT-d specification 10.4.2 and 10.4.3: what each bit that stands alone is.
TEST(capability, has_words_for_each_bit) {
  const std::vector<std::pair<unsigned, std::string>> of_cap = {
      {3, "advanced fault logging"},
      {4, "required write buffer flush"},
      {5, "protected low memory"},
      {6, "protected high memory"},
      {7, "caching mode"},
      {8, "30-bit tables"},
      {9, "39-bit tables"},
      {10, "48-bit tables"},
      {11, "57-bit tables"},
      {22, "zero-length read"},
      {23, "isochrony"},
      {34, "2 MiB pages"},
      {35, "1 GiB pages"},
      {39, "page-selective invalidation with masks up to 0"},
      {54, "write drain"},
      {55, "read drain"},
      {59, "posted interrupts"},
  };
  const std::vector<std::pair<unsigned, std::string>> of_ecap = {
      {0, "page-walk coherency"},  {1, "queued invalidation"},     {2, "device-TLB"},
      {3, "interrupt remapping"},  {4, "extended interrupt mode"}, {6, "pass-through"},
      {7, "snoop control"},        {24, "extended context"},       {25, "memory types"},
      {26, "nested translation"},  {27, "deferred invalidation"},  {28, "PASID at bit 28"},
      {29, "page requests"},       {30, "execute requests"},       {31, "supervisor requests"},
      {33, "no-write flag"},       {34, "extended accessed flag"}, {40, "PASIDs of 1 bits"},
      {41, "device-TLB throttle"}, {42, "page request drain"},     {43, "scalable mode"},
  };
  // The words of a register are its single bits' words, each between commas.
  const auto says = [](const std::string& text, const std::string& words) {
    return (", " + text + ", ").find(", " + words + ", ") != std::string::npos;
  };
  const auto check_all = [&](const auto& bits, auto text_of) {
    for (const auto& [bit, words] : bits) {
      EXPECT_TRUE(says(text_of(uint64_t{1} << bit), words)) << words << ": " << bit;
      EXPECT_FALSE(says(text_of(0), words)) << words;
    }
  };
  check_all(of_cap, [](uint64_t value) { return vtd::to_string(vtd::cap_register(value)); });
  check_all(of_ecap, [](uint64_t value) { return vtd::to_string(vtd::ecap_register(value)); });
}

// As QEMU's unit with dma-translation=off.
TEST(config, takes_a_unit_without_any_table_width) {
  vtd_config config;
  config.cap.set_sagaw(0);
  EXPECT_TRUE(check(config).ok()) << check(config);
}

TEST(config, refuses_units_that_cannot_be) {
  const auto refused = [](auto change, const char* word) {
    vtd_config config;
    change(config);
    const absl::Status status = check(config);
    EXPECT_FALSE(status.ok()) << word;
    EXPECT_NE(std::string(status.message()).find(word), std::string::npos) << status;
  };
  refused([](vtd_config& c) { c.cap.set_sagaw(0x10); }, "SAGAW");
  refused([](vtd_config& c) { c.cap.set_max_guest_address_width(48); }, "MGAW");
  refused([](vtd_config& c) { c.host_address_width = 53; }, "host address width");
  refused([](vtd_config& c) { c.cap.set_super_pages(4); }, "SLLPS");
  refused([](vtd_config& c) { c.ecap = ecap_register(c.ecap.value() | (uint64_t{1} << 24)); },
          "ECS");
  refused([](vtd_config& c) { c.ecap = ecap_register(c.ecap.value() | (uint64_t{1} << 43)); },
          "SMTS");
  refused([](vtd_config& c) { c.cap.set_advanced_fault_logging(true); }, "AFL");
  refused([](vtd_config& c) { c.ecap.set_iotlb_offset(0x40); }, "IRO");
  refused([](vtd_config& c) { c.cap.set_fault_recording_offset(0x10); }, "FRO");
  refused([](vtd_config& c) { c.cap.set_fault_recording_offset(0xf0); }, "overlap");
  refused([](vtd_config& c) { c.register_window = 0x200; }, "FRO");
  refused([](vtd_config& c) { c.protected_alignment = 0x3000; }, "alignment");
  refused(
      [](vtd_config& c) { c.ecap.set_queued_invalidation(false).set_interrupt_remapping(true); },
      "IR");
}

// Each limit itself is taken, the next value beyond it is not. The registers with fixed places end
// at c0h (10.4); IOTLB registers take 16 bytes, a fault record 16.
TEST(config, takes_every_limit_and_nothing_beyond) {
  const auto takes = [](auto change, uint64_t value) {
    vtd_config config;
    config.ecap.set_iotlb_offset(0xf0);
    config.cap.set_fault_recording_offset(0x220);
    change(config, value);
    return check(config).ok();
  };
  const auto alignment = [](vtd_config& c, uint64_t value) { c.protected_alignment = value; };
  EXPECT_FALSE(takes(alignment, 0x800));
  EXPECT_TRUE(takes(alignment, 0x1000));
  EXPECT_TRUE(takes(alignment, uint64_t{1} << 30));
  EXPECT_FALSE(takes(alignment, uint64_t{1} << 31));
  const auto width = [](vtd_config& c, uint64_t value) {
    c.host_address_width = static_cast<unsigned>(value);
  };
  EXPECT_FALSE(takes(width, 31));
  EXPECT_TRUE(takes(width, 32));
  EXPECT_TRUE(takes(width, 52));
  EXPECT_FALSE(takes(width, 53));
  const auto guest_width = [](vtd_config& c, uint64_t value) {
    c.cap.set_max_guest_address_width(static_cast<unsigned>(value));
  };
  EXPECT_TRUE(takes(guest_width, 39));
  EXPECT_FALSE(takes(guest_width, 40));
  const auto window = [](vtd_config& c, uint64_t value) { c.register_window = value; };
  EXPECT_FALSE(takes(window, 0x228)) << "the record ends at 230h";
  EXPECT_TRUE(takes(window, 0x230));
  EXPECT_FALSE(takes(window, 0x1004)) << "no multiple of 8";
  EXPECT_TRUE(takes(window, uint64_t{1} << 20));
  EXPECT_FALSE(takes(window, (uint64_t{1} << 20) + 8));
  const auto iotlb = [](vtd_config& c, uint64_t value) {
    c.ecap.set_iotlb_offset(static_cast<uint32_t>(value));
  };
  EXPECT_FALSE(takes(iotlb, 0xb0));
  EXPECT_TRUE(takes(iotlb, 0xc0));
  EXPECT_TRUE(takes(iotlb, 0x210)) << "ends where the record begins";
  EXPECT_FALSE(takes(iotlb, 0x220));
  EXPECT_TRUE(takes(iotlb, 0x230)) << "begins where the record ends";
  EXPECT_TRUE(takes(iotlb, 0xff0));
  EXPECT_FALSE(takes(iotlb, 0x1000));
  const auto records = [](vtd_config& c, uint64_t value) {
    c.cap.set_fault_recording_offset(static_cast<uint32_t>(value));
  };
  EXPECT_FALSE(takes(records, 0xb0));
  EXPECT_TRUE(takes(records, 0xc0));
  EXPECT_TRUE(takes(records, 0xff0));
  EXPECT_FALSE(takes(records, 0x1000));
}

TEST(config, reproduces_the_registers_that_real_kernels_printed) {
  const std::filesystem::path boots = golden::root() / "kernel/v4_4/boot";
  const std::regex printed("cap ([0-9a-f]+) ecap ([0-9a-f]+)");
  unsigned seen = 0;
  for (const std::string& name : golden::cases(boots)) {
    SCOPED_TRACE(name);
    const auto options = golden::read_text(boots / name / "qemu.args");
    const auto dmesg = golden::read_text(boots / name / "dmesg.txt");
    ASSERT_TRUE(options.ok() && dmesg.ok());
    std::smatch match;
    if (!std::regex_search(*dmesg, match, printed)) continue;

    const auto has = [&options](const char* o) { return options->find(o) != std::string::npos; };
    vtd_config config;
    if (has("caching-mode=on")) config.cap.set_caching_mode(true);
    if (has("pt=off")) config.ecap.set_pass_through(false);
    if (has("aw-bits=48")) config.add_table_width(48);
    EXPECT_EQ(config.cap.value(), std::stoull(match[1], nullptr, 16));
    EXPECT_EQ(config.ecap.value(), std::stoull(match[2], nullptr, 16));
    ++seen;
  }
  EXPECT_GT(seen, 0u);
}

}  // namespace
}  // namespace iommulab::capability_test
