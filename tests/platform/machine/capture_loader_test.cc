// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/capture_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "core/pci/resource.h"
#include "golden_folder.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/pci_listing.h"
#include "platform/pci/config_bytes.h"
#include "support/golden.h"

namespace iommulab::capture_loader_test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// ---- Captures put together by hand
// ---------------------------------------------------------------

std::string config_rows(unsigned rows, std::string_view first) {
  std::string text(first);
  for (unsigned i = 1; i < rows; ++i) {
    text += "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n";
  }
  return text;
}

std::string one_function() {
  std::string text =
      "# 0000:00:04.0 vendor=0x1234 device=0x11e8 class=0x00ff00 irq=10 "
      "path=../../../devices/pci0000:00/0000:00:04.0 driver=edu iommu_group=1 dma_mask_bits=28 "
      "consistent=28\nresource:\n0x00000000fea00000 0x00000000feafffff 0x0000000000040200\n";
  for (int i = 1; i < 13; ++i) {
    text += "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
  }
  return text + "config:\n" + config_rows(16, "34 12 e8 11 03 01 00 00 10 00 ff 00 00 00 00 00\n");
}

class capture_folder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / absl::StrCat("iommulab_capture_", ::getpid());
    fs::create_directories(folder_);
    write("qemu.args", "qemu-system-x86_64 -machine q35 -m 1G -device intel-iommu,intremap=off\n");
    write("cmdline", "console=ttyS0 intel_iommu=on\n");
    write("iomem",
          "00001000-0009fbff : System RAM\nb0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n");
    write("dmesg.txt",
          "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
          "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003ffdffff] usable\n"
          "[    0.000000] BIOS-e820: [mem 0x000000003ffe0000-0x000000003fffffff] reserved\n"
          "[    0.000000] BIOS-e820: [mem 0x00000000b0000000-0x00000000bfffffff] reserved\n"
          "[    0.000000] DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-x 04/01/2014\n"
          "[    0.000000] ACPI: DMAR 0x000000003FFE2304 000078 (v01 BOCHS  BXPC)\n");
    write("pci.txt", one_function());
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string complaint() const {
    const absl::StatusOr<machine_config> machine = load_capture(folder_.string());
    return machine.ok() ? "it loaded" : std::string(machine.status().message());
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }

  fs::path folder_;
};

TEST_F(capture_folder, becomes_a_machine) {
  const absl::StatusOr<machine_config> machine = load_capture(folder_.string());
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ(machine->command_line, "console=ttyS0 intel_iommu=on");
  EXPECT_EQ(machine->dmi.bios_version, "1.16.2-x");
  EXPECT_EQ(machine->dmar_address, phys_addr(0x3ffe2304));
  EXPECT_TRUE(machine->dmar_table.empty());
  EXPECT_EQ(machine->firmware_map.size(), 4u);
  ASSERT_EQ(machine->memory.size(), 3u) << "the configuration window is no memory";
  EXPECT_EQ(machine->memory.back().end(), 0x40000000u);
  ASSERT_EQ(machine->reads_all_ones.size(), 1u);
  EXPECT_TRUE(machine->reads_all_ones[0].contains(phys_addr(0xbfffffff)));
  EXPECT_FALSE(machine->reads_all_ones[0].contains(phys_addr(0xc0000000)));
  ASSERT_EQ(machine->pci_functions.size(), 1u);
  EXPECT_EQ(machine->pci_functions[0].captured_driver, "edu");
  EXPECT_EQ(machine->pci_functions[0].captured_dma_mask_bits, 28u);
}

TEST_F(capture_folder, finds_the_configuration_window_by_its_newer_name) {
  write("iomem", "00001000-0009fbff : System RAM\nb0000000-bfffffff : PCI ECAM 0000 [bus 00-ff]\n");
  const absl::StatusOr<machine_config> machine = load_capture(folder_.string());
  ASSERT_TRUE(machine.ok()) << machine.status();
  ASSERT_EQ(machine->reads_all_ones.size(), 1u);
  EXPECT_EQ(machine->reads_all_ones[0].start, phys_addr(0xb0000000));
  EXPECT_EQ(machine->reads_all_ones[0].length, 0x10000000u);
}

