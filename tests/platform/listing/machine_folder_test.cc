// SPDX-License-Identifier: GPL-2.0-only
//
// Machines of copied /sys and /proc trees, whole, in part, and damaged; and of what
// script/collect-machine makes of one.
#include "platform/listing/machine_folder.h"

#include <gmock/gmock.h>
#include <pwd.h>

#include "absl/strings/str_format.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_builder.h"
#include "platform/listing/sysfs_functions.h"
#include "platform/listing/sysfs_tree.h"
#include "platform/pci/config_bytes.h"
#include "platform/pci/function_builder.h"

namespace iommulab::listing_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint16_t port_acs = 0x1d;
constexpr uint64_t unit_base = 0xfed91000;

pci_function_config host_bridge() {
  return function_builder({0, 0, 0}, 0x8086, 0x9a14, 0x060000).build();
}
pci_function_config root_port() {
  return function_builder({0, 0, pci_devfn(1, 0)}, 0x8086, 0x9a01, 0x060400)
      .bridge(0, 1, 1)
      .express(pci_exp_type::root_port, 0x40)
      .acs(0x100, port_acs)
      .build();
}
pci_function_config disk() {
  return function_builder({0, 1, 0}, 0x144d, 0xa809, 0x010802)
      .express(pci_exp_type::endpoint, 0x70)
      .extended_capability(3, 1, 0x100)
      .build();
}

std::vector<uint8_t> dmar() {
  return dmar_builder(39)
      .add_drhd(1, 0, unit_base, {dmar_scope_spec::ioapic(2, 0xf0, {0x1f, 0})})
      .finish();
}

/// An ACPI table of that signature, with these bytes behind its header.
std::vector<uint8_t> acpi(const std::string& signature, const std::vector<uint8_t>& body) {
  std::vector<uint8_t> table(36);
  std::copy(signature.begin(), signature.end(), table.begin());
  table.insert(table.end(), body.begin(), body.end());
  finish_acpi_table(table);
  return table;
}
std::vector<uint8_t> madt() {
  return acpi("APIC", {0, 0,  0xe0, 0xfe, 1, 0,    0,    0,  // the local APICs' address
                       0, 8,  0,    0,    1, 0,    0,    0,  // a processor
                       1, 12, 2,    0,    0, 0,    0xc0, 0xfe, 0,  0, 0, 0,    // I/O APIC 2
                       1, 12, 9,    0,    0, 0x10, 0xc0, 0xfe, 24, 0, 0, 0});  // I/O APIC 9
}
std::vector<uint8_t> mcfg() {
  return acpi("MCFG",
              {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0, 0, 0, 0});
}

/// A system as root sees it.
void fill(const sysfs_tree& tree) {
  tree.add(host_bridge());
  const std::string port = tree.add(root_port());
  const std::string endpoint = tree.add(disk());
  tree.link(endpoint + "/driver", "../../../../bus/pci/drivers/nvme");
  tree.link(endpoint + "/iommu_group", "../../../../kernel/iommu_groups/2");
  tree.link(port + "/iommu_group", "../../../../kernel/iommu_groups/1");
  tree.write("sys/firmware/acpi/tables/DMAR", dmar());
  tree.write("sys/firmware/acpi/tables/APIC", madt());
  tree.write("sys/firmware/acpi/tables/MCFG", mcfg());
  const std::string unit = "sys/class/iommu/dmar0/intel-iommu/";
  tree.write(unit + "address", "fed91000\n");
  tree.write(unit + "version", "1:0\n");
  tree.write(unit + "cap", "d2008c40660462\n");
  tree.write(unit + "ecap", "f050da\n");
  tree.write("proc/cmdline", "root=/dev/sda1 hostname=secret intel_iommu=on iommu=pt\n");
  tree.write(
      "proc/iomem",
      "00001000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n"
      "c0000000-dfffffff : PCI Bus 0000:00\ne0000000-e7ffffff : PCI ECAM 0000 [bus 00-7f]\n");
  tree.write("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
}

absl::StatusOr<machine_config> load(const sysfs_tree& tree) {
  return machine_of(files_of_folder(tree.path()));
}
std::string complaint(const sysfs_tree& tree) {
  return std::string(load(tree).status().message());
}

TEST(machine_folder, a_copied_root_says_everything) {
  const sysfs_tree tree("whole");
  fill(tree);
  ASSERT_TRUE(is_machine_folder(tree.path()));
  const auto m = load(tree);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->assumed, IsEmpty());
  ASSERT_EQ(m->pci_functions.size(), 3u);
  EXPECT_EQ(config_get(m->pci_functions[1].config, 0x104, 2), port_acs);
  EXPECT_EQ(m->pci_functions[2].captured_driver, "nvme");
  EXPECT_EQ(m->dmar_table, dmar());
  ASSERT_EQ(m->units.size(), 1u);
  EXPECT_EQ(m->units[0].cap.value(), 0xd2008c40660462u);
  ASSERT_EQ(m->io_apics.size(), 2u);
  EXPECT_EQ(m->io_apics[1].id, 9);
  EXPECT_EQ(m->io_apics[1].address, 0xfec01000u);
  EXPECT_EQ(m->io_apics[1].gsi_base, 24u);
  ASSERT_EQ(m->reads_all_ones.size(), 1u);
  EXPECT_EQ(m->reads_all_ones[0].length, 0x8000000u);
  ASSERT_EQ(m->pci_windows.size(), 1u);
  EXPECT_EQ(m->pci_windows[0].start, phys_addr(0xc0000000));
  ASSERT_EQ(m->memory.size(), 2u);
  EXPECT_EQ(m->memory[1].end(), 0x80000000u);
}

