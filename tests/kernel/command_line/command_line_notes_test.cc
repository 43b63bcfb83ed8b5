// SPDX-License-Identifier: GPL-2.0-only
//
// Which words of a command line are named, and why. What a kernel reads is Linux v4.4's
// drivers/iommu/intel-iommu.c: intel_iommu_setup(), arch/x86/kernel/pci-dma.c: iommu_setup(),
// lib/swiotlb.c, arch/x86/kernel/acpi/boot.c: parse_acpi() and Documentation/kernel-parameters.txt.
#include "kernel/command_line/command_line_notes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "kernel/catalogue.h"

namespace iommulab::command_line_notes_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using finding = command_line_finding;

std::vector<command_line_note> notes(const std::string& line) {
  return find_kernel_profile("v4_4")->notes_on(line);
}

std::vector<finding> findings(const std::string& line) {
  std::vector<finding> ids;
  for (const command_line_note& n : notes(line)) ids.push_back(n.id);
  return ids;
}

size_t errors(const std::string& line) {
  size_t count = 0;
  for (const command_line_note& n : notes(line)) count += n.severity == diagnosis_severity::error;
  return count;
}

TEST(command_line_notes, words_that_act_and_words_of_other_matters_are_not_named) {
  for (const char* line :
       {"", "intel_iommu=on", "intel_iommu=off", "iommu=off", "intel_iommu=off intel_iommu=on",
        "intel_iommu=on,strict,sp_off,igfx_off,forcedac", "intel_iommu=on iommu=pt",
        "intel_iommu=on iommu=nodac,allowdac,forcesac", "intel_iommu=on swiotlb=4096",
        "intel_iommu=on swiotlb=0x1000,", "intel_iommu=on swiotlb=", "intel_iommu=on intremap=off",
        "nointremap", "acpi=force",
        "intel_iommu=on quiet splash ro root=/dev/sda1 console=ttyS0,115200 crashkernel=128M "
        "apic=debug panic=-1 nmi_watchdog=0 intel_idle.max_cstate=1 mce=off pcie_aspm=off nosmt"}) {
    EXPECT_THAT(notes(line), IsEmpty()) << line << ": " << notes(line).front().sentence;
  }
}

struct named_word {
  const char* line;
  finding id;
  const char* part;  ///< of the sentence
  bool error = false;
};

class a_word : public testing::TestWithParam<named_word> {};

TEST_P(a_word, is_named_once_with_its_reason) {
  const named_word& w = GetParam();
  const auto all = notes(w.line);
  ASSERT_EQ(all.size(), 1u) << w.line << (all.empty() ? "" : all.back().sentence);
  EXPECT_EQ(name(all[0].id), name(w.id)) << w.line;
  EXPECT_THAT(all[0].sentence, HasSubstr(w.part)) << w.line;
  EXPECT_EQ(all[0].severity == diagnosis_severity::error, w.error) << w.line;
}

