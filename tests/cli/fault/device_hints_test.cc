// SPDX-License-Identifier: GPL-2.0-only
//
// Hints about the device: each with what it needs, and its siblings of another vendor, class, place
// or reason, which must not get it; and no conclusion from what a log does not show.
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "cli/fault/fault_report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace iommulab::device_hints_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint8_t root_bus = 0;

source_id at(uint8_t bus, unsigned device, unsigned function) {
  return {0, bus, pci_devfn(device, function)};
}

struct request {
  source_id device;
  std::optional<uint8_t> reason = 0x06;
  bool write = false;
  bool no_pasid = false;
  fault_kind kind = fault_kind::dma;
  std::optional<uint32_t> segment{};
};

std::string hints(const request& r, const system_facts& facts = {}) {
  fault_group group;
  group.fault.kind = r.kind;
  group.fault.device = r.device;
  group.fault.reason = r.reason;
  group.fault.write = r.write;
  group.fault.no_pasid = r.no_pasid;
  group.fault.segment = r.segment;
  return absl::StrJoin(device_hints(group, facts), "\n");
}

system_facts log_with(std::map<source_id, system_facts::function> functions) {
  system_facts facts;
  facts.source = "the log";
  facts.functions = std::move(functions);
  return facts;
}

constexpr const char* frame_buffer = "scans out the firmware's frame buffer";
constexpr const char* keyboard = "emulates a PS/2 keyboard";

TEST(device_hints, integrated_graphics_is_intels_at_device_2_reading_what_is_not_mapped) {
  const source_id place = at(root_bus, 2, 0);
  const system_facts igpu = log_with({{place, {0x8086, 0x0102, 0x030000}}});
  EXPECT_THAT(hints({place}, igpu), HasSubstr(frame_buffer));
  for (const uint8_t reason :
       std::initializer_list<uint8_t>{0x01, 0x02, 0x06, 0x39, 0x41, 0x71, 0x79}) {
    EXPECT_THAT(hints({place, reason}, igpu), HasSubstr(frame_buffer)) << int{reason};
  }
  // Another reason, a write, no reason.
  for (const uint8_t reason : std::initializer_list<uint8_t>{0x04, 0x07, 0x0c, 0x0d, 0x3a, 0x80}) {
    EXPECT_THAT(hints({place, reason}, igpu), Not(HasSubstr(frame_buffer))) << int{reason};
  }
  EXPECT_THAT(hints({.device = place, .write = true}, igpu), Not(HasSubstr(frame_buffer)));
  EXPECT_THAT(hints({place, std::nullopt}, igpu), Not(HasSubstr(frame_buffer)));
  // Another vendor, class or place.
  EXPECT_THAT(hints({place}, log_with({{place, {0x1234, 0x1111, 0x030000}}})),
              Not(HasSubstr(frame_buffer)));
  EXPECT_THAT(hints({place}, log_with({{place, {0x8086, 0x3c04, 0x060400}}})),
              Not(HasSubstr(frame_buffer)));
  for (const source_id other : {at(1, 0, 0), at(root_bus, 3, 0), at(root_bus, 2, 1), at(1, 2, 0),
                                source_id{1, 0, pci_devfn(2, 0)}}) {
    EXPECT_THAT(hints({other}, log_with({{other, {0x8086, 0x56a0, 0x030000}}})),
                Not(HasSubstr(frame_buffer)));
  }
  // A card in a slot: its frame buffer is in its own memory.
  EXPECT_THAT(hints({at(1, 0, 0)}, log_with({{at(1, 0, 0), {0x10de, 0x2331, 0x030200}}})),
              Not(HasSubstr("igfx_off")));
}

TEST(device_hints, the_keyboard_is_a_cause_at_the_chipsets_usb_only) {
  const source_id place = at(root_bus, 0x14, 0);
  const system_facts xhci = log_with({{place, {0x8086, 0xa12f, 0x0c0330}}});
  EXPECT_THAT(hints({place}, xhci), HasSubstr(keyboard));
  EXPECT_THAT(hints({place, 0x05, true}, xhci), HasSubstr(keyboard));
  EXPECT_THAT(hints({place, 0x0c}, xhci), Not(HasSubstr(keyboard)));
  EXPECT_THAT(hints({place, 0x22, false, false, fault_kind::interrupt}, xhci),
              Not(HasSubstr(keyboard)));
  EXPECT_THAT(hints({at(5, 0, 0)}, log_with({{at(5, 0, 0), {0x8086, 0x15e9, 0x0c0330}}})),
              Not(HasSubstr(keyboard)));
  EXPECT_THAT(hints({place}, log_with({{place, {0x1912, 0x0014, 0x0c0330}}})),
              Not(HasSubstr(keyboard)));
  EXPECT_THAT(hints({place}, log_with({{place, {0x8086, 0xa12f, 0x0c0500}}})),
              Not(HasSubstr(keyboard)));
}

