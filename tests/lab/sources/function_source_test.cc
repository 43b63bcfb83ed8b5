// SPDX-License-Identifier: GPL-2.0-only
//
// The table against the source tree, which is read here with means of its own, and against what the
// kernels' sources say.
#include "lab/sources/function_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "kernel/catalogue.h"
#include "lab/events/traced_functions.h"

namespace iommulab::function_source_test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_in(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> lines_of_file(const fs::path& path) {
  std::ifstream in(path);
  return lines_in(in);
}

const std::vector<std::string>& lines_of_source(const std::string& file) {
  static std::map<std::string, std::vector<std::string>> read;
  const auto [entry, is_new] = read.try_emplace(file);
  if (is_new) entry->second = lines_of_file(fs::path(IOMMULAB_SOURCE_DIR) / file);
  return entry->second;
}

bool is_comment(std::string_view line) {
  const size_t at = line.find_first_not_of(' ');
  return at != std::string_view::npos && line.substr(at).starts_with("//");
}

size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

std::string place_of(const function_source& source) {
  return absl::StrFormat("%s in %s:%d", source.name, source.file, source.first_line);
}

TEST(sources_of_functions, hold_exactly_their_lines_of_the_tree) {
  for (const function_source& source : all_sources()) {
    const auto& lines = lines_of_source(std::string(source.file));
    ASSERT_LE(1u, source.first_line) << place_of(source);
    ASSERT_LE(source.first_line, source.last_line) << place_of(source);
    ASSERT_LE(source.last_line, lines.size()) << place_of(source);
    const auto from = lines.begin() + static_cast<std::ptrdiff_t>(source.first_line) - 1;
    const auto to = lines.begin() + static_cast<std::ptrdiff_t>(source.last_line);
    EXPECT_EQ(source.text, absl::StrJoin(from, to, "\n")) << place_of(source);
  }
}

TEST(sources_of_functions, are_whole_definitions_with_their_comment) {
  for (const function_source& source : all_sources()) {
    std::istringstream text{std::string(source.text)};
    const std::vector<std::string> lines = lines_in(text);
    EXPECT_TRUE(is_comment(lines.front())) << place_of(source);
    if (source.first_line > 1) {
      const std::string& above = lines_of_source(std::string(source.file))[source.first_line - 2];
      EXPECT_FALSE(is_comment(above)) << place_of(source) << " begins in the middle of a comment";
    }
    // As the tree is formatted, the brace that ends a function stands below its head's first
    // letter, and no other line of the body does.
    const auto head = std::find_if_not(lines.begin(), lines.end(), is_comment);
    ASSERT_NE(head, lines.end()) << place_of(source);
    const std::string last = std::string(indent_of(*head), ' ') + "}";
    EXPECT_EQ(lines.back(), last) << place_of(source);
    EXPECT_EQ(std::find(head, lines.end(), last), lines.end() - 1) << place_of(source);
    EXPECT_NE(source.text.find(absl::StrFormat("\"%s\"", source.name)), std::string_view::npos)
        << place_of(source);
  }
}

TEST(sources_of_functions, are_there_for_every_scope_of_the_tree) {
  const std::regex scope(R"re((IOMMULAB_CALL|env\.call)\([^"]*"(\w+)")re");
  std::set<std::string> in_tree;
  for (const char* room : {"core", "iova", "intel", "dma", "vfio", "kernel"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(IOMMULAB_SOURCE_DIR) / room)) {
      const std::string ending = entry.path().extension().string();
      if (ending != ".cc" && ending != ".h") continue;
      std::vector<std::string> code = lines_of_file(entry.path());
      std::erase_if(code, is_comment);
      const std::string text = absl::StrJoin(code, "\n");
      for (std::sregex_iterator at(text.begin(), text.end(), scope), end; at != end; ++at) {
        in_tree.insert((*at)[2]);
      }
    }
  }
  EXPECT_GT(in_tree.size(), 250u);
  const auto traced = traced_functions();
  EXPECT_EQ(std::set<std::string>(traced.begin(), traced.end()), in_tree);
}