TEST(machine_folder, knows_the_groups_and_the_kernel_that_made_them) {
  const sysfs_tree tree("groups");
  fill(tree);
  const machine_files files = files_of_folder(tree.path());
  EXPECT_EQ(release_of(files), "6.1");
  const auto pci = functions_of(files);
  ASSERT_TRUE(pci.ok()) << pci.status();
  EXPECT_FALSE(pci->listed[0].group.has_value());
  EXPECT_EQ(pci->listed[1].group, 1u);
  EXPECT_EQ(pci->listed[2].group, 2u);
}

TEST(machine_folder, windows_are_those_of_mcfg_where_iomem_hides_them) {
  const sysfs_tree tree("hidden");
  fill(tree);
  tree.write("proc/iomem", "00000000-00000000 : System RAM\n00000000-00000000 : PCI Bus 0000:00\n");
  const auto m = load(tree);
  ASSERT_TRUE(m.ok()) << m.status();
  ASSERT_EQ(m->reads_all_ones.size(), 1u);
  EXPECT_EQ(m->reads_all_ones[0].start, phys_addr(0xe0000000));
  EXPECT_EQ(m->reads_all_ones[0].length, 0x8000000u);
  EXPECT_THAT(m->assumed, Contains(HasSubstr("all its addresses are zero")));
  EXPECT_THAT(m->assumed, Contains(HasSubstr("memory, of which neither")));
}

TEST(machine_folder, whoever_is_not_root_is_told_what_that_makes_uncertain) {
  const sysfs_tree tree("denied");
  for (const auto& f : {host_bridge(), root_port(), disk()}) tree.add(f, 64);
  const auto m = load(tree);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->assumed, ElementsAre(HasSubstr("that 3 of 3 functions have no capabilities"),
                                      HasSubstr("no DMAR table"), HasSubstr("memory, of which")));
  EXPECT_EQ(config_get(m->pci_functions[1].config, 0x19, 1), 1u) << "the header is there";
}

TEST(machine_folder, a_virtual_functions_ids_are_those_of_the_files) {
  const sysfs_tree tree("virtual");
  pci_function_config f = disk();
  f.id = {0, 0, pci_devfn(2, 0)};
  const std::string folder = tree.add(f);
  std::fill_n(f.config.begin(), 4, uint8_t{0xff});
  tree.write(folder + "/config", f.config);
  const auto listed = functions_of_sysfs(sysfs_functions_folder(tree.path()));
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->at(0).ids.vendor, 0x144d);
  const auto m = machine_of_functions(*listed);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(config_get(m->functions.at(0).config, 0, 4), 0xa809144du);
}

// PCI Express Base 9.2.1.2: the first has the requester id 01:00.0 + 80h.
TEST(machine_folder, virtual_functions_are_where_the_bytes_of_the_capability_put_them) {
  const sysfs_tree tree("sriov");
  tree.add(root_port());
  pci_function_config nic = function_builder({0, 1, 0}, 0x8086, 0x10fb, 0x020000)
                                .express(pci_exp_type::endpoint, 0x70)
                                .extended_capability(0x0b, 1, 0x100)
                                .extended_capability(pci_ext_cap_id_sriov, 1, 0x160)
                                .build();
  nic.config.at(0x168) = 1;
  nic.config.at(0x170) = 2;
  nic.config.at(0x174) = 0x80;
  nic.config.at(0x176) = 2;
  tree.add(nic);
  pci_function_config vf = disk();
  vf.id = {0, 1, pci_devfn(0x10, 2)};
  tree.add(vf);
  const auto m = load(tree);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(m->pci_functions.size(), 2u);
  EXPECT_THAT(m->assumed,
              Contains(HasSubstr("0000:01:10.2 and what else is listed of them, 1 in all")));
}