struct place_case {
  uint8_t device;
  uint8_t function;
  const char* words;  ///< what the 9 series and before have there
};

// Datasheets of Intel's 6 to 9 series: their functions. From the 100 series on 1d.0 and 1b.0 are
// root ports, 1e.0 a serial controller, 1f.2 the power management controller, and there is no EHCI.
const place_case old_places[] = {
    {0x1a, 0, "EHCI"}, {0x1d, 0, "EHCI"},       {0x1b, 0, "audio"},
    {0x1f, 2, "SATA"}, {0x1e, 0, "PCI bridge"}, {0x19, 0, "Ethernet"},
};

TEST(device_hints, fixed_places_hold_for_their_generation_of_chipsets) {
  const source_id bridge = at(root_bus, 0x1f, 0);
  const system_facts sixth = log_with({{bridge, {0x8086, 0x1c4a, 0x060100}}});
  const system_facts hundredth = log_with({{bridge, {0x8086, 0xa145, 0x060100}}});
  for (const place_case& p : old_places) {
    const source_id id = at(root_bus, p.device, p.function);
    SCOPED_TRACE(to_short_string(id));
    // An old wording says nothing against an old chipset; the hint names its generation.
    EXPECT_THAT(hints({id}), HasSubstr("up to the 9 series (2014)"));
    EXPECT_THAT(hints({id}), HasSubstr(p.words));
    EXPECT_THAT(hints({id}, sixth), HasSubstr(p.words));
    EXPECT_EQ(hints({.device = id, .no_pasid = true}), "");
    EXPECT_THAT(hints({id}, hundredth), Not(HasSubstr("by its place")));
    system_facts kernel;
    kernel.kernel = {6, 1};
    EXPECT_EQ(hints({id}, kernel), "");
    kernel.kernel = {4, 4};
    EXPECT_THAT(hints({id}, kernel), HasSubstr(p.words));
    // Another bus, segment or function is another place.
    EXPECT_EQ(hints({at(1, p.device, p.function)}), "");
    EXPECT_EQ(hints({{1, 0, pci_devfn(p.device, p.function)}}), "");
    EXPECT_EQ(hints({at(root_bus, p.device, 7)}), "");
  }
  // And the other way round.
  for (const source_id id : {at(root_bus, 0x17, 0), at(root_bus, 0x1f, 3)}) {
    EXPECT_THAT(hints({id}, sixth), Not(HasSubstr("by its place")));
    EXPECT_EQ(hints({id}), "");
    EXPECT_THAT(hints({id}, hundredth), HasSubstr("since the 100 series (2015)"));
  }
}

TEST(device_hints, f0_1f_0_is_an_io_apic_when_it_sends_interrupts) {
  const source_id id = at(0xf0, 0x1f, 0);
  EXPECT_THAT(hints({id, 0x25, false, false, fault_kind::interrupt}), HasSubstr("I/O APIC"));
  EXPECT_EQ(hints({id, 0x06}), "");
}

TEST(device_hints, the_graphics_of_an_unknown_system_is_a_guess_that_says_so) {
  const source_id id = at(root_bus, 2, 0);
  EXPECT_THAT(hints({id}), HasSubstr("by its place"));
  EXPECT_THAT(hints({id}), HasSubstr("if it is that: integrated graphics"));
  EXPECT_THAT(hints({.device = id, .write = true}), Not(HasSubstr(frame_buffer)));
  EXPECT_THAT(hints({id, 0x0c}), Not(HasSubstr(frame_buffer)));
}

TEST(device_hints, a_log_that_shows_part_of_the_scan_proves_no_absence) {
  const system_facts part = log_with(
      {{at(1, 0, 1), {0x10de, 0x0e0b, 0x040300}}, {at(3, 0x10, 0), {0x8086, 0x1520, 0x020000}}});
  for (const source_id id : {at(root_bus, 2, 0), at(1, 0, 0), at(3, 0, 0), at(9, 0, 1)}) {
    const std::string words = hints({id}, part);
    EXPECT_THAT(words, Not(HasSubstr("has no function")));
    EXPECT_THAT(words, Not(HasSubstr("does not exist")));
    EXPECT_THAT(words, Not(HasSubstr("may be the id that a PCIe-to-PCI bridge")));
  }
  EXPECT_THAT(hints({at(root_bus, 2, 0)}, part), HasSubstr("integrated graphics"));
  EXPECT_THAT(hints({at(1, 0, 0)}, part),
              HasSubstr("shows only part of the PCI scan, and of this device 01:00.1, HD audio"));
}

