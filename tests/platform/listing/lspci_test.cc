// SPDX-License-Identifier: GPL-2.0-only
//
// Listings of lspci, as pciutils 3.9 prints them, made into hardware; and listings that say too
// little, or are damaged.
#include <gmock/gmock.h>

#include <array>

#include "absl/strings/str_format.h"
#include "core/pci/acs.h"
#include "core/pci/registers.h"
#include "platform/listing/listed_machine.h"
#include "platform/pci/config_bytes.h"

namespace iommulab::lspci_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<listed_machine> machine(const std::string& text) {
  return machine_of_listing({"list", text});
}
std::string complaint(const std::string& text) {
  return std::string(machine(text).status().message());
}
uint32_t at(const pci_function_config& f, uint16_t offset, unsigned bytes) {
  return config_get(f.config, offset, bytes);
}

constexpr const char* port =
    "00:01.0 PCI bridge [0604]: Intel Corporation Device [8086:9a01] (rev 05) (prog-if 00 [Normal "
    "decode])\n"
    "\tControl: I/O+ Mem+ BusMaster+\n"
    "\tBus: primary=00, secondary=01, subordinate=02, sec-latency=0\n"
    "\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
    "\t\tDevCap2: Completion Timeout: Range ABC, TimeoutDis+ NROPrPrP- LTR+ ARIFwd+\n"
    "\tCapabilities: [220 v1] Access Control Services\n"
    "\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-\n"
    "\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-\n"
    "\tKernel driver in use: pcieport\n\n";
constexpr const char* endpoint =
    "01:00.0 Non-Volatile memory controller [0108]: Samsung [144d:a809] (prog-if 02 [NVM "
    "Express])\n"
    "\tSubsystem: Samsung [144d:a801]\n"
    "\tCapabilities: [70] Express (v2) Endpoint, MSI 00\n";

TEST(lspci, a_port_has_its_buses_type_and_acs_where_they_were) {
  const auto m = machine(port);
  ASSERT_TRUE(m.ok()) << m.status();
  const pci_function_config& f = m->functions.at(0);
  EXPECT_EQ(at(f, pci_reg::vendor_id, 4), 0x9a018086u);
  EXPECT_EQ(at(f, pci_reg::class_revision, 4), 0x06040005u);
  EXPECT_EQ(at(f, pci_reg::primary_bus, 3), 0x020100u);
  EXPECT_EQ(at(f, 0x42, 2) >> 4 & 0xf, 4u);       // PCI Express Base 7.5.3.2: a root port
  EXPECT_EQ(at(f, 0x40 + 0x24, 4) >> 5 & 1, 1u);  // 7.5.3.15: ARI forwarding
  EXPECT_EQ(at(f, 0x220, 2), 0x0du);              // 7.7.11: ACS
  EXPECT_EQ(at(f, 0x224, 2), 0x1fu);
  EXPECT_EQ(at(f, 0x226, 2), 0u) << "a kernel that starts finds it off";
  EXPECT_EQ(f.captured_driver, "pcieport");
  EXPECT_EQ(m->roots.size(), 1u);
}

TEST(lspci, functions_are_one_of_several_when_another_is_listed) {
  const auto m = machine(
      "00:1f.0 ISA bridge [0601]: Intel [8086:2918]\n00:1f.2 SATA controller [0106]: Intel "
      "[8086:2922] (rev 02)\n00:02.0 VGA [0300]: Intel [8086:9a60]\n");
  ASSERT_TRUE(m.ok()) << m.status();
  const auto is_one_of_several = [&](size_t i) {
    return (at(m->functions.at(i), pci_reg::header_type, 1) & 0x80) != 0;
  };
  EXPECT_TRUE(is_one_of_several(0));
  EXPECT_TRUE(is_one_of_several(1));
  EXPECT_FALSE(is_one_of_several(2));
}

