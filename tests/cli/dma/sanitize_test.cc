// SPDX-License-Identifier: GPL-2.0-only
//
// What the command finds in scripts that misuse the DMA API. The sentences are those of Linux v4.4
// lib/dma-debug.c.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "cli/dma/dma_command.h"
#include "support/command.h"
#include "support/files.h"

namespace iommulab::dma_sanitize_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

command_result run(const std::string& script, bool sanitize, const std::string& kernel = "",
                   const std::string& command_line = "") {
  dma_arguments a;
  a.script = temporary("sanitize.dma", script);
  a.sanitize = sanitize;
  a.kernels = {kernel};
  if (!command_line.empty()) a.command_lines = {command_line};
  return run_command(run_dma_command, a);
}

/// The paragraphs of the findings, each in one line.
std::vector<std::string> findings(const command_result& result) {
  std::vector<std::string> found;
  const size_t at = result.out.find("\nDMA API: ");
  if (at == std::string::npos) return found;
  const std::vector<std::string> lines = absl::StrSplit(result.out.substr(at + 1), '\n');
  for (const std::string& line : lines) {
    if (line.starts_with("line ") || line.starts_with("at the end")) found.push_back(line);
    if (line.starts_with("  ")) found.back() += line.substr(1);
    if (line.starts_with("One of")) found.back() += "/" + line;
  }
  return found;
}

constexpr const char* device = "pci 0000:00:04.0: DMA-API: device driver ";

constexpr const char* two_devices = "# dev 0 0000:00:04.0\n# dev 1 0000:00:05.0\n";

constexpr const char* double_unmap =
    "# double unmap inside the deferred window, then the flush, then new mappings\n"
    "map 1 0 0 0 0x1000 1\n"
    "unmapa 0 0xfffff000 0x1000 1\n"
    "unmapa 0 0xfffff000 0x1000 1\n"
    "wait 20\n"
    "map 2 0 0 0x1000 0x1000 1\n"
    "map 3 0 0 0x2000 0x1000 1\n"
    "unmap 2\n"
    "unmap 3\n"
    "wait 20\n";

TEST(double_unmap_in_the_deferred_window, is_told_without_being_asked) {
  for (const char* kernel : {"v4_4", "v4_4_178"}) {
    const command_result result = run(double_unmap, false, kernel);
    EXPECT_EQ(result.status, 1) << kernel;
    EXPECT_EQ(result.err, "");
    EXPECT_THAT(result.out,
                HasSubstr("  k: [    0.000000] iommulab: unmapped_twice: add_unmap() of "
                          "a range that waits already: Linux 4.4 frees it twice; here: "
                          "frees it once (pages 0xfffff to 0xfffff)\n"));
    EXPECT_THAT(result.out, HasSubstr("\nline 4: unmapped_twice: "));
    EXPECT_THAT(result.out, Not(HasSubstr("DMA-API")));
  }
}

TEST(double_unmap_in_the_deferred_window, is_an_error_of_the_sanitizer) {
  const command_result result = run(double_unmap, true);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(
      findings(result),
      ElementsAre(std::string("line 4: ") + device +
                  "tries to free DMA memory it has not allocated [device "
                  "address=0x00000000fffff000] [size=4096 bytes] mapped in line 2, unmapped "
                  "in line 3"));
  EXPECT_THAT(result.out,
              HasSubstr(std::string("  k: [    0.000000] ") + device + "tries to free"));
}

TEST(double_unmap, is_found_after_the_flush_and_with_strict_as_well) {
  const std::string script =
      "map 1 0 0 0 0x1000 1\nunmap 1\nwait 100\nunmap 1\nmap 2 0 0 0 0x1000 1\nunmap 2\n";
  for (const char* command_line : {"intel_iommu=on", "intel_iommu=on,strict", "intel_iommu=off",
                                   "intel_iommu=on iommu=pt", "swiotlb=force"}) {
    const command_result result = run(script, true, "", command_line);
    EXPECT_EQ(result.status, 1) << command_line;
    const std::vector<std::string> found = findings(result);
    ASSERT_EQ(found.size(), 1u) << command_line;
    EXPECT_THAT(found[0], HasSubstr("tries to free DMA memory it has not allocated"));
    EXPECT_THAT(found[0], HasSubstr("mapped in line 1, unmapped in line 2")) << command_line;
  }
}