TEST(machine_folder, what_a_kernel_switched_on_is_off_again) {
  const sysfs_tree tree("reset");
  pci_function_config port = root_port();
  config_put(absl::MakeSpan(port.config), 0x106, 2, port_acs);
  tree.add(port);
  const auto m = load(tree);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(config_get(m->pci_functions[0].config, 0x106, 2), 0u);
}

TEST(machine_folder, a_table_of_another_machine_is_noticed) {
  const sysfs_tree tree("other");
  fill(tree);
  tree.write("dmesg.txt",
             "[    0.1] DMAR: DRHD base: 0x000000fed90000 flags: 0x0\n"
             "[    0.1] DMAR: RMRR base: 0x0000009c000000 end: 0x000000a07fffff\n");
  const auto m = load(tree);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->assumed,
              ElementsAre(HasSubstr("DRHDs of the table alone: 0xfed91000; of the log alone: "
                                    "0xfed90000"),
                          HasSubstr("RMRRs of the table alone: none else; of the log alone: "
                                    "0x9c000000-0xa07fffff")));
}

TEST(machine_folder, a_log_of_the_same_machine_is_not) {
  const sysfs_tree tree("same");
  fill(tree);
  tree.write("dmesg.txt", "[    0.1] DMAR: DRHD base: 0x000000fed91000 flags: 0x1\n");
  const auto m = load(tree);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->assumed, IsEmpty());
}

TEST(machine_folder, what_is_damaged_names_file_and_value) {
  const sysfs_tree tree("damaged");
  fill(tree);
  const std::string unit = "sys/class/iommu/dmar0/intel-iommu/";
  const auto damaged = [&](const std::string& file, const auto& content, const char* said) {
    std::ifstream stream(tree.path() + "/" + file, std::ios::binary);
    const std::string before{std::istreambuf_iterator<char>(stream), {}};
    tree.write(file, content);
    EXPECT_THAT(complaint(tree), HasSubstr(said)) << file;
    tree.write(file, before);
  };
  damaged(unit + "cap", std::string("d2008c4066046g\n"),
          "cap: line 1: value is \"d2008c4066046g\"");
  damaged(unit + "version", std::string("1.0\n"), "version: line 1: version is \"1.0\"");
  damaged("sys/bus/pci/devices/0000:01:00.0/config", std::string(20, 'a'),
          "0000:01:00.0/config: config is \"20 bytes\": 64, 256 or 4096 belong here");
  std::vector<uint8_t> part = disk().config;
  part.resize(100);
  damaged("sys/bus/pci/devices/0000:01:00.0/config", part,
          "0000:01:00.0/config: bytes is \"100\": 64, 128, 256 or 4096 belong here");
  damaged("sys/bus/pci/devices/0000:01:00.0/vendor", std::string("0x8086\n"),
          "vendor: line 1: vendor is \"0x8086\": the bytes of config say 0x144d");
  damaged("sys/bus/pci/devices/0000:01:00.0/vendor", std::string("eight\n"),
          "vendor: line 1: id is \"eight\"");
  std::vector<uint8_t> cut = madt();
  cut.pop_back();
  damaged("sys/firmware/acpi/tables/APIC", cut, "APIC: offset 0x4: length is 76");
  EXPECT_TRUE(load(tree).ok());
}

TEST(machine_folder, a_cut_configuration_window_counts_where_it_is_read) {
  const sysfs_tree tree("mcfg");
  tree.add(host_bridge());
  tree.write("sys/firmware/acpi/tables/MCFG", acpi("MCFG", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_THAT(complaint(tree), HasSubstr("MCFG: offset 0x2c: length is 0x2e"));
  tree.write("sys/firmware/acpi/tables/MCFG", acpi("MCFG", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0,
                                                            0, 0, 0, 0, 0, 0, 5, 4, 0, 0, 0, 0}));
  EXPECT_THAT(complaint(tree), HasSubstr("offset 0x37: end_bus is 0x4: less than"));
}

/// Somebody who is not root, for as long as it lives.
class as_nobody {
 public:
  as_nobody() : was_root_(::geteuid() == 0) {
    constexpr uid_t nobody = 65534;
    if (was_root_) {
      EXPECT_EQ(::seteuid(nobody), 0);
    }
  }
  as_nobody(const as_nobody&) = delete;
  as_nobody& operator=(const as_nobody&) = delete;
  ~as_nobody() {
    if (was_root_) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }

 private:
  bool was_root_;
};

TEST(machine_folder, a_table_that_root_alone_may_read_is_said_to_be_one) {
  const fs::path folder = fs::path("/tmp") / absl::StrCat("iommulab_root_only_", ::getpid());
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms(0755));
  std::ofstream(folder / "DMAR") << "x";
  std::ofstream(folder / "lspci.txt") << "00:02.0 0300: 8086:9a60\n";
  fs::permissions(folder / "DMAR", fs::perms::none);
  fs::permissions(folder / "lspci.txt", fs::perms(0644));
  {
    const as_nobody self;
    const auto m = machine_of(files_of_folder(folder.string()));
    EXPECT_TRUE(m.ok()) << m.status();
    if (m.ok()) {
      EXPECT_THAT(m->assumed, Contains(HasSubstr("DMAR is for root alone")));
    }
  }
  fs::remove_all(folder);
}