TEST(device_hints, a_log_that_shows_the_scan_from_its_beginning_does) {
  system_facts whole = log_with({{at(root_bus, 0, 0), {0x8086, 0x0104, 0x060000}},
                                 {at(9, 0, 0), {0x1b4b, 0x9172, 0x010601}},
                                 {at(7, 3, 0), {0x10ec, 0x8139, 0x020000}}});
  whole.scanned_roots = {at(root_bus, 0, 0)};
  EXPECT_THAT(hints({at(9, 0, 1), 0x02}, whole), HasSubstr("the log has no function 09:00.1"));
  EXPECT_THAT(hints({at(9, 0, 1), 0x02}, whole), HasSubstr("it uses a wrong requester id"));
  // 06h: the context entry is there, so the kernel made one for that id.
  EXPECT_THAT(hints({at(9, 0, 1), 0x06}, whole), HasSubstr("the kernel has set this id up"));
  EXPECT_THAT(hints({at(7, 0, 0), 0x02}, whole),
              HasSubstr("PCIe-to-PCI bridge gives the requests"));
  EXPECT_THAT(hints({at(8, 0, 0), 0x02}, whole), Not(HasSubstr("PCIe-to-PCI")));
  // Another segment was not scanned before this log's eyes.
  EXPECT_THAT(hints({{1, 9, pci_devfn(0, 1)}, 0x02}, whole), Not(HasSubstr("has no function")));
  // A bridge that the log shows, with its own line, is as good for what lies below it.
  system_facts below = log_with({{at(root_bus, 0x1c, 0), {0x8086, 0x1c10, 0x060400}}});
  below.bridges[at(root_bus, 0x1c, 0)] = {3, 4};
  EXPECT_THAT(hints({at(4, 0, 0)}, below), HasSubstr("has no function 04:00.0"));
  EXPECT_THAT(hints({at(5, 0, 0)}, below), Not(HasSubstr("has no function")));
  below.functions.clear();
  EXPECT_THAT(hints({at(4, 0, 0)}, below), Not(HasSubstr("has no function")));
}

TEST(device_hints, phantom_functions_need_vendor_class_function_and_reason) {
  const auto sata = [](uint16_t vendor, uint32_t class_code) {
    return log_with({{at(9, 0, 0), {vendor, 0x9172, class_code}}});
  };
  const std::string marvell = "Marvell's SATA controllers";
  EXPECT_THAT(hints({at(9, 0, 1), 0x02}, sata(0x1b4b, 0x010601)), HasSubstr(marvell));
  EXPECT_THAT(hints({at(9, 0, 1), 0x41}, sata(0x1b4b, 0x010601)), HasSubstr(marvell));
  EXPECT_THAT(hints({at(9, 0, 1), 0x06}, sata(0x1b4b, 0x010601)), Not(HasSubstr(marvell)));
  EXPECT_THAT(hints({at(9, 0, 2), 0x02}, sata(0x1b4b, 0x010601)), Not(HasSubstr(marvell)));
  EXPECT_THAT(hints({at(9, 1, 1), 0x02}, sata(0x1b4b, 0x010601)), Not(HasSubstr(marvell)));
  EXPECT_THAT(hints({at(9, 0, 1), 0x02}, sata(0x1b4b, 0x020000)), Not(HasSubstr(marvell)));
  EXPECT_THAT(hints({at(9, 0, 1), 0x02}, sata(0x8086, 0x010601)), Not(HasSubstr(marvell)));
  EXPECT_THAT(hints({at(9, 0, 1), 0x02}, sata(0x197b, 0x088000)), HasSubstr("JMicron"));
  EXPECT_THAT(hints({at(9, 0, 1), 0x02}, sata(0x197b, 0x010601)), Not(HasSubstr("JMicron")));
  const system_facts ricoh = log_with({{at(9, 0, 0), {0x1180, 0xe832, 0x080501}}});
  EXPECT_THAT(hints({at(9, 0, 0), 0x02}, ricoh), HasSubstr("Ricoh"));
  EXPECT_THAT(hints({at(9, 0, 0), 0x05}, ricoh), Not(HasSubstr("Ricoh")));
}

TEST(device_hints, vmd_answers_for_the_drives_behind_it) {
  const source_id id = at(root_bus, 0x0e, 0);
  EXPECT_THAT(hints({id}, log_with({{id, {0x8086, 0x9a0b, 0x010400}}})),
              HasSubstr("requests of the drives and ports behind it"));
  EXPECT_THAT(hints({id}, log_with({{id, {0x8086, 0x2822, 0x010400}}})), Not(HasSubstr("VMD")));
  system_facts domain;
  domain.source = "the log";
  domain.vmd = id;
  EXPECT_THAT(hints({id}, domain), HasSubstr("Intel VMD, by the log"));
  EXPECT_THAT(hints({at(root_bus, 0x0d, 0)}, domain), Not(HasSubstr("VMD")));
  // A segment of VMD's: 00:02.0 of it is not the graphics of segment 0.
  const system_facts igpu = log_with({{at(root_bus, 2, 0), {0x8086, 0x0102, 0x030000}}});
  const std::string words = hints({.device = at(root_bus, 2, 0), .segment = 0x10000}, igpu);
  EXPECT_THAT(words, HasSubstr("bear the VMD function's id"));
  EXPECT_THAT(words, Not(HasSubstr("0102")));
}

}  // namespace
}  // namespace iommulab::device_hints_test