TEST_F(capture_folder, knows_the_windows_of_its_root_bus) {
  write("iomem",
        "00001000-0009fbff : System RAM\n000a0000-000bffff : PCI Bus 0000:00\n"
        "b0000000-bfffffff : PCI ECAM 0000 [bus 00-ff]\nc0000000-febfffff : PCI Bus 0000:00\n"
        "  fe800000-fe9fffff : PCI Bus 0000:01\n100000000-8ffffffff : PCI Bus 0000:00\n");
  const absl::StatusOr<machine_config> machine = load_capture(folder_.string());
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_THAT(
      machine->pci_windows,
      testing::ElementsAre(host_bridge_window{{0, 0}, phys_addr(0xa0000), 0x20000},
                           host_bridge_window{{0, 0}, phys_addr(0xc0000000), 0x3ec00000},
                           host_bridge_window{{0, 0}, phys_addr(0x100000000), 0x800000000}));
}

TEST_F(capture_folder, a_dash_is_no_driver) {
  std::string text = one_function();
  text.replace(text.find("driver=edu"), std::string_view("driver=edu").size(), "driver=-");
  write("pci.txt", text);
  const absl::StatusOr<machine_config> machine = load_capture(folder_.string());
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ(machine->pci_functions[0].captured_driver, "");
}

TEST_F(capture_folder, names_a_missing_file) {
  for (const char* name : {"cmdline", "dmesg.txt", "iomem"}) {
    SetUp();
    fs::remove(folder_ / name);
    EXPECT_EQ(complaint(), path(name) + ": no such file, nor with .xz");
  }
  SetUp();
  fs::remove(folder_ / "pci.txt");
  EXPECT_EQ(complaint(), absl::StrCat(path("pci.txt"), ": no such file, and ",
                                      (folder_.parent_path() / "r0").string(),
                                      ", whose machine a run that hung has, has none either"));
  EXPECT_EQ(status_errno(load_capture("/nowhere/at/all").status()), ENOENT);
}

TEST_F(capture_folder, of_a_folder_that_is_no_capture_all_that_is_missing_is_named) {
  for (const char* name : {"qemu.args", "cmdline", "dmesg.txt"}) fs::remove(folder_ / name);
  EXPECT_THAT(
      complaint(),
      HasSubstr(folder_.string() + ": is no capture's folder: it has no dmesg.txt, no cmdline ("));
  fs::remove(folder_ / "pci.txt");
  fs::remove(folder_ / "iomem");
  EXPECT_THAT(complaint(), HasSubstr("it has no pci.txt, no dmesg.txt, no iomem, no cmdline ("));
}

TEST_F(capture_folder, without_qemus_arguments_is_one_of_hardware) {
  EXPECT_EQ(load_capture(folder_.string())->unowned_reads, std::byte{0});
  fs::remove(folder_ / "qemu.args");
  std::ofstream(folder_ / "dmesg.txt", std::ios::app)
      << "[    0.031] DMAR: dmar0: reg_base_addr fed91000 ver 1:0 cap c0000020660462 ecap f0101a\n";
  const absl::StatusOr<machine_config> machine = load_capture(folder_.string());
  ASSERT_TRUE(machine.ok()) << machine.status();
  ASSERT_EQ(machine->units.size(), 1u);
  EXPECT_EQ(machine->units[0].base, phys_addr(0xfed91000));
  EXPECT_FALSE(machine->units[0].sees_all);
  EXPECT_EQ(machine->unowned_reads, std::byte{0xff});
  EXPECT_EQ(machine->failed_dma_read, std::byte{0xff});
  // RAM and what the firmware keeps below the configuration window.
  ASSERT_EQ(machine->memory.size(), 3u);
  EXPECT_EQ(machine->memory.back().end(), 0x40000000u);
}

TEST_F(capture_folder, says_what_addresses_read_that_nobody_owns) {
  write("unowned-reads", "ones\n");
  EXPECT_EQ(load_capture(folder_.string())->unowned_reads, std::byte{0xff});
  fs::remove(folder_ / "qemu.args");
  write("unowned-reads", "zeros\n");
  EXPECT_EQ(load_capture(folder_.string())->unowned_reads, std::byte{0});
  write("unowned-reads", "twos\n");
  EXPECT_EQ(complaint(),
            path("unowned-reads") + ": line 1: unowned-reads is \"twos\": not ones or zeros");
}