// What to do about a name in this list: say above the function where it comes from.
TEST(sources_of_functions, say_where_each_comes_from) {
  std::vector<std::string> silent;
  for (const function_source& source : all_sources()) {
    if (source.kernel_function.empty()) silent.push_back(place_of(source));
  }
  EXPECT_THAT(silent, ::testing::IsEmpty());
}

TEST(sources_of_functions, bear_the_name_that_the_kernel_gives_them) {
  const std::regex version(R"(v\d+(\.\d+)+)");
  const std::regex file(R"((arch/x86|drivers|include|kernel|lib|mm)/[\w./-]+\.[ch])");
  for (const function_source& source : all_sources()) {
    if (source.kernel_function.empty()) continue;  // named by the test above
    EXPECT_EQ(source.kernel_function, source.name) << place_of(source);
    EXPECT_TRUE(std::regex_match(std::string(source.kernel_version), version)) << place_of(source);
    EXPECT_TRUE(std::regex_match(std::string(source.kernel_file), file)) << place_of(source);
  }
}

/// Looked up in the sources of the kernels.
struct kernel_fact {
  const char* function;
  const char* file;
};
/// Of 4.4.1 and of 4.4.178 alike.
constexpr auto facts_of_4_4 = std::to_array<kernel_fact>({
    {"__alloc_and_insert_iova_range", "drivers/iommu/iova.c"},
    {"alloc_iova_mem", "drivers/iommu/iova.c"},
    {"detect_intel_iommu", "drivers/iommu/dmar.c"},
    {"qi_submit_sync", "drivers/iommu/dmar.c"},
    {"init_dmars", "drivers/iommu/intel-iommu.c"},
    {"intel_iommu_init", "drivers/iommu/intel-iommu.c"},
    {"iommu_support_dev_iotlb", "drivers/iommu/intel-iommu.c"},
    {"pci_device_group", "drivers/iommu/iommu.c"},
    {"iommu_init", "drivers/iommu/iommu.c"},
    {"iommu_dev_init", "drivers/iommu/iommu-sysfs.c"},
    {"iommu_device_create", "drivers/iommu/iommu-sysfs.c"},
    {"pci_iommu_init", "arch/x86/kernel/pci-dma.c"},
    {"dma_generic_alloc_coherent", "arch/x86/kernel/pci-dma.c"},
    {"nommu_map_sg", "arch/x86/kernel/pci-nommu.c"},
    {"x86_swiotlb_alloc_coherent", "arch/x86/kernel/pci-swiotlb.c"},
    {"dmar_alloc_hwirq", "arch/x86/kernel/apic/msi.c"},
    {"dmar_msi_get_hwirq", "arch/x86/kernel/apic/msi.c"},
    {"dmar_msi_mask", "drivers/iommu/dmar.c"},
    {"swiotlb_tbl_map_single", "lib/swiotlb.c"},
    {"dma_pool_alloc", "mm/dmapool.c"},
    {"dma_map_single", "include/asm-generic/dma-mapping-common.h"},
    {"dma_alloc_coherent", "include/asm-generic/dma-mapping-common.h"},
});

constexpr auto facts_of_6_12 = std::to_array<kernel_fact>({
    {"alloc_iova_fast", "drivers/iommu/iova.c"},
    {"bus_iommu_probe", "drivers/iommu/iommu.c"},
    {"cache_tag_assign_domain", "drivers/iommu/intel/cache.c"},
    {"dma_direct_alloc", "kernel/dma/direct.c"},
    {"dmar_msi_write_msg", "arch/x86/kernel/apic/msi.c"},
    {"intel_cap_audit", "drivers/iommu/intel/cap_audit.c"},
    {"intel_iommu_init", "drivers/iommu/intel/iommu.c"},
    {"intel_pasid_setup_second_level", "drivers/iommu/intel/pasid.c"},
    {"iommu_dma_map_page", "drivers/iommu/dma-iommu.c"},
    {"pci_device_group", "drivers/iommu/iommu.c"},
    {"qi_submit_sync", "drivers/iommu/intel/dmar.c"},
});