TEST(machine_folder, the_folder_of_devices_will_do) {
  const sysfs_tree tree("devices");
  fill(tree);
  for (const char* inside : {"/sys/bus/pci", "/sys/bus/pci/devices", ""}) {
    EXPECT_TRUE(is_machine_folder(tree.path() + inside)) << inside;
  }
  EXPECT_FALSE(is_machine_folder(tree.path() + "/proc"));
}

// What the script leaves out is the disk's serial number and words of the command line; all else
// is as the tree itself says.
TEST(collect_machine, makes_a_folder_that_says_the_same_and_nothing_private) {
  const sysfs_tree tree("collected");
  fill(tree);
  pci_function_config numbered = disk();
  config_put(absl::MakeSpan(numbered.config), 0x104, 4, 0xdeadbeef);
  config_put(absl::MakeSpan(numbered.config), 0x108, 4, 0x12345678);
  tree.write("sys/bus/pci/devices/0000:01:00.0/config", numbered.config);
  tree.write("dmesg",
             "[    0.0] Linux version 6.1.0 (me@secret)\n"
             "[    0.0] secrethost kernel: DMAR: DRHD base: 0x000000fed91000 flags: 0x1\n"
             "[    0.1] pci 0000:01:00.0: Adding to iommu group 2\n"
             "[    0.2] vfio_mdev 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001: Adding to iommu group 5\n"
             "[    0.3] iommu: the disk secret-1234 has 00:11:22:33:44:55\n"
             "[    0.4] DMAR: Hostname secret\n");
  fs::create_directories(tree.path() + "/sys/kernel/iommu_groups/1/devices");
  fs::create_directories(tree.path() + "/sys/kernel/iommu_groups/2/devices");
  tree.link("sys/kernel/iommu_groups/1/devices/0000:00:01.0", "x");
  tree.link("sys/kernel/iommu_groups/2/devices/0000:01:00.0", "x");

  const std::string command = absl::StrFormat(
      "cd '%s' && IOMMULAB_ROOT='%s' '%s/script/collect-machine' it.tar.gz >said 2>&1 && tar xzf "
      "it.tar.gz",
      tree.path(), tree.path(), IOMMULAB_SOURCE_DIR);
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c): a shell script of ours
  const machine_files files = files_of_folder(tree.path() + "/machine");
  EXPECT_EQ(release_of(files), "6.1");
  const auto collected = machine_of(files);
  ASSERT_TRUE(collected.ok()) << collected.status();
  const auto m = load(tree);
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(collected->assumed, IsEmpty());
  EXPECT_EQ(collected->command_line, "intel_iommu=on iommu=pt");
  EXPECT_EQ(collected->dmar_table, m->dmar_table);
  EXPECT_EQ(collected->io_apics.size(), m->io_apics.size());
  ASSERT_EQ(collected->units.size(), 1u);
  EXPECT_EQ(collected->units[0].ecap.value(), m->units[0].ecap.value());
  ASSERT_EQ(collected->pci_functions.size(), 3u);
  EXPECT_EQ(collected->pci_functions[1].config, m->pci_functions[1].config);
  EXPECT_EQ(collected->pci_functions[2].config, disk().config) << "without its serial number";
  EXPECT_EQ(collected->pci_functions[2].captured_driver, "nvme");
  const auto rows = read_source(files.groups);
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->text, "0000:00:01.0\t1\n0000:01:00.0\t2\n");
  const auto log = read_source(files.log);
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->text,
            "[    0.0] DMAR: DRHD base: 0x000000fed91000 flags: 0x1\n"
            "[    0.1] pci 0000:01:00.0: Adding to iommu group 2\n");
  const auto archive = read_text_file(tree.path() + "/it.tar.gz");
  ASSERT_TRUE(archive.ok());
  EXPECT_THAT(*archive, Not(HasSubstr("secret")));
  EXPECT_THAT(*archive, Not(HasSubstr("/dev/sda1")));
  const passwd* const self = ::getpwuid(::getuid());
  if (self != nullptr) {
    EXPECT_THAT(*archive, Not(HasSubstr(std::string(1, '\0') + self->pw_name + '\0')));
  }
}

}  // namespace
}  // namespace iommulab::listing_test