TEST_F(capture_folder, a_table_with_a_unit_wants_the_argument_that_makes_it) {
  const std::vector<uint8_t> table = dmar_builder(39).add_drhd(1, 0, 0xfed90000).finish();
  write("DMAR.bin", std::string(table.begin(), table.end()));
  EXPECT_EQ(complaint(), "it loaded");
  write("qemu.args", "qemu-system-x86_64 -machine q35 -m 1G -device virtio-iommu-pci\n");
  EXPECT_EQ(complaint(), path("qemu.args") +
                             ": -device is \"\": no argument makes an intel-iommu, but the "
                             "capture's DMAR table describes a unit at 0xfed90000");
  const std::vector<uint8_t> none = dmar_builder(39).add_atsr(1, 0).finish();
  write("DMAR.bin", std::string(none.begin(), none.end()));
  EXPECT_EQ(complaint(), "it loaded");
}

TEST_F(capture_folder, takes_a_table_as_acpidump_prints_it) {
  write("DMAR.bin",
        "DMAR @ 0x0\n  0000: 44 4d 41 52 24 00 00 00 00 00 00 00 00 00 00 00\n"
        "  0010: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n  0020: 00 00 00 00\n");
  EXPECT_EQ(load_capture_dmar(folder_.string())->size(), 36u);
}

TEST_F(capture_folder, names_the_line_where_a_listing_is_cut) {
  const std::string whole = one_function();
  write("pci.txt", whole.substr(0, whole.size() - size_t{3} * 48));
  EXPECT_EQ(complaint(),
            path("pci.txt") +
                ": line 30: config is \"208 bytes\": 256 or 4096 belong here: the listing is cut");
  write("pci.txt", whole.substr(0, whole.size() - 10));
  EXPECT_THAT(complaint(), HasSubstr("pci.txt: line 32: config is \"00 00 00"));
  write("pci.txt", whole.substr(0, whole.find("config:")));
  EXPECT_THAT(complaint(), HasSubstr("line 16: section is \"\": \"config:\" belongs here"));
  write("pci.txt", "");
  EXPECT_THAT(complaint(), HasSubstr("it holds no function"));
}

TEST_F(capture_folder, a_cut_at_any_byte_of_the_listing_is_refused) {
  const std::string whole = one_function();
  for (size_t length = 0; length + 1 < whole.size(); ++length) {
    write("pci.txt", whole.substr(0, length));
    const absl::StatusOr<machine_config> machine = load_capture(folder_.string());
    ASSERT_FALSE(machine.ok()) << length;
    ASSERT_EQ(status_errno(machine.status()), EINVAL) << length;
  }
}

TEST_F(capture_folder, names_a_bad_field) {
  const auto with = [this](std::string_view from, std::string_view to) {
    std::string text = one_function();
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    write("pci.txt", text);
    return complaint();
  };
  EXPECT_EQ(with("e8 11 03", "e8 zz 03"),
            path("pci.txt") + ": line 17: config is \"zz\": not a byte in hex");
  EXPECT_EQ(with("vendor=0x1234", "vendor=0x1235"),
            path("pci.txt") + ": line 1: vendor is \"0x1235\": the config bytes say 0x1234");
  EXPECT_THAT(with("device=0x11e8 ", ""), HasSubstr("line 1: device is \"\": not a number"));
  EXPECT_THAT(with("0000:00:04.0 vendor", "0000:00:4.0 vendor"),
              HasSubstr("line 1: address is \"0000:00:4.0\""));
  EXPECT_THAT(with("dma_mask_bits=28", "dma_mask_bits=65"),
              HasSubstr("line 1: dma_mask_bits is \"65\""));
  EXPECT_THAT(with("pci0000:00", "pci0001:00"), HasSubstr("line 1: path is"));
  EXPECT_THAT(with("0x00000000feafffff", "0x00000000fe9fffff"),
              HasSubstr("it ends before it starts"));
  EXPECT_THAT(with("0x00000000fea00000", "fea00000"), HasSubstr("line 3: resource is"));
}