void expect_facts(absl::Span<const kernel_fact> facts, std::string_view profile) {
  for (const kernel_fact& fact : facts) {
    const function_source* source = source_of(fact.function, profile);
    ASSERT_NE(source, nullptr) << fact.function << " of " << profile;
    EXPECT_EQ(source->kernel_file, std::string_view(fact.file)) << fact.function;
  }
}

TEST(sources_of_functions, name_the_kernel_s_files) {
  expect_facts(facts_of_4_4, "v4_4");
  expect_facts(facts_of_4_4, "v4_4_178");
  expect_facts(facts_of_6_12, "v6_12");
}

std::string file_of(std::string_view function, std::string_view profile) {
  const function_source* source = source_of(function, profile);
  return source == nullptr ? "" : std::string(source->file);
}

TEST(source_of_a_function, is_that_of_the_kernel_s_generation) {
  EXPECT_EQ(file_of("iommu_group_add_device", "v4_4"), "core/iommu/v4_4/group.cc");
  EXPECT_EQ(file_of("iommu_group_add_device", "v4_4_178"), "core/iommu/v4_4_178/group.cc");
  // Both are in one file; the later one has the physical function's id.
  const function_source* before = source_of("qi_flush_dev_iotlb", "v4_4");
  const function_source* after = source_of("qi_flush_dev_iotlb", "v4_4_178");
  ASSERT_TRUE(before != nullptr && after != nullptr);
  EXPECT_EQ(before->file, after->file);
  EXPECT_EQ(before->text.find("pfsid"), std::string_view::npos);
  EXPECT_NE(after->text.find("pfsid"), std::string_view::npos);
}

TEST(source_of_a_function, is_the_series_where_a_release_has_none_of_its_own) {
  EXPECT_EQ(file_of("init_dmars", "v4_4_178"), "intel/v4_4/init.cc");
  EXPECT_EQ(source_of("init_dmars", "v4_4_178"), source_of("init_dmars", "v4_4"));
}

TEST(source_of_a_function, takes_a_release_for_its_profile) {
  for (const kernel_profile* profile : kernel_profiles()) {
    for (const function_source& source : all_sources()) {
      EXPECT_EQ(source_of(source.name, profile->release()), source_of(source.name, profile->name()))
          << source.name;
    }
  }
}

TEST(source_of_a_function, is_there_for_every_traced_function_from_its_first_kernel_on) {
  for (const std::string_view function : traced_functions()) {
    bool is_there = false;
    for (const kernel_profile* profile : kernel_profiles()) {
      const bool has_it = source_of(function, profile->name()) != nullptr;
      EXPECT_TRUE(has_it || !is_there) << function << " is lost in " << profile->name();
      is_there = is_there || has_it;
    }
    EXPECT_TRUE(is_there) << function;
  }
}

TEST(source_of_a_function, is_null_for_what_nobody_traces) {
  EXPECT_EQ(source_of("domain_mapping", "v4_4"), nullptr) << "ours, not the kernel's name";
  EXPECT_EQ(source_of("", "v4_4"), nullptr);
  for (const char* no_kernel : {"v4_3", "2.6.39", "", "v", "six", "v4_4_x", "4.4.1.2"}) {
    EXPECT_EQ(source_of("init_dmars", no_kernel), nullptr) << no_kernel;
  }
}

// A program whose sources are elsewhere holds all of them: not much.
TEST(sources_of_functions, take_little_room) {
  size_t bytes = 0;
  for (const function_source& source : all_sources()) bytes += source.text.size();
  EXPECT_LT(bytes, 900u * 1024);
}

}  // namespace
}  // namespace iommulab::function_source_test
