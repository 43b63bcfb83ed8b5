// SPDX-License-Identifier: GPL-2.0-only
//
// Reading clients' scripts, and words that nothing can be done with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "kernel/catalogue.h"
#include "lab/clients/client_session.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

using ::testing::HasSubstr;

std::string complaint(const std::string& text) {
  const auto script = read_client_script({"s.vfio", text});
  return script.ok() ? "none" : std::string(script.status().message());
}

TEST(client_script, has_operations_and_options) {
  const auto script = read_client_script(
      {"s", "# remark\n#! unsafe=0 drv=e1000e cmdline=iommu=pt,,quiet\n\n  locked \nnote a b\n"});
  ASSERT_TRUE(script.ok()) << script.status();
  ASSERT_EQ(script->operations.size(), 2u);
  EXPECT_EQ(script->operations[0].line, 4u);
  EXPECT_EQ(script->operations[0].text, "locked");
  EXPECT_EQ(script->operations[1].words, (std::vector<std::string>{"note", "a", "b"}));
  EXPECT_EQ(script->unsafe_interrupts, false);
  EXPECT_EQ(script->command_line, "iommu=pt quiet");
}

TEST(client_script, names_file_and_line_of_what_does_not_read) {
  EXPECT_EQ(complaint("locked\nmop i\n"),
            "s.vfio: line 2: operation is \"mop\": no operation of this name");
  EXPECT_EQ(complaint("#! unsafe=2\nlocked\n"), "s.vfio: line 1: unsafe is \"2\": neither 0 nor 1");
  EXPECT_THAT(complaint("#! color=red\nlocked\n"), HasSubstr("line 1: option is \"color=red\""));
  EXPECT_THAT(complaint("# nothing\n"), HasSubstr("it has no operation"));
  EXPECT_EQ(complaint("locked\nunmap c iova=0x100000 size=0"),
            "s.vfio: line 2: last line is \"unmap c iova=0x100000 size=0\": the file is cut short: "
            "the line does not end");
}

/// What running the operations says, and how many were done.
std::string refusal(const std::string& text) {
  client_request request;
  request.kernel = find_kernel_profile("v6_12");
  request.machine = *builtin_machine("q35");
  request.command_line = "intel_iommu=on";
  request.script = *read_client_script({"s.vfio", text});
  const auto session = run_client(std::move(request));
  return session.ok() ? "none" : std::string(session.status().message());
}