TEST_F(capture_folder, names_bad_lines_of_the_other_files) {
  write("dmesg.txt", "[    0.0] BIOS-e820: [mem 0x0-0xfff usable\n");
  EXPECT_THAT(complaint(), HasSubstr("dmesg.txt: line 1: BIOS-e820 is \"[mem 0x0-0xfff usable\""));
  write("dmesg.txt", "nothing of the kind\n");
  EXPECT_THAT(complaint(), HasSubstr("BIOS-e820 is \"\": there is no such line"));
  SetUp();
  write("qemu.args", "qemu -m lots\n");
  EXPECT_THAT(complaint(), HasSubstr("qemu.args: line 1: -m is \"lots\": not a memory size"));
  write("qemu.args", "qemu -m 1G -device intel-iommu,caching-mode=perhaps\n");
  EXPECT_THAT(complaint(), HasSubstr("caching-mode is \"perhaps\": not on or off"));
  write("qemu.args", "qemu -m 1G -device intel-iommu,warp=on\n");
  EXPECT_THAT(complaint(), HasSubstr("warp is \"on\": no such option is modelled"));
  SetUp();
  write("iomem", "b0000000:bfffffff : PCI MMCONFIG 0000\n");
  EXPECT_THAT(complaint(), HasSubstr("iomem: line 1: range is"));
}

TEST_F(capture_folder, refuses_a_list_of_resources_without_resources) {
  write("iomem", "");
  EXPECT_EQ(complaint(), path("iomem") + ": range is \"\": there is no line FIRST-LAST : NAME");
  write("iomem",
        "00001000-0009fbff : System RAM\n\x7f"
        "ELF\x02\x01\n");
  EXPECT_EQ(complaint(), path("iomem") +
                             ": line 2: range is \"\\177ELF\\002\\001\": not of the form "
                             "FIRST-LAST : NAME");
  write("iomem", std::string(100, 'x'));
  EXPECT_EQ(complaint(), path("iomem") + ": line 1: range is \"" + std::string(60, 'x') +
                             "...\": not of the form FIRST-LAST : NAME");
}

TEST_F(capture_folder, says_of_what_is_no_file_what_it_is) {
  fs::remove(folder_ / "iomem");
  fs::create_directory(folder_ / "iomem");
  EXPECT_EQ(complaint(), path("iomem") + ": is a directory");
  fs::remove(folder_ / "iomem");
  ASSERT_EQ(::mkfifo((folder_ / "iomem").c_str(), 0600), 0);
  EXPECT_EQ(
      complaint(),
      path("iomem") + ": is a named pipe: only standard input (-) and <(…) are read as pipes");
}

TEST_F(capture_folder, refuses_an_archive_that_unpacks_to_more_than_any_capture) {
  // 256 MiB in streams of 1 MiB each, one behind the other, and one more.
  const std::vector<uint8_t> zeros(size_t{1} << 20);
  std::string packed(size_t{1} << 16, 0);
  size_t length = 0;
  ASSERT_EQ(
      lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, nullptr, zeros.data(), zeros.size(),
                              reinterpret_cast<uint8_t*>(packed.data()), &length, packed.size()),
      LZMA_OK);
  packed.resize(length);
  std::string streams;
  for (int i = 0; i < 257; ++i) streams += packed;
  fs::remove(folder_ / "iomem");
  write("iomem.xz", streams);
  EXPECT_EQ(complaint(), path("iomem.xz") + ": unpacks to more than 268435456 bytes");
}

TEST_F(capture_folder, refuses_a_broken_archive) {
  fs::remove(folder_ / "pci.txt");
  write("pci.txt.xz", "this is no archive");
  EXPECT_THAT(complaint(), HasSubstr("pci.txt.xz: not a sound xz archive"));
}

TEST_F(capture_folder, takes_the_table_that_was_offered_where_the_kernel_showed_none) {
  write("DMAR-given.bin", "DMARgiven");
  EXPECT_EQ(load_capture_dmar(folder_.string()).value().size(), 9u);
  const std::vector<uint8_t> shown = dmar_builder(39).finish();
  write("DMAR.bin", std::string(shown.begin(), shown.end()));
  EXPECT_EQ(load_capture_dmar(folder_.string()).value(), shown);
  // What the kernel showed was whole.
  write("DMAR.bin", std::string(shown.begin(), shown.end() - 1));
  EXPECT_THAT(std::string(load_capture_dmar(folder_.string()).status().message()),
              HasSubstr("DMAR.bin: offset 0x26: table_size is 0x2f"));
}