TEST(sanitized_script, that_uses_the_api_properly_is_good) {
  const std::string script =
      "map 1 0 0 0 0x1000 1\nmapp 2 0 0 0x2000 0x1000 2\nsg 3 0 0 0:4000:1000 0:5000:1000\n"
      "alloc 4 0 0x2000\npool 1 0 64 64 0\npget 5 1\nforcpu 2 0 0x800 2\nfordev 1 0x800 0x800 1\n"
      "sgforcpu 3 0\nsgfordev 3 0\npput 5\npdel 1\nfree 4\nunsg 3\nunmap 2\nunmap 1\n"
      "map 1 0 0 0 0x1000 1\nunmap 1\n";
  for (const char* command_line : {"intel_iommu=on", "intel_iommu=off", "swiotlb=force"}) {
    const command_result result = run(script, true, "", command_line);
    EXPECT_EQ(result.status, 0) << result.out;
    EXPECT_THAT(result.out, HasSubstr("\nDMA API: 0 errors\n"));
  }
}

TEST(sanitized_script, names_wrong_sizes_directions_and_functions) {
  const command_result result =
      run("map 1 0 0 0 0x3000 1\nunmapw 1 0x1000\n"
          "map 2 0 0 0 0x1000 1\nunmapdir 2 2\n"
          "map 3 0 0 0 0x1000 1\nunmapas 3 page\n"
          "mapp 4 0 0 0 0x1000 1\nunmapas 4 sg\n"
          "alloc 5 0 0x1000\nunmapas 5 single\n"
          "mapu 6 0 0 0 0x1000 1\nunmap 6\n",
          true, "", "intel_iommu=on");
  EXPECT_EQ(result.status, 1);
  const std::string about = std::string(": ") + device;
  EXPECT_THAT(
      findings(result),
      ElementsAre(
          "line 2" + about +
              "frees DMA memory with different size [device address=0x00000000ffffc000] [map "
              "size=12288 bytes] [unmap size=4096 bytes] mapped in line 1",
          "line 4" + about +
              "frees DMA memory with different direction [device address=0x00000000ffffb000] "
              "[size=4096 bytes] [mapped with DMA_TO_DEVICE] [unmapped with DMA_FROM_DEVICE] "
              "mapped "
              "in line 3",
          "line 6" + about +
              "frees DMA memory with wrong function [device address=0x00000000ffffa000] [size=4096 "
              "bytes] [mapped as single] [unmapped as page] mapped in line 5",
          "line 8" + about +
              "frees DMA memory with wrong function [device address=0x00000000ffff9000] [size=4096 "
              "bytes] [mapped as page] [unmapped as scather-gather] mapped in line 7",
          "line 8" + about +
              "frees DMA sg list with different entry count [map count=0] [unmap count=1] mapped "
              "in "
              "line 7",
          "line 10" + about +
              "frees DMA memory with wrong function [device address=0x00000000ffff8000] [size=4096 "
              "bytes] [mapped as coherent] [unmapped as single] mapped in line 9",
          "line 12" + about +
              "failed to check map error[device address=0x00000000ffff7000] [size=4096 bytes] "
              "[mapped as single] mapped in line 11"));
}

TEST(sanitized_script, names_what_stays_mapped_at_its_end) {
  const command_result result =
      run(std::string(two_devices) +
              "map 1 0 0 0 0x1000 1\nmap 2 0 0 0x1000 0x2000 2\nunmap 1\nalloc 3 1 0x1000\n",
          true);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(
      findings(result),
      ElementsAre(
          std::string("at the end: ") + device +
              "has pending DMA allocations while released from device [count=1]/One of leaked "
              "entries details: [device address=0x00000000ffffc000] [size=8192 bytes] [mapped with "
              "DMA_FROM_DEVICE] [mapped as single] mapped and never unmapped: line 4 0xffffc000",
          "at the end: pci 0000:00:05.0: DMA-API: device driver has pending DMA allocations while "
          "released from device [count=1]/One of leaked entries details: [device "
          "address=0x00000000fffff000] [size=4096 bytes] [mapped with DMA_BIDIRECTIONAL] [mapped "
          "as "
          "coherent] mapped and never unmapped: line 6 0xfffff000"));
  EXPECT_THAT(result.out, HasSubstr("  k: [    0.000000] One of leaked entries details: "));
}

TEST(sanitized_script, names_a_handle_that_is_used_twice) {
  const std::string script =
      "map 1 0 0 0 0x1000 1\nmap 1 0 0 0x2000 0x1000 1\nunmap 1\nunmapa 0 0xfffff000 0x1000 1\n";
  const command_result result = run(script, true);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(findings(result),
              ElementsAre("line 2: pci 0000:00:04.0: handle 1 is used for another mapping, and "
                          "0xfffff000, 4096 bytes, is mapped still mapped in line 1"));
  EXPECT_EQ(run("map 1 0 0 0 0x1000 1\nunmap 1\nmap 1 0 0 0 0x1000 1\nunmap 1\n", true, "",
                "intel_iommu=off")
                .status,
            0)
      << "the handle was free again, though the address is the same";
}