TEST(lspci, numbers_alone_will_do) {
  const auto m = machine("0000:00:1f.2 0106: 8086:3a22 (rev 03)\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(at(m->functions.at(0), pci_reg::vendor_id, 4), 0x3a228086u);
}

TEST(lspci, a_bus_that_no_bridge_leads_to_is_a_root) {
  const auto m = machine(std::string(port) + endpoint + "\nff:08.0 0880: 8086:2c50\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->roots, ElementsAre(pci_root{0, 0}, pci_root{0, 0xff}));
}

// Intel's 82599 as pciutils prints it: two of its virtual functions are on.
constexpr const char* nic =
    "01:00.0 Ethernet controller [0200]: Intel [8086:10fb] (rev 01)\n"
    "\tCapabilities: [a0] Express (v2) Endpoint, MSI 00\n"
    "\tCapabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)\n"
    "\t\tInitial VFs: 64, Total VFs: 64, Number of VFs: 2, Function Dependency Link: 00\n"
    "\t\tVF offset: 128, stride: 2, Device ID: 10ed\n";

TEST(lspci, virtual_functions_are_where_the_capability_puts_them) {
  const auto m = machine(std::string(port) + nic +
                         "01:10.0 Ethernet controller [0200]: Intel [8086:10ed] (rev 01)\n"
                         "01:10.2 Ethernet controller [0200]: Intel [8086:10ed] (rev 01)\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(m->functions.size(), 2u);
  ASSERT_EQ(m->virtual_functions.size(), 2u);
  EXPECT_EQ(m->virtual_functions[0].function.id, (source_id{0, 1, pci_devfn(0x10, 0)}));
  EXPECT_EQ(m->virtual_functions[1].function.id, (source_id{0, 1, pci_devfn(0x10, 2)}));
  EXPECT_EQ(m->virtual_functions[1].physical, (source_id{0, 1, 0}));
  EXPECT_EQ(at(m->virtual_functions[1].function, pci_reg::header_type, 1), 0u) << "one of its own";
}

TEST(lspci, a_virtual_function_may_name_whose_it_is) {
  const auto m = machine(std::string(port) +
                         "01:00.0 0200: 8086:10fb\n02:00.1 0200: 8086:10ed\n"
                         "\tPhysical function: 0000:01:00.0\n");
  ASSERT_TRUE(m.ok()) << m.status();
  ASSERT_EQ(m->virtual_functions.size(), 1u);
  EXPECT_EQ(m->virtual_functions[0].physical, (source_id{0, 1, 0}));
  EXPECT_THAT(complaint("02:00.1 0200: 8086:10ed\n\tPhysical function: none\n"),
              HasSubstr("line 2: Physical function is \"none\": no PCI address"));
}

// Bus 2 lies within the port's buses and no bridge leads to it.
TEST(lspci, a_virtual_function_on_a_bus_of_its_own_is_left_out_and_named) {
  const auto m = machine(std::string(port) + endpoint + "\n02:00.1 0200: 8086:154c\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(m->functions.size(), 2u);
  EXPECT_THAT(m->assumed, ElementsAre(HasSubstr("0000:02:00.1 is a virtual function")));
}

TEST(lspci, a_domain_behind_a_volume_management_device_gets_a_segment) {
  const auto m = machine(
      "0000:00:0e.0 0104: 8086:9a0b\n10000:e0:01.0 0604: 8086:9a09\n\tBus: primary=e0, "
      "secondary=e1, subordinate=e1\n10000:e1:00.0 0108: 144d:a809\n");
  ASSERT_TRUE(m.ok()) << m.status();
  ASSERT_EQ(m->volumes.size(), 1u);
  EXPECT_EQ(m->volumes[0].endpoint, (source_id{0, 0, pci_devfn(0x0e, 0)}));
  EXPECT_EQ(m->wide_domains.at(m->volumes[0].root.segment), 0x10000u);
  EXPECT_EQ(m->functions.at(2).id.segment, m->volumes[0].root.segment);
}

TEST(lspci, bytes_are_the_function_where_all_are_there) {
  std::string rows = "00:02.0 0300: 1110:1312\n";
  for (int row = 0; row < 16; ++row) {
    rows += absl::StrFormat("%x0:", row);
    for (int i = 0; i < 16; ++i) rows += absl::StrFormat(" %02x", row == 0 ? 0x10 + i : row);
    rows += '\n';
  }
  const auto m = machine(rows);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(m->functions.at(0).config.size(), 256u);
  EXPECT_EQ(at(m->functions.at(0), 0, 4), 0x13121110u);
  EXPECT_EQ(at(m->functions.at(0), 0xfc, 4), 0x0f0f0f0fu);
}

// `lspci -x`, without -n: names alone, and the header.
TEST(lspci, ids_are_those_of_the_bytes_where_the_line_has_names_alone) {
  const std::string rows =
      "00: 86 80 57 0d 00 00 00 00 03 00 00 06 00 00 00 00\n"
      "10: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
      "20: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
      "30: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n";
  const auto m = machine("00:00.0 Host bridge: Intel Corporation Device 0d57\n" + rows);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(m->listed.at(0).ids.vendor, 0x8086);
  EXPECT_EQ(m->listed.at(0).ids.device, 0x0d57);
  EXPECT_EQ(m->listed.at(0).class_code, 0x0600);
  EXPECT_EQ(at(m->functions.at(0), pci_reg::class_revision, 4), 0x06000003u);
  EXPECT_THAT(complaint("00:00.0 Host bridge: Intel Device 0d57\n" + rows.substr(0, 52)),
              HasSubstr("line 1: class is \"Host bridge\": no number in it"));
}

TEST(lspci, a_header_in_bytes_has_the_buses) {
  constexpr unsigned ids[] = {0x86, 0x80, 0x01, 0x9a};
  std::string rows = "00:01.0 0604: 8086:9a01\n";
  for (int row = 0; row < 4; ++row) {
    rows += absl::StrFormat("%x0:", row);
    for (int i = 0; i < 16; ++i) {
      unsigned byte = row == 0 && i < 4 ? ids[i] : 0;
      if (row == 0 && i == 14) byte = 1;                        // a bridge's header
      if (row == 1 && i >= 8 && i < 11) byte = i == 8 ? 0 : 1;  // buses 0, 1, 1
      rows += absl::StrFormat(" %02x", byte);
    }
    rows += '\n';
  }
  const auto m = machine(rows + "\n01:00.0 0108: 144d:a809\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->roots, ElementsAre(pci_root{0, 0}));
}

// `lspci -vvnnxxx`: the bytes end before ACS, the lines have it.
TEST(lspci, capabilities_beyond_256_bytes_are_those_of_the_lines) {
  std::string rows = port;
  rows.pop_back();
  for (int row = 0; row < 16; ++row) {
    rows += absl::StrFormat("%x0:", row);
    for (int i = 0; i < 16; ++i) {
      unsigned byte = 0;
      if (row == 0)
        byte = std::array{0x86u, 0x80u, 0x01u, 0x9au, 7u}[static_cast<size_t>(std::min(i, 4))];
      if (row == 0 && i > 4) byte = i == 14 ? 1 : 0;
      if (row == 1 && (i == 9 || i == 10)) byte = i == 9 ? 1 : 2;
      rows += absl::StrFormat(" %02x", byte);
    }
    rows += '\n';
  }
  const auto m = machine(rows);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(at(m->functions.at(0), 0x224, 2), 0x1fu);
  EXPECT_EQ(at(m->functions.at(0), pci_reg::command, 2), 7u) << "the header is that of the bytes";
}

TEST(lspci, a_listing_without_capabilities_says_so) {
  const auto silent = machine("00:1f.2 0106: 8086:2922\n");
  ASSERT_TRUE(silent.ok());
  EXPECT_THAT(silent->assumed, ElementsAre(HasSubstr("the listing shows none")));
  const auto telling = machine(port);
  ASSERT_TRUE(telling.ok());
  EXPECT_THAT(telling->assumed, ElementsAre());
}

TEST(lspci, a_listing_that_root_did_not_print_says_what_that_makes_uncertain) {
  const auto m = machine(
      "00:1f.2 0106: 8086:2922\n\tCapabilities: <access denied>\n00:1f.3 0c05: 8086:2930\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->assumed, ElementsAre(HasSubstr("that 1 of 2 functions have no capabilities")));
}

TEST(lspci, acs_without_its_bits_is_assumed_and_said) {
  const auto m = machine(
      "00:1c.0 0604: 8086:a110\n\tBus: primary=00, secondary=01, subordinate=01\n\tCapabilities: "
      "[40] Express (v2) Root Port (Slot+)\n\tCapabilities: [140 v1] Access Control Services\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(at(m->functions.at(0), 0x144, 2),
            uint32_t{pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf});
  EXPECT_THAT(m->assumed, ElementsAre(HasSubstr("0000:00:1c.0 has ACS, of which the listing")));
}

TEST(lspci, what_says_too_little_is_refused_in_one_sentence) {
  EXPECT_THAT(complaint(""), HasSubstr("no function as lspci prints it"));
  EXPECT_THAT(complaint("hello\nworld\n"), HasSubstr("no function as lspci prints it"));
  EXPECT_THAT(complaint("00:1f.2 SATA controller: Intel Corporation ICH9\n"),
              HasSubstr("list: line 1: class is \"SATA controller\": no number in it"));
  EXPECT_THAT(complaint("00:1f.2 SATA controller [0106]: Intel Corporation ICH9\n"),
              HasSubstr("line 1: device is \"Intel Corporation ICH9\": no ids in it"));
  EXPECT_THAT(complaint("00:01.0 0604: 8086:9a01\n"), HasSubstr("its bus numbers are missing"));
  EXPECT_THAT(complaint("00:02.0 0300: 8086:1\n"), HasSubstr("no ids in it"));
  EXPECT_THAT(complaint("00:02.0 0300: 8086:9a60\n00:02.0 0300: 8086:9a60\n"),
              HasSubstr("line 2: address is \"0000:00:02.0\": it is listed twice"));
}

// A kernel would renumber such bridges, and nothing behind them would be where it is listed.
TEST(lspci, bridges_whose_buses_make_no_sense_are_refused) {
  const auto bridge = [](const char* buses) {
    return complaint(std::string("01:02.0 0604: 8086:9a01\n\tBus: ") + buses + "\n");
  };
  EXPECT_THAT(bridge("primary=03, secondary=02, subordinate=02"),
              HasSubstr("line 1: primary is \"03\": the bridge sits on bus 01"));
  EXPECT_EQ(bridge("primary=00, secondary=02, subordinate=02"), "")
      << "a primary that is wired to 0";
  EXPECT_THAT(bridge("primary=01, secondary=01, subordinate=02"),
              HasSubstr("secondary is \"01\": not above its own bus 01"));
  EXPECT_THAT(bridge("primary=01, secondary=03, subordinate=02"),
              HasSubstr("subordinate is \"02\": less than its secondary bus 03"));
  EXPECT_THAT(complaint("00:01.0 0604: 1:1\n"), HasSubstr("no ids"));
  EXPECT_THAT(
      complaint("00:01.0 0604: 8086:0001\n\tBus: primary=00, secondary=01, subordinate=01\n"
                "00:02.0 0604: 8086:0001\n\tBus: primary=00, secondary=01, subordinate=01\n"),
      HasSubstr("line 3: secondary is \"01\": a bridge before it leads to that bus"));
}

TEST(lspci, a_cardbus_bridge_has_a_header_of_its_own) {
  const auto m = machine(
      "02:04.0 0607: 104c:ac56\n\tBus: primary=02, secondary=03, subordinate=06\n02:04.1 0c00: "
      "104c:8029\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(at(m->functions.at(0), pci_reg::header_type, 1), 0x82u);
  EXPECT_EQ(at(m->functions.at(0), pci_reg::primary_bus, 3), 0x060302u);
}

TEST(lspci, what_is_damaged_names_line_field_and_value) {
  const std::string head = "00:02.0 0300: 8086:9a60\n";
  EXPECT_THAT(complaint(head + "00:2.0 0300: 8086:9a60\n"),
              HasSubstr("line 2: address is \"00:2.0\": no PCI address"));
  EXPECT_THAT(complaint(head + "\tBus: primary=00, secondary=0\n"), HasSubstr("line 2: Bus is"));
  EXPECT_THAT(complaint(head + "\tCapabilities: [zz] Express (v2) Endpoint\n"),
              HasSubstr("no offset in configuration space"));
  EXPECT_THAT(complaint(head + "\tCapabilities: [40] Express (v2) Teapot\n"),
              HasSubstr("line 2: Express is"));
  EXPECT_THAT(complaint(head + "\t\tACSCap: SrcValid+\n"),
              HasSubstr("no Access Control Services go before it"));
  EXPECT_THAT(complaint(head + "\tIOMMU group: many\n"), HasSubstr("line 2: IOMMU group is"));
  EXPECT_THAT(complaint(head + "00: 86 80\n20: 00\n"),
              HasSubstr("line 3: offset is \"20\": the bytes before it end at 02"));
  EXPECT_THAT(complaint(head + "00: 86 8x\n"), HasSubstr("byte is \"8x\": no byte"));
  EXPECT_THAT(complaint(head + "00: 86 80\n"),
              HasSubstr("bytes is \"2\": 64, 128, 256 or 4096 belong here: the listing is cut"));
}

// PCI Express Base 7.8.8.2: functions of one device are found by the chain of their numbers.
TEST(lspci, functions_found_by_ari_follow_each_other) {
  const std::string two =
      "01:00.0 0200: 8086:10fb\n\tCapabilities: [a0] Express (v2) Endpoint\n\tCapabilities: [150 "
      "v1] Alternative Routing-ID Interpretation (ARI)\n";
  const std::string other =
      "01:00.1 0200: 8086:10fb\n\tCapabilities: [a0] Express (v2) Endpoint\n\tCapabilities: [150 "
      "v1] Alternative Routing-ID Interpretation (ARI)\n";
  const auto told =
      machine(std::string(port) + two + "\t\tARICap:\tMFVC- ACS-, Next Function: 1\n" + other +
              "\t\tARICap:\tMFVC- ACS-, Next Function: 0\n");
  const auto untold = machine(std::string(port) + two + other);
  for (const auto* m : {&told, &untold}) {
    ASSERT_TRUE(m->ok()) << m->status();
    EXPECT_EQ(at((*m)->functions.at(1), 0x155, 1), 1u);
    EXPECT_EQ(at((*m)->functions.at(2), 0x155, 1), 0u);
  }
  EXPECT_THAT(complaint(two + "\t\tARICap:\tMFVC- ACS-, Next Function: many\n"),
              HasSubstr("Next Function is \"many\""));
}

TEST(lspci, the_wording_of_old_pciutils_reads) {
  const auto m = machine(
      "00:1e.0 Class 0604: 8086:244e (rev 92)\n\tBus: primary=00, secondary=01, subordinate=01\n"
      "\tCapabilities: [40] Express PCI/PCI-X Bridge IRQ 0\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(at(m->functions.at(0), pci_reg::class_revision, 4), 0x06040092u);
  EXPECT_EQ(at(m->functions.at(0), 0x42, 2) >> 4 & 0xf, 7u) << "PCI Express to PCI";
}

TEST(lspci, a_listing_whose_beginning_is_missing_is_refused) {
  EXPECT_THAT(complaint("\tCapabilities: [40] Express (v2) Endpoint\n00:1f.2 0106: 8086:2922\n"),
              HasSubstr("line 1: listing is"));
  const auto marked = machine(
      "\xef\xbb\xbf"
      "00:1f.2 0106: 8086:2922\n");
  ASSERT_TRUE(marked.ok()) << marked.status();
  EXPECT_EQ(marked->functions.size(), 1u) << "a byte order mark is no part of the address";
}

TEST(lspci, what_is_behind_a_cardbus_bridge_is_left_out_and_named) {
  const auto m = machine(
      "02:04.0 0607: 104c:ac56\n\tBus: primary=02, secondary=03, subordinate=06\n03:00.0 0200: "
      "10ec:8139\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(m->functions.size(), 1u);
  EXPECT_THAT(m->assumed, Contains(HasSubstr("0000:03:00.0 sits behind a CardBus bridge")));
  const auto unused = machine(
      "00:1e.0 0604: 8086:2448\n\tBus: primary=00, secondary=02, subordinate=06\n"
      "02:04.0 0607: 104c:ac56\n\tBus: primary=02, secondary=00, subordinate=00\n");
  ASSERT_TRUE(unused.ok()) << unused.status();
  EXPECT_EQ(unused->functions.size(), 2u) << "bus 0 is not behind it";
}

TEST(lspci, virtual_functions_that_are_off_are_none) {
  const std::string off = std::string(nic) + "\t\tIOVCtl:\tEnable- Migration- Interrupt- MSE-\n";
  const auto m = machine(std::string(port) + off + "01:10.0 0200: 8086:10ed\n");
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->virtual_functions, ElementsAre());
  EXPECT_THAT(complaint(std::string(port) + nic + "\t\tInitial VFs: 64, Number of VFs: 70000, F\n"),
              HasSubstr("Number of VFs is \"70000\""));
}

TEST(lspci, a_function_that_sleeps_is_as_its_line_says) {
  std::string rows = "00:02.0 0300: 10de:1234\n";
  for (int row = 0; row < 4; ++row) {
    rows += absl::StrFormat("%x0:", row);
    for (int i = 0; i < 16; ++i) rows += " ff";
    rows += '\n';
  }
  const auto m = machine(rows);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(at(m->functions.at(0), pci_reg::vendor_id, 4), 0x123410deu);
  EXPECT_THAT(m->assumed, Contains(HasSubstr("0000:00:02.0 is as its line says")));
}

TEST(lspci, line_and_bytes_that_contradict_each_other_are_refused) {
  const auto listing = [](const char* head, const char* details, unsigned type,
                          unsigned secondary) {
    std::string text = std::string(head) + "\n" + details;
    for (unsigned row = 0; row < 4; ++row) {
      text += absl::StrFormat("%x0:", row);
      for (unsigned i = 0; i < 16; ++i) {
        unsigned byte = row == 0 && i < 4 ? std::array{0x86u, 0x80u, 0x01u, 0x9au}[i] : 0;
        if (row == 0 && i == 14) byte = type;
        if (row == 1 && (i == 9 || i == 10)) byte = secondary;
        text += absl::StrFormat(" %02x", byte);
      }
      text += '\n';
    }
    return complaint(text);
  };
  const char* buses = "\tBus: primary=00, secondary=01, subordinate=01\n";
  EXPECT_EQ(listing("00:01.0 0604: 8086:9a01", buses, 1, 1), "");
  EXPECT_THAT(listing("00:01.0 0604: 8086:9a02", buses, 1, 1),
              HasSubstr("line 1: device is \"8086:9a02\": the bytes say 8086:9a01"));
  EXPECT_THAT(listing("00:01.0 0604: 8086:9a01", buses, 1, 5),
              HasSubstr("Bus is \"secondary=01, subordinate=01\": the bytes say 05 and 05"));
  EXPECT_THAT(listing("00:01.0 0604: 8086:9a01", "", 0, 0), HasSubstr("header type is \"0\""));
}

// Cut anywhere, a listing is refused or is the listing of fewer functions; nothing else happens.
TEST(lspci, a_cut_listing_never_does_more_harm) {
  const std::string whole = std::string(port) + endpoint;
  for (size_t end = 0; end < whole.size(); ++end) {
    const auto m = machine(whole.substr(0, end));
    if (m.ok()) {
      EXPECT_LE(m->functions.size(), 2u);
    }
  }
}

}  // namespace
}  // namespace iommulab::lspci_test