// What script/record-machine makes of a machine, here of a folder that looks like one.
TEST(record_machine, makes_a_folder_that_loads) {
  const fs::path root = fs::temp_directory_path() / absl::StrCat("iommulab_root_", ::getpid());
  const fs::path recorded = root / "recorded";
  const fs::path device = root / "sys/devices/pci0000:00/0000:00:04.0";
  fs::create_directories(device);
  fs::create_directories(root / "sys/bus/pci/devices");
  fs::create_directories(root / "sys/firmware/acpi/tables");
  fs::create_directories(root / "proc");
  const auto write = [&root](const std::string& name, const std::string& text) {
    std::ofstream(root / name, std::ios::binary) << text;
  };
  const std::vector<uint8_t> table = dmar_builder(39).add_drhd(1, 0, 0xfed91000).finish();
  write("sys/firmware/acpi/tables/DMAR", std::string(table.begin(), table.end()));
  write("proc/cmdline", "intel_iommu=on\n");
  write("proc/iomem", "00001000-3fffffff : System RAM\nc0000000-cfffffff : PCI Bus 0000:00\n");
  write("dmesg",
        "[ 0.0] BIOS-e820: [mem 0x0000000000001000-0x000000003fffffff] usable\n"
        "[ 0.0] DMAR: dmar0: reg_base_addr fed91000 ver 1:0 cap c0000020660462 ecap f0101a\n");
  fs::create_symlink("../../../devices/pci0000:00/0000:00:04.0",
                     root / "sys/bus/pci/devices/0000:00:04.0");
  fs::create_symlink("../../../bus/pci/drivers/edu", device / "driver");
  for (const auto& [name, text] : {std::pair("vendor", "0x1234"),
                                   {"device", "0x11e8"},
                                   {"class", "0x00ff00"},
                                   {"irq", "10"},
                                   {"dma_mask_bits", "28"},
                                   {"consistent_dma_mask_bits", "28"}}) {
    std::ofstream(device / name) << text << '\n';
  }
  std::string resources;
  for (int i = 0; i < 13; ++i)
    resources += "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
  std::ofstream(device / "resource") << resources;
  std::string config("\x34\x12\xe8\x11\x03\x01\x00\x00\x10\x00\xff\x00", 12);
  config.resize(256);
  std::ofstream(device / "config", std::ios::binary) << config;

  const std::string command =
      absl::StrFormat("IOMMULAB_ROOT='%s' '%s/script/record-machine' '%s'", root.string(),
                      IOMMULAB_SOURCE_DIR, recorded.string());
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c): a shell script of ours
  const absl::StatusOr<machine_config> machine = load_capture(recorded.string());
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ(machine->command_line, "intel_iommu=on");
  EXPECT_EQ(machine->dmar_table, table);
  ASSERT_EQ(machine->units.size(), 1u);
  EXPECT_EQ(machine->units[0].base, phys_addr(0xfed91000));
  ASSERT_EQ(machine->pci_functions.size(), 1u);
  EXPECT_EQ(machine->pci_functions[0].id, (source_id{0, 0, pci_devfn(4, 0)}));
  EXPECT_EQ(machine->pci_functions[0].captured_driver, "edu");
  EXPECT_EQ(machine->unowned_reads, std::byte{0xff});
  fs::remove_all(root);
}

// ---- Golden captures
// -----------------------------------------------------------------------------

class golden_capture : public testing::TestWithParam<std::string> {};

