// SPDX-License-Identifier: GPL-2.0-only
//
// Lines of the driver that are no faults: which are explained, which are routine, and that every
// row of the table can be reached.
#include "cli/fault/lines/driver_notes.h"

#include <set>
#include <string>

#include "cli/fault/lines/driver_note_table.h"
#include "cli/fault/lines/explain.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace iommulab::driver_notes_test {
namespace {

using ::testing::HasSubstr;

struct noted_line {
  const char* line;
  const char* meaning;  ///< words that its explanation has
};

TEST(driver_notes, lines_that_people_ask_about_are_explained) {
  const noted_line lines[] = {
      {"[    0.5] pci 0000:00:1f.0: failed to allocate default IOMMU domain of type 4; falling "
       "back "
       "to IOMMU_DOMAIN_DMA",
       "pass-through"},
      {"[    0.5] iommu: Failed to allocate default IOMMU domain of type 11 for group (null) - "
       "Falling back to IOMMU_DOMAIN_DMA",
       "11 DMA with lazy flush"},
      {"qemu-system-x86_64: -device vfio-pci,host=0000:03:10.2,id=hostdev0: VFIO_MAP_DMA failed: "
       "Cannot allocate memory",
       "locked memory"},
      {"qemu-system-x86_64: VFIO_MAP_DMA failed: Invalid argument", "EINVAL"},
      {"qemu-system-x86_64: VFIO_MAP_DMA: -12", "ENOMEM"},
      {"qemu-system-x86_64: vfio_dma_map(0x55de3c2a97f0, 0x40000000, 0x80000000, 0x7f00) = -22 "
       "(Invalid argument)",
       "errno"},
      {"vfio-pci 0000:03:00.0: Device is ineligible for IOMMU domain attach due to platform RMRR "
       "requirement.  Contact your platform vendor.",
       "RMRR"},
      {"DMAR: Failed to find handle for ACPI object \\_SB.PCI0.LPCB.GPIO", "ACPI device"},
      {"pci 0000:00:00.0: DMAR: Disabling IOMMU for graphics on this chipset", "graphics"},
      {"DMAR: BIOS has allocated no shadow GTT; disabling IOMMU for graphics", "shadow table"},
      {"x2apic: IRQ remapping doesn't support X2APIC mode", "255 processors"},
      {"DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks.",
       "any interrupt"},
      {"DMAR: ERROR: DMA PTE for vPFN 0xfffff already set (to 1000003 not 2000003)",
       "given out "
       "twice"},
      {"DMAR: [Firmware Bug]: Your BIOS is broken; DMAR reported at address fed90000 returns all "
       "ones!",
       "nothing answers"},
      {"DMAR: [Firmware Bug]: Your BIOS is broken; bad RMRR "
       "[0x00000000bdc00000-0x00000000bfffffff]",
       "page aligned"},
      {"vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "
       "\"allow_unsafe_interrupts\" to enable VFIO IOMMU support on this platform",
       "VFIO refuses"},
      {"vfio: error, group 12 is not viable, please ensure all devices within the iommu_group are "
       "bound to their vfio bus driver.",
       "all of a group"},
  };
  for (const noted_line& noted : lines) {
    SCOPED_TRACE(noted.line);
    const auto parsed = parse_fault_line(noted.line);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    ASSERT_TRUE(*parsed);
    const fault_explanation e = explain(**parsed);
    EXPECT_TRUE(e.known);
    EXPECT_THAT(e.found, HasSubstr(noted.meaning));
    EXPECT_NE(e.printed_by, "");
  }
}

// Releases begin the line with a capital letter or not, and what is shown is a whole word.
TEST(driver_notes, titles_are_words_and_not_what_is_searched_for) {
  const auto title = [](const char* line) {
    const auto parsed = parse_fault_line(line);
    return parsed.ok() && *parsed ? note_title(**parsed) : std::string("nothing");
  };
  const char* pass_through = "Failed to allocate default IOMMU domain of type 4";
  EXPECT_EQ(title("DMAR: failed to allocate default IOMMU domain of type 4; falling back to "
                  "IOMMU_DOMAIN_DMA"),
            pass_through);
  EXPECT_EQ(title("iommu: Failed to allocate default IOMMU domain of type 4 for group (null)"),
            pass_through);
  EXPECT_EQ(title("qemu: vfio_dma_map(0x1, 0x2, 0x3, 0x4) = -14 (Bad address)"), "vfio_dma_map(…)");
  EXPECT_EQ(title("qemu: VFIO_MAP_DMA: -5"), "VFIO_MAP_DMA");
  for (const auto rows : {firmware_notes(), driver_notes()}) {
    for (const driver_note& row : rows) {
      fault_line found;
      found.subject = row.words;
      const std::string shown = note_title(found);
      EXPECT_EQ(shown.find_last_of("=:-[ ") == shown.size() - 1, false) << shown;
    }
  }
}

TEST(driver_notes, routine_lines_are_no_finding_and_unknown_ones_are) {
  for (const char* routine :
       {"DMAR: IOMMU enabled", "DMAR: Host address width 39",
        "DMAR: Setting RMRR:", "DMAR: dmar0: Using Register based invalidation",
        "DMAR: No ATSR found", "DMAR: Hardware identity mapping for device 0000:00:1f.0",
        "DMAR: Intel-IOMMU force enabled due to platform opt in",
        "DMAR-IR: Enabled IRQ remapping in x2apic mode",
        "ACPI DMAR:DRHD (flags: 0x00000001)base: 0x00000000fed93000",
        "DMAR: DRHD base: 0x000000fed90000 flags: 0x0",
        "DMAR: Intel(R) Virtualization Technology for Directed I/O",
        "[    0.1] DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap c0000020660462 ecap f0101a"}) {
    const auto parsed = parse_fault_line(routine);
    ASSERT_TRUE(parsed.ok());
    EXPECT_FALSE(*parsed) << routine;
    EXPECT_TRUE(is_routine_of_the_driver(routine)) << routine;
  }
  const auto unknown = parse_fault_line("[    0.1] DMAR: dmar3: nobody ever said this");
  ASSERT_TRUE(unknown.ok() && *unknown);
  EXPECT_EQ((*unknown)->kind, fault_kind::unexplained);
  EXPECT_EQ((*unknown)->subject, "DMAR: dmar3: nobody ever said this");
  // Others may say such things of their own.
  for (const char* other : {"mlx5_core: Initialization failed", "Subject: Re: DMAR: what is this?",
                            "somebody: Failed to allocate page request queue"}) {
    const auto parsed = parse_fault_line(other);
    ASSERT_TRUE(parsed.ok());
    EXPECT_FALSE(*parsed) << other;
  }
}

/// A row that another one in front of it catches would never be shown.
TEST(driver_notes, every_row_is_reached_by_its_own_words) {
  std::set<std::string_view> seen;
  for (const auto rows : {firmware_notes(), driver_notes()}) {
    for (const driver_note& row : rows) {
      EXPECT_TRUE(seen.insert(row.words).second) << row.words << ": twice";
      std::string line = "DMAR: ";
      for (const char c : row.words) line += c == '*' ? std::string(" x ") : std::string(1, c);
      const auto parsed = parse_driver_note(line);
      ASSERT_TRUE(parsed) << line;
      EXPECT_EQ(parsed->subject, row.words);
      EXPECT_EQ(parsed->kind, row.kind);
      EXPECT_NE(row.meaning, "");
      EXPECT_NE(row.printed_by, "");
    }
  }
}

TEST(driver_notes, a_region_is_taken_out_of_the_line) {
  const auto parsed = parse_driver_note(
      "DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR "
      "[0x00000000bb800000-0x00000000bbffffff], contact BIOS vendor for fixes");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->region, (named_region{0xbb800000, 0xbbffffff}));
  EXPECT_FALSE(lacks_region(*parsed));
  const auto broken =
      parse_driver_note("DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR [");
  ASSERT_TRUE(broken);
  EXPECT_TRUE(lacks_region(*broken));
}

}  // namespace
}  // namespace iommulab::driver_notes_test