TEST(sanitized_script, names_handing_over_outside_a_mapping_and_in_the_wrong_direction) {
  const command_result result =
      run("map 1 0 0 0 0x1000 2\nforcpu 1 0x800 0x801 2\nfordev 1 0 0x1000 1\nunmap 1\n"
          "fordev 1 0 0x1000 2\n",
          true);
  EXPECT_EQ(result.status, 1);
  const std::string about = std::string(": ") + device;
  EXPECT_THAT(
      findings(result),
      ElementsAre("line 2" + about +
                      "tries to sync DMA memory it has not allocated [device "
                      "address=0x00000000fffff000] [size=4097 bytes]",
                  "line 3" + about +
                      "syncs DMA memory with different direction [device "
                      "address=0x00000000fffff000] [size=4096 bytes] [mapped with DMA_FROM_DEVICE] "
                      "[synced with DMA_TO_DEVICE] mapped in line 1",
                  "line 3" + about +
                      "syncs device write-only DMA memory to device [device "
                      "address=0x00000000fffff000] [size=4096 bytes] [mapped with DMA_FROM_DEVICE] "
                      "[synced with DMA_TO_DEVICE] mapped in line 1",
                  "line 5" + about +
                      "tries to sync DMA memory it has not allocated [device "
                      "address=0x00000000fffff000] [size=4096 bytes]"));
}

TEST(sanitized_script, names_mappings_that_overlap) {
  const command_result result =
      run(std::string(two_devices) +
              "# arena 0 phys=0x10000000 size=0x400000\n"
              "map 1 0 0 0x4000 0x1000 0\nmap 2 1 0 0x4800 0x1000 2\nmap 3 0 0 0x4000 0x1000 1\n"
              "unmap 1\nunmap 2\nunmap 3\n",
          true);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(
      findings(result),
      ElementsAre("line 5: pci 0000:00:05.0: DMA-API: cacheline tracking EEXIST, overlapping "
                  "mappings aren't supported 0x10004800, 4096 bytes, lies in an active "
                  "mapping of line 4 of 0x10004000, 4096 bytes; Linux 4.4 says nothing of "
                  "the first 7"));
}

TEST(sanitized_script, still_agrees_with_a_recording_of_a_kernel_without_the_checks) {
  const std::string recorded =
      "map 1 0 0 0 0x1000 1 -> phys=0x3f800000 dma=0xfffff000 err=0 ; ls=0 tm=0 t=0 dt=0\n"
      "unmapw 1 0x800 -> dev=0 dma=0xfffff000 size=0x800 dir=1 ; ls=1 tm=1 t=0 dt=0\n";
  const command_result result = run(recorded, true);
  EXPECT_THAT(result.out, HasSubstr("2 compared with what the script says: equal"));
  EXPECT_EQ(findings(result).size(), 1u);
  EXPECT_EQ(result.status, 1);
}

TEST(sanitized_script, comes_to_what_the_readme_shows) {
  const std::string folder = IOMMULAB_SOURCE_DIR "/cli/dma/";
  dma_arguments a;
  a.script = folder + "examples/double_unmap.dma";
  a.sanitize = true;
  const command_result result = run_command(run_dma_command, a);
  EXPECT_EQ(result.status, 1);
  const size_t shown = result.out.find("\n1 place in which");
  ASSERT_NE(shown, std::string::npos) << result.out;
  EXPECT_THAT(content_of(folder + "README.md"),
              HasSubstr("```" + result.out.substr(shown) + "```"));
}

TEST(script_that_harms_linux, frees_pages_twice) {
  const command_result result =
      run("alloc 1 0 0x1000\nfree 1\nfree 1\n", false, "", "intel_iommu=off");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("\nline 3: double_free: "));
}

TEST(script_that_harms_linux, is_a_finding_unless_a_kernel_came_through_it) {
  const std::string unmap = "unmapa 0 0x1000 0x1000 1";
  const command_result result = run(unmap + "\n", false);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("line 1: unmap_without_domain: "));
  EXPECT_EQ(run("map 1 0 0 0 0x1000 1\nunmap 1\n", false).status, 0);
  EXPECT_THAT(run("map 1 0 0 0 0x1000 1\nunmap 1\n", false).out, Not(HasSubstr("unharmed")));
  const std::string recorded = "# dmalab jiffies=4294892822 HZ=250\n" + unmap +
                               " -> dma=0x1000 ; ls=0 tm=0 t=0 dt=0\n"
                               "  k: [    1.000000] ------------[ cut here ]------------\n"
                               "  k: [    1.000000] Driver unmaps unmatched page at PFN 1000\n"
                               "  k: [    1.000000] ---[ end trace ]---\n# end ops=1\n";
  const command_result survived = run(recorded, false);
  EXPECT_EQ(survived.status, 0) << survived.out;
  EXPECT_THAT(survived.out, HasSubstr("line 2: unmap_without_domain: "));
}

}  // namespace
}  // namespace iommulab::dma_sanitize_test