/// "dmar0: reg_base_addr fed90000 ver 1:0 cap d2008c22260206 ecap f42"
TEST_P(golden_capture, has_the_units_capabilities_that_its_kernel_read) {
  const absl::StatusOr<machine_config> machine = load_capture(GetParam());
  ASSERT_TRUE(machine.ok()) << machine.status();
  ASSERT_EQ(machine->units.size(), 1u);
  const remapping_unit_config& unit = machine->units[0];
  const std::string expected =
      absl::StrFormat("reg_base_addr %x ver %d:%d cap %x ecap %x", unit.base.value(),
                      unit.version >> 4, unit.version & 0xf, unit.cap.value(), unit.ecap.value());
  const absl::StatusOr<text_source> log = read_source(GetParam() + "/dmesg.txt");
  ASSERT_TRUE(log.ok());
  for (const std::string_view line : log->lines()) {
    if (line.find("reg_base_addr fed90000") == std::string_view::npos) continue;
    EXPECT_THAT(std::string(line), HasSubstr(expected));
  }
}

/// The kernel's table of resources follows from the registers alone.
TEST_P(golden_capture, sizes_its_base_address_registers_as_its_kernel_did) {
  const absl::StatusOr<machine_config> machine = load_capture(GetParam());
  ASSERT_TRUE(machine.ok()) << machine.status();
  for (const pci_function_config& f : machine->pci_functions) {
    pci_function live(f);
    const std::vector<uint8_t> before = live.description().config;
    pci_dev pdev;
    pdev.config = &live;
    pdev.hdr_type =
        static_cast<pci_header_type>(pci_reg::header_layout.get(live.read8(pci_reg::header_type)));
    pci_read_resources(pdev);
    for (size_t i = 0; i < pdev.resource.size(); ++i) {
      const pci_resource& recorded = (*f.resources)[i];
      EXPECT_EQ(pdev.resource[i].start, recorded.start) << to_string(f.id) << " resource " << i;
      EXPECT_EQ(pdev.resource[i].end, recorded.end) << to_string(f.id) << " resource " << i;
      EXPECT_EQ(pdev.resource[i].flags, recorded.flags) << to_string(f.id) << " resource " << i;
    }
    for (uint16_t at = 0; at < live.size(); ++at) {
      ASSERT_EQ(live.read8(at), before[at]) << to_string(f.id) << " byte " << at;
    }
  }
}

TEST_P(golden_capture, starts_with_acs_off) {
  const absl::StatusOr<machine_config> machine = load_capture(GetParam());
  ASSERT_TRUE(machine.ok()) << machine.status();
  for (const pci_function_config& f : machine->pci_functions) {
    for_each_extended_capability(f.config, [&](uint16_t id, uint16_t at) {
      if (id != pci_ext_cap_id_acs) return;
      EXPECT_EQ(config_get(f.config, static_cast<uint16_t>(at + 6), 2), 0u) << to_string(f.id);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(golden, golden_capture, testing::ValuesIn(golden_captures()),
                         [](const auto& param) { return golden_test_name(param.param); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(golden_capture);

TEST(golden_hang, has_the_machine_of_its_control_and_the_table_that_it_was_given) {
  const fs::path firmware = golden::root() / "kernel/v4_4/firmware";
  if (!fs::is_directory(firmware / "r0")) IOMMULAB_MISSING("no " << firmware / "r0");
  const absl::StatusOr<machine_config> control = load_capture((firmware / "r0").string());
  ASSERT_TRUE(control.ok()) << control.status();
  size_t seen = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(firmware)) {
    // A kernel that hung could not list its PCI functions.
    const fs::path& folder = entry.path();
    if (!entry.is_directory() || source_exists((folder / "pci.txt").string())) continue;
    if (folder.extension() == ".calls" && !fs::is_directory(firmware / "r0.calls")) continue;
    SCOPED_TRACE(folder.string());
    ++seen;
    const absl::StatusOr<machine_config> machine = load_capture(folder.string());
    ASSERT_TRUE(machine.ok()) << machine.status();
    EXPECT_EQ(machine->pci_functions.size(), control->pci_functions.size());
    EXPECT_EQ(machine->memory.size(), control->memory.size());
    EXPECT_EQ(machine->dmar_table.size(), fs::file_size(folder / "DMAR-given.bin"));
    EXPECT_NE(machine->dmar_table, control->dmar_table);
    EXPECT_NE(machine->dmar_address, phys_addr(0));
  }
  if (seen == 0) IOMMULAB_MISSING("no kernel hung below " << firmware);
}

}  // namespace
}  // namespace iommulab::capture_loader_test