TEST(client_session, refuses_operands_before_anything_is_done) {
  EXPECT_THAT(refusal("iopen i\nioas i\n"),
              HasSubstr("s.vfio: line 2: ioas: \"ioas i\": 1 operand"));
  EXPECT_THAT(refusal("iopen i\nioas i A colour=1\n"), HasSubstr("no such operand"));
  EXPECT_THAT(refusal("close q\n"), HasSubstr("line 1: close: \"q\": neither a number nor a name"));
  EXPECT_THAT(refusal("mem m 0x1001\n"), HasSubstr("no size of whole pages"));
  EXPECT_THAT(refusal("mem m 0x1000 soft\n"), HasSubstr("\"soft\": no kind of memory"));
  EXPECT_THAT(refusal("iopen i\nraw i 0x3b80 123\n"), HasSubstr("not pairs of hexadecimal digits"));
  EXPECT_THAT(refusal("iopen i\nallow i 1 5\n"), HasSubstr("not a range first-last"));
  EXPECT_THAT(refusal("cat /etc/passwd\n"), HasSubstr("not below /sys/"));
  EXPECT_THAT(refusal("close 0x100000008\n"), HasSubstr("does not fit 32 bits"));
  EXPECT_THAT(refusal("iopen i\nioas i A flags=0 flags=1\n"), HasSubstr("it stands there twice"));
  EXPECT_THAT(refusal("mem m 0x1000\nmemfree m 0 0x2000\n"), HasSubstr("not within the memory"));
  EXPECT_THAT(refusal("cap 14\n"), HasSubstr("neither + nor -"));
  EXPECT_THAT(refusal("gdev v 3 " + std::string(300'000, 'x') + "\n"),
              HasSubstr("more than the program hands to a call"));
}

TEST(client_session, closes_what_the_program_left_open) {
  client_request request;
  request.kernel = find_kernel_profile("v6_12");
  request.machine = *builtin_machine("q35");
  request.command_line = "intel_iommu=on";
  request.modules.allow_unsafe_interrupts = true;
  request.script = *read_client_script({"s", R"(dev d0 0000:00:04.0
bind d0 vfio-pci
mem m0 0x10000
iopen i
ioas i A
cdev v d0
vbind v i D
attach v A H
imap i A iova=0x100000 va=m0 len=0x10000
locked
)"});
  const auto session = run_client(std::move(request));
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ((*session)->steps[8].answer.result, "r=0 ok iova=0x100000");
  EXPECT_EQ((*session)->system->user_pages().pins(), 0u);
  EXPECT_EQ((*session)->system->user_pages().live(), 0u);
}

TEST(client_session, stops_where_a_kernel_would_wait_for_its_own_user) {
  for (const char* kernel : {"v6_12", "v4_4"}) {
    client_request request;
    request.kernel = find_kernel_profile(kernel);
    request.machine = *builtin_machine("q35");
    request.command_line = "intel_iommu=on";
    request.modules.allow_unsafe_interrupts = true;
    request.script = *read_client_script({"s", R"(dev d0 0000:00:04.0
bind d0 vfio-pci
copen c
gopen g d0
gset g c
setiommu c 3
gdev v g d0
unbind d0
close v
)"});
    const auto session = run_client(std::move(request));
    ASSERT_TRUE(session.ok()) << session.status();
    EXPECT_EQ((*session)->steps.size(), 7u) << kernel;
    EXPECT_EQ((*session)->stopped,
              "Kernel panic - not syncing: hung_task: blocked tasks: vfio-pci 0000:00:04.0: a user "
              "has it open")
        << kernel;
  }
}

TEST(client_session, a_transfer_of_no_device_is_a_bad_descriptor) {
  client_request request;
  request.kernel = find_kernel_profile("v6_12");
  request.machine = *builtin_machine("q35");
  request.command_line = "intel_iommu=on";
  request.script = *read_client_script({"s", "edu 3 1\n"});
  const auto session = run_client(std::move(request));
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ((*session)->steps[0].answer.result, "r=-1 EBADF");
}

// Nothing translates, so the function has no group, and vfio-pci refuses it. The driver core says
// so in the words of its release: of 4.4 there is a recording with another driver's ("ahci: probe
// of 0000:00:1f.2 failed with error -12"), of 6.12 with this one's.
TEST(client_session, logs_why_vfio_pci_refuses_a_function) {
  const std::pair<const char*, const char*> said[] = {
      {"v4_4", "vfio-pci: probe of 0000:00:04.0 failed with error -22"},
      {"v4_4_178", "vfio-pci: probe of 0000:00:04.0 failed with error -22"},
      {"v6_12", "vfio-pci 0000:00:04.0: probe with driver vfio-pci failed with error -22"},
  };
  for (const auto& [kernel, line] : said) {
    client_request request;
    request.kernel = find_kernel_profile(kernel);
    request.machine = *builtin_machine("q35");
    request.command_line = "intel_iommu=off";
    request.script = *read_client_script({"s", "dev d0 0000:00:04.0\nbind d0 vfio-pci\n"});
    const auto session = run_client(std::move(request));
    ASSERT_TRUE(session.ok()) << session.status();
    EXPECT_THAT((*session)->steps[1].answer.result, HasSubstr("driver=-")) << kernel;
    EXPECT_THAT((*session)->steps[1].log, testing::ElementsAre(line)) << kernel;
  }
}

TEST(client_session, of_a_kernel_without_vfio_is_refused) {
  client_request request;
  request.kernel = find_kernel_profile("v6_1");
  request.machine = *builtin_machine("q35");
  request.command_line = "intel_iommu=on";
  request.script = *read_client_script({"s", "locked\n"});
  const auto session = run_client(std::move(request));
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.status().message(), "kernel v6_1: VFIO is not ported");
}

}  // namespace
}  // namespace iommulab
