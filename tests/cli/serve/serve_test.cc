// SPDX-License-Identifier: GPL-2.0-only
//
// Programs that know Linux alone, on the simulated system: one of ours that uses VFIO (client.c),
// and the shell with what every system has.
#include <gtest/gtest.h>

#include <string>

#include "support/shell.h"

namespace iommulab::serve_test {
namespace {

constexpr const char* edu = "0000:00:04.0";  // of the machine q35, alone in group 1 of 6.12

class serve : public shell {
 protected:
  /// `iommulab serve ARGUMENTS`, with {edu} and {client} replaced.
  [[nodiscard]] command_result run(std::string arguments) const {
    const auto put = [&](const std::string& name, const std::string& value) {
      for (size_t at = arguments.find(name); at != std::string::npos; at = arguments.find(name)) {
        arguments.replace(at, name.size(), value);
      }
    };
    put("{edu}", edu);
    put("{client}", IOMMULAB_CLIENT);
    return run_line(std::string(IOMMULAB_PROGRAM) + " serve " + arguments);
  }
  void expect_out(const std::string& arguments, const std::string& out) const {
    const command_result result = run(arguments);
    EXPECT_EQ(result.status, 0) << arguments;
    EXPECT_EQ(result.out, out) << arguments;
    EXPECT_EQ(result.err, "") << arguments;
  }
};

// ---- A program that uses VFIO

void expect_whole(const command_result& result) {
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_TRUE(result.out.ends_with("all is closed\nfor the host as well\n")) << result.out;
  EXPECT_EQ(result.err, "");
}

TEST_F(serve, a_client_of_type1) {
  expect_whole(run("--bind {edu} -- {client} {edu} 1"));
}
TEST_F(serve, the_same_client_on_iommufd) {
  expect_whole(run("--bind {edu} --container iommufd -- {client} {edu} 1"));
}
TEST_F(serve, the_same_client_on_the_old_kernels) {
  for (const char* const kernel : {"v4_4", "v4_4_178"}) {
    SCOPED_TRACE(kernel);
    expect_whole(run("--kernel " + std::string(kernel) +
                     " --bind {edu} -- sh -c '{client} {edu} $(basename $(readlink "
                     "/sys/bus/pci/devices/{edu}/iommu_group))'"));
  }
}
TEST_F(serve, a_client_without_rights_over_its_interrupts) {
  const command_result result = run("--bind {edu} --no-unsafe-interrupts -- {client} {edu} 1");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(result.out.ends_with("FAILED: the IOMMU is set (errno 1, Operation not permitted)\n"))
      << result.out;
}

TEST_F(serve, tells_calls_with_what_they_did) {
  ASSERT_EQ(run("--bind {edu} --trace --trace-to told -- {client} {edu} 1").status, 0);
  const std::string told = content_of(folder_ + "/told");
  const size_t map = told.find("VFIO_IOMMU_MAP_DMA) = 0\n");
  ASSERT_NE(map, std::string::npos) << told;
  // The chain of VFIO's own container, of one call.
  size_t at = map;
  for (const char* const function :
       {"vfio_iommu_type1_ioctl", "vfio_iommu_type1_map_dma", "vfio_dma_do_map", "vfio_pin_map_dma",
        "vfio_pin_pages_remote", "vfio_iommu_map", "iommu_map", "intel_iommu_map_pages",
        "__domain_mapping"}) {
    at = told.find(std::string(function) + "(", at);
    ASSERT_NE(at, std::string::npos) << function;
  }
  EXPECT_LT(at, told.find("\nioctl(", map));
  EXPECT_NE(told.find("VFIO_IOMMU_MAP_DMA) = -1 EEXIST\n"), std::string::npos);
  EXPECT_NE(told.find("VFIO_IOMMU_MAP_DMA) = -1 EFAULT\n"), std::string::npos);
}

// ---- Paths

TEST_F(serve, the_systems_groups_and_functions) {
  expect_out("-- readlink /sys/bus/pci/devices/{edu}/iommu_group",
             "../../../kernel/iommu_groups/1\n");
  expect_out("-- ls /sys/kernel/iommu_groups/1/devices", std::string(edu) + "\n");
  expect_out("-- cat /sys/bus/pci/devices/{edu}/vendor /sys/kernel/iommu_groups/1/type",
             "0x1234\nDMA-FQ\n");
  expect_out("-- realpath /sys/bus/pci/devices/{edu}",
             "/sys/devices/pci0000:00/" + std::string(edu) + "\n");
}

TEST_F(serve, nodes_are_there_with_their_driver) {
  expect_out("-- ls /dev/vfio", "vfio\n");
  expect_out("--bind {edu} -- ls /dev/vfio", "1\ndevices\nvfio\n");
  expect_out("--bind {edu} -- stat -c %F /dev/vfio/1 /dev/iommu",
             "character special file\ncharacter special file\n");
  expect_out("--bind {edu} -- ls /dev/vfio/devices", "vfio0\n");
}

TEST_F(serve, what_the_program_writes_to_sysfs_happens) {
  expect_out(
      "-- sh -c 'cd /; echo vfio-pci > /sys/bus/pci/devices/{edu}/driver_override; "
      "echo {edu} > /sys/bus/pci/drivers_probe; echo /dev/vfio/*'",
      "/dev/vfio/1 /dev/vfio/devices /dev/vfio/vfio\n");
  // A write() of the program's own, and one of libc's that nobody can stand before.
  EXPECT_EQ(run("-- dash -c 'echo nonsense > /sys/kernel/iommu_groups/1/type'").status, 1);
  expect_out(
      "-- bash -c 'cd /; echo vfio-pci > /sys/bus/pci/devices/{edu}/driver_override; "
      "echo {edu} > /sys/bus/pci/drivers_probe; echo /dev/vfio/*'",
      "/dev/vfio/1 /dev/vfio/devices /dev/vfio/vfio\n");
  const command_result refused =
      run("-- bash -c 'echo nonsense > /sys/kernel/iommu_groups/1/type'");
  EXPECT_TRUE(refused.err.starts_with("iommulab: /sys/kernel/iommu_groups/1/type: "))
      << refused.err;
}

TEST_F(serve, folders_of_the_systems_can_be_gone_into) {
  expect_out(
      "-- sh -c 'cd /sys/bus/pci/devices/{edu} && pwd && read vendor < vendor && "
      "echo vfio-pci > driver_override && read driver < driver_override && "
      "echo $vendor $driver && cd / && pwd'",
      "/sys/bus/pci/devices/" + std::string(edu) + "\n0x1234 vfio-pci\n/\n");
}

TEST_F(serve, the_hosts_files_stay_the_hosts) {
  expect_out(
      "-- sh -c 'test -e /sys/devices/system/cpu/cpu0 && cat script | head -c 2; test -c "
      "/dev/null && echo'",
      "cd\n");
  EXPECT_NE(run("-- cat /sys/bus/pci/devices/0000:7f:1f.7/vendor").status, 0);
}

// ---- The end, and what cannot be

TEST_F(serve, the_programs_status_is_its_own) {
  EXPECT_EQ(run("-- sh -c 'exit 7'").status, 7);
  EXPECT_EQ(run("-- sh -c 'kill -TERM $$'").status, 128 + 15);
  EXPECT_EQ(run("-- true").status, 0);
}

TEST_F(serve, nothing_is_left_behind) {
  expect_out("--bind {edu} -- ls /dev/vfio", "1\ndevices\nvfio\n");
  EXPECT_EQ(run_line("sh -c 'TMPDIR=$PWD " + std::string(IOMMULAB_PROGRAM) +
                     " serve -- ls /dev/vfio >ls; ls -d iommulab-serve-*'")
                .out,
            "");
}

TEST_F(serve, what_cannot_be_is_refused_before_the_program_begins) {
  expect_refusal(run("-- no-such-program"), "no-such-program: command not found");
  expect_refusal_with(run("--bind 0000:7f:1f.7 -- echo began"),
                      "--bind: 0000:7f:1f.7: the machine has no such function");
  expect_refusal_with(run("--bind 0000:00:00.0 --machine nothing -- echo began"), "nothing");
  expect_refusal_with(run("--kernel v9 -- echo began"), "v9");
  expect_refusal_with(run("--kernel v6_1 -- echo began"), "VFIO");
  expect_refusal_with(run("--trace=nonsense -- echo began"), "nonsense");
  expect_refusal_with(run("--trace --trace-to /nowhere/told -- echo began"),
                      "--trace-to: /nowhere/told: No such file or directory");
  expect_refusal_with(run("--container other -- echo began"), "--container");
  expect_refusal_with(run("--bind {edu} --cmdline intel_iommu=off -- echo began"),
                      "--bind: vfio-pci does not take 0000:00:04.0");
  expect_refusal_with(run(""), "PROGRAM");
}

TEST_F(serve, a_program_that_takes_no_library_is_refused) {
  std::ofstream(folder_ + "/static.c") << "int main(void) { return 0; }\n";
  ASSERT_EQ(run_line("cc -static -o static static.c").status, 0);
  expect_refusal(run("-- ./static"), "./static: it is statically linked, and takes no library");
  ASSERT_EQ(run_line("sh -c 'cp /bin/true own && chmod u+s own'").status, 0);
  expect_refusal(run("-- ./own"),
                 "./own: it runs with rights of its own (setuid), and takes no library from its "
                 "caller");
}

}  // namespace
}  // namespace iommulab::serve_test