INSTANTIATE_TEST_SUITE_P(
    words, a_word,
    testing::Values(
        // A value that leaves remapping off.
        named_word{"intel_iommu=1", finding::unknown_value, "intel_iommu=1: no value", true},
        named_word{"intel_iommu=ON", finding::unknown_value, "is on meant?", true},
        named_word{"intel_iommu=yes", finding::unknown_value, "intel_iommu=on", true},
        named_word{"intel_iommu", finding::unknown_value, "has no value", true},
        named_word{"intel_iommu = on", finding::unknown_value, "blanks", true},
        named_word{"intel_iommu=sm_on", finding::other_kernel, "from Linux 5.0 on", true},
        named_word{"intel_iomu=on", finding::misspelt, "is intel_iommu meant?", true},
        named_word{"INTEL_IOMMU=on", finding::misspelt, "is intel_iommu meant?", true},
        named_word{"intel_iomum=on", finding::misspelt, "is intel_iommu meant?", true},
        // One that does not.
        named_word{"intel_iommu=onn", finding::counts_as, "counts as on"},
        named_word{"intel_iommu=on,iommu=pt", finding::unknown_value, "a parameter of its own"},
        named_word{"intel_iommu=on,strictly", finding::counts_as, "counts as strict"},
        named_word{"intel_iommu=on,stric", finding::unknown_value, "is strict meant?"},
        named_word{"intel_iommu=on,sm_on", finding::other_kernel, "from Linux 5.0 on"},
        named_word{"intel_iommu=on,tboot_noforce", finding::other_kernel, "tboot"},
        named_word{"intel_iommu=on intel_iommu=nobounce", finding::other_kernel, "nobounce"},
        named_word{"intel_iommu=off,1", finding::unknown_value, "intel_iommu=1"},
        named_word{"iommu=off intel_iommu=1", finding::unknown_value, "intel_iommu=1"},
        named_word{"intel_iommu=on sm_on", finding::unknown_parameter, "a word of intel_iommu="},
        named_word{"intel_iommu=on igfx_off", finding::unknown_parameter, "intel_iommu=on,igfx"},
        // iommu=, swiotlb=, acpi=.
        named_word{"iommu=on", finding::unknown_value, "switched on by intel_iommu=on"},
        named_word{"iommu=pt", finding::remapping_off, "iommu=pt: it says how"},
        named_word{"intel_iommu=igfx_off", finding::remapping_off, "igfx_off"},
        named_word{"intel_iommu=on iommu=soft", finding::bounce_buffers, "detect_intel_iommu()"},
        named_word{"intel_iommu=on swiotlb=force", finding::bounce_buffers, "whatever intel_iommu"},
        named_word{"intel_iommu=on iommu=soft iommu=pt", finding::bounce_buffers,
                   "ends its search"},
        named_word{"intel_iommu=on iommu=off", finding::taken_back, "on: taken back by iommu=off"},
        named_word{"iommu=off intel_iommu=on", finding::taken_back, "on: taken back by iommu=off"},
        named_word{"intel_iommu=on,off", finding::taken_back, "by intel_iommu=off, which stands"},
        named_word{"intel_iommu=on intel_iommu=off", finding::taken_back, "which stands behind"},
        // setup_io_tlb_npages() compares what stands behind the number as a whole.
        named_word{"intel_iommu=on swiotlb=65536,force", finding::bounce_buffers, "swiotlb=force:"},
        named_word{"intel_iommu=on swiotlb=force,65536", finding::unknown_value, "force,65536: no"},
        named_word{"intel_iommu=on swiotlb=64M", finding::unknown_value, "swiotlb=M: no value"},
        named_word{"swiotlb=noforce", finding::other_kernel, "from Linux 4.10 on"},
        named_word{"intel_iommu=on iommu=force", finding::no_effect, "GART"},
        named_word{"intel_iommu=on iommu=noforce", finding::no_effect, "iommu=noforce"},
        named_word{"intel_iommu=on iommu=nomerge", finding::no_effect, "iommu=nomerge"},
        named_word{"intel_iommu=on iommu=memaper=3", finding::no_effect, "iommu=memaper=3"},
        named_word{"intel_iommu=on acpi=off", finding::no_tables, "acpi=off"},
        named_word{"intel_iommu=on acpi=ht", finding::unknown_value, "acpi=ht"},
        named_word{"intel_iommu=on acpi=noirq", finding::not_modelled, "acpi=noirq"},
        // Other kernels, drivers, architectures.
        named_word{"iommu.passthrough=1", finding::other_kernel, "from Linux 5.4 on"},
        named_word{"iommu.strict=0", finding::other_kernel, "from Linux 5.14 on"},
        named_word{"iommu.forcedac=1", finding::other_kernel, "from Linux 5.13 on"},
        named_word{"amd_iommu=on", finding::other_driver, "AMD"},
        named_word{"amd_iommu_intr=legacy", finding::other_driver, "AMD"},
        named_word{"arm-smmu.disable_bypass=0", finding::other_driver, "ARM"},
        named_word{"arm-smmu-v3.disable_bypass=0", finding::other_driver, "ARM"},
        named_word{"pcie_acs_override=downstream,multifunction", finding::other_driver, "patch"},
        named_word{"pci=noats", finding::other_kernel, "from Linux 4.18 on"},
        named_word{"my_iommu=1", finding::unknown_parameter, "my_iommu=1"},
        // What this kernel reads, and the run does not.
        named_word{"pci=nommconf", finding::not_modelled, "pci=nommconf"},
        named_word{"pci=realloc", finding::not_modelled, "pci=realloc"},
        named_word{"pci=realloc=off", finding::not_modelled, "pci=realloc=off"},
        named_word{"pci=noacpi", finding::not_modelled, "pci=noacpi"},
        named_word{"mem=1G", finding::not_modelled, "memory"},
        named_word{"memmap=4K$1G", finding::not_modelled, "memory"},
        named_word{"noapic", finding::not_modelled, "noapic"},
        named_word{"nolapic", finding::not_modelled, "nolapic"},
        named_word{"intremap=nosid", finding::not_modelled, "intremap=nosid"},
        named_word{"vfio_iommu_type1.allow_unsafe_interrupts=1", finding::not_modelled, "vfio"}));

TEST(command_line_notes, each_word_of_a_list_is_looked_at_and_none_is_named_twice) {
  EXPECT_THAT(findings("pci=noats,nommconf pci=noats mem=1G mem=1G"),
              ElementsAre(finding::other_kernel, finding::not_modelled, finding::not_modelled));
}

TEST(command_line_notes, remapping_switched_off_on_purpose_is_no_error) {
  EXPECT_EQ(errors("intel_iommu=1"), 1u);
  EXPECT_EQ(errors("intel_iommu=1 intel_iommu=on"), 0u);
  EXPECT_EQ(errors("intel_iommu=1 intel_iommu=off"), 0u);
  EXPECT_EQ(errors("intel_iommu=1 iommu=off"), 0u);
}

TEST(command_line_notes, can_be_printed_whatever_stands_in_the_line) {
  const auto all = notes("intel_iommu=\x1b[2J\xff" + std::string(500, 'x'));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_LT(all[0].sentence.size(), 250u);
  for (const char c : all[0].sentence) EXPECT_TRUE(c >= ' ' && c < 0x7f) << int{c};
}

// A kernel that is late enough reads what only later ones than 4.4 read.
TEST(command_line_notes, what_is_another_kernels_depends_on_the_release) {
  const command_line_table nothing = {};
  const auto id = [&](const char* release) {
    return notes_on_command_line("iommu.strict=1", {release, &nothing, true}).at(0).id;
  };
  EXPECT_EQ(id("4.4.178"), finding::other_kernel);
  EXPECT_EQ(id("5.13"), finding::other_kernel);
  EXPECT_EQ(id("5.14"), finding::not_modelled);
  EXPECT_EQ(id("6.12"), finding::not_modelled);
}

TEST(command_line_notes, foreign_words_have_their_source_and_no_row_twice) {
  std::set<std::string> rows;
  for (const foreign_word& w : foreign_words()) {
    EXPECT_FALSE(w.what.empty());
    EXPECT_FALSE(w.source.empty());
    EXPECT_TRUE(rows.insert(std::string(w.parameter) + "=" + std::string(w.value)).second);
  }
}

}  // namespace
}  // namespace iommulab::command_line_notes_test
