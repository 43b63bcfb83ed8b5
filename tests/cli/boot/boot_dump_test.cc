// SPDX-License-Identifier: GPL-2.0-only
//
// --dump: structures by the kernel's names, at the end of a boot and in the middle of one; and the
// groups and domains of devices.
#include <algorithm>
#include <string>
#include <variant>

#include "absl/strings/str_format.h"
#include "cli/boot/run_boot.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/builtin.h"

namespace iommulab::boot_dump_test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

json dumped(boot_arguments arguments) {
  arguments.json = true;
  return json::parse(boot(arguments).out);
}

/// The fields of the section's first structure.
json first_of(const json& document, const char* kind) {
  return document["structures"][kind][0]["fields"];
}

TEST(boot_dump, shows_units_as_the_driver_keeps_them) {
  const json document = dumped({.dump = "all"});
  const json drhd = first_of(document, "dmar_drhd_unit");
  // QEMU's unit: registers at fed90000h, all devices of segment 0.
  EXPECT_EQ(drhd["reg_base_addr"], "0xfed90000");
  EXPECT_EQ(drhd["segment"], 0);
  EXPECT_EQ(drhd["ignored"], false);
  EXPECT_EQ(drhd["iommu"]["name"], "dmar0");
  const json iommu = first_of(document, "intel_iommu");
  EXPECT_EQ(iommu["reg_phys"], drhd["reg_base_addr"]);
  EXPECT_EQ(iommu["seq_id"], 0);
  EXPECT_EQ(iommu["agaw"], 1) << "three levels, 39 bits";
  // GCMD keeps TE (31) and QIE (26): VT-d specification 11.4.4.
  EXPECT_EQ(iommu["gcmd"], "0x84000000");
  EXPECT_EQ(iommu["root_entry"], document["units"][0]["root_table"]);
  EXPECT_EQ(iommu["qi"]["fields"]["free_cnt"], 256) << "QI_LENGTH, all free";
  // Id 0 marks what has none; the domain of the ISA bridge has the next.
  EXPECT_EQ(iommu["domain_ids"], "0-1");
  EXPECT_EQ(iommu["domains"][0]["name"], "domains[0][1]");
}

TEST(boot_dump, shows_hardware_by_the_specifications_names) {
  const json document =
      dumped({.dump = "registers,root,context,tables,caches,queue,pages,device_domain_info"});
  EXPECT_EQ(document["structures"].size(), 8u);
  const json gsts = first_of(document, "registers")["GSTS"]["fields"];
  // 11.4.5: TES 31, RTPS 30, QIES 26.
  EXPECT_EQ(gsts["value"], "0xc4000000");
  EXPECT_EQ(gsts["TES"], 1);
  EXPECT_EQ(gsts["WBFS"], 0);
  const json root = first_of(document, "root");
  EXPECT_EQ(root["table"], document["units"][0]["root_table"]);
  EXPECT_EQ(root["entries"][0]["fields"]["P"], 1);
  // The ISA bridge alone has a domain, and is mapped its first 16 MiB.
  const json context = first_of(document, "context");
  EXPECT_EQ(context["device"]["name"], "0000:00:1f.0");
  EXPECT_EQ(context["domain"], first_of(document, "device_domain_info")["domain"]);
  const json table = first_of(document, "tables");
  EXPECT_EQ(table["table"], context["SLPTPTR"]);
  EXPECT_EQ(table["ranges"][0]["name"], "0x0-0xffffff");
  EXPECT_EQ(first_of(document, "caches")["iotlb"], json::array()) << "nobody has done DMA";
  const json queue = first_of(document, "queue");
  EXPECT_EQ(queue["head"], queue["tail"]);
  EXPECT_EQ(queue["descriptors"][0]["fields"]["type"], "context_cache");
  EXPECT_EQ(first_of(document, "pages")["owners"].back()["name"], "[small objects]");
}

TEST(boot_dump, shows_the_variables_of_init_dmars) {
  const json variables = first_of(dumped({.dump = "g_iommus"}), "g_iommus");
  // Room for units that come later: DMAR_UNITS_SUPPORTED, MAX_IO_APICS on x86-64.
  EXPECT_EQ(variables["g_num_of_iommus"], 128);
  EXPECT_EQ(variables["g_iommus"].size(), 128u);
  EXPECT_EQ(variables["g_iommus"][0]["name"], "dmar0");
  EXPECT_TRUE(variables["g_iommus"][1].is_null());
  const command_result text = boot({.dump = "g_iommus"});
  EXPECT_THAT(text.out,
              HasSubstr("g_iommus = { [0] = (struct intel_iommu *) dmar0, [1-127] = NULL }\n"));
  EXPECT_THAT(text.out, Not(HasSubstr("struct dmar_drhd_unit")));
}

TEST(boot_dump, shows_domain_membership_and_group_of_a_device) {
  const json document = dumped({.dump = "dmar_domain,device_domain_info,iommu_group,device"});
  const json domain = first_of(document, "dmar_domain");
  EXPECT_EQ(domain["iommu_did"][0]["name"], "[0]");
  EXPECT_EQ(domain["iommu_did"][0]["fields"]["value"], 1);
  EXPECT_EQ(domain["gaw"], 39);
  EXPECT_EQ(domain["iommu_superpage"], 2) << "2 MiB and 1 GiB";
  const json info = first_of(document, "device_domain_info");
  EXPECT_EQ(info["dev"]["name"], "0000:00:1f.0");
  EXPECT_EQ(info["devfn"], "0xf8");
  EXPECT_EQ(info["domain"]["name"], "dmar0:1");
  for (const json& group : document["structures"]["iommu_group"]) {
    EXPECT_EQ(group["name"], std::to_string(group["fields"]["id"].get<int>()));
    EXPECT_FALSE(group["fields"]["devices"].empty());
  }
}

// Each device with a reserved region has a domain of its own: one membership, and the next id.
TEST(boot_dump, tells_a_domains_id_from_its_count_of_members) {
  const json document = dumped({.machines = {"server"}, .dump = "dmar_domain"});
  const json& domains = document["structures"]["dmar_domain"];
  const auto second = std::find_if(domains.begin(), domains.end(),
                                   [](const json& each) { return each["name"] == "dmar3:2"; });
  ASSERT_NE(second, domains.end());
  const json& fields = (*second)["fields"];
  EXPECT_EQ(fields["iommu_did"][0]["name"], "[3]");
  EXPECT_EQ(fields["iommu_did"][0]["fields"]["value"], 2);
  EXPECT_EQ(fields["iommu_refcnt"][0]["name"], "[3]");
  EXPECT_EQ(fields["iommu_refcnt"][0]["fields"]["value"], 1);
}

TEST(boot_dump, shows_the_moment_at_which_a_run_is_held) {
  // The queue is there before the root table is set, and the hardware does not translate yet.
  const json document = dumped({.until = "iommu_alloc_root_entry", .dump = "intel_iommu"});
  const json iommu = first_of(document, "intel_iommu");
  EXPECT_NE(iommu["root_entry"], "0x0");
  EXPECT_EQ(document["units"][0]["root_table"], nullptr);
  const json before = dumped({.until = "dmar_table_init", .dump = "all"});
  EXPECT_EQ(before["structures"]["dmar_drhd_unit"].size(), 1u);
  EXPECT_TRUE(before["structures"]["dmar_domain"].empty());
  EXPECT_EQ(first_of(before, "g_iommus")["g_num_of_iommus"], 0);
}

TEST(boot_dump, is_of_each_kernel_and_of_a_machine_with_more_units) {
  for (const char* kernel : {"v4_4", "v4_4_178"}) {
    const json document = dumped({.kernels = {kernel}, .machines = {"server"}, .dump = "all"});
    const json& kinds = document["structures"];
    EXPECT_EQ(kinds["dmar_drhd_unit"].size(), document["units"].size()) << kernel;
    EXPECT_FALSE(kinds["dmar_rmrr_unit"].empty()) << kernel;
    // INCLUDE_ALL units stand last.
    EXPECT_EQ(kinds["dmar_drhd_unit"].back()["fields"]["include_all"], true) << kernel;
    EXPECT_FALSE(kinds["dmar_drhd_unit"][0]["fields"]["devices"].empty()) << kernel;
  }
}

/// The structure of the server's table that begins there; null for none.
const dmar_structure* structure_at(const dmar_table& table, const json& fields) {
  const uint64_t offset = std::stoull(fields.at("hdr").get<std::string>(), nullptr, 16);
  for (const dmar_structure& structure : table.structures) {
    if (structure.offset == offset) return &structure;
  }
  ADD_FAILURE() << "no structure at " << fields["hdr"];
  return nullptr;
}

std::string in_hex(uint64_t value) {
  return absl::StrFormat("0x%x", value);
}

// What acpi_dmar_header points to is the structure that the unit was made of.
TEST(boot_dump, shows_where_in_the_table_each_unit_comes_from) {
  const dmar_table table = decode_dmar(builtin_machine("server")->dmar_table);
  const json document = dumped({.machines = {"server"}, .dump = "all"});
  const json& kinds = document["structures"];
  size_t seen = 0;
  for (const json& unit : kinds["dmar_drhd_unit"]) {
    const auto* from = structure_at(table, unit["fields"]);
    ASSERT_TRUE(from != nullptr && std::holds_alternative<dmar_drhd>(from->body));
    EXPECT_EQ(unit["fields"]["reg_base_addr"],
              in_hex(std::get<dmar_drhd>(from->body).register_base));
    ++seen;
  }
  for (const json& unit : kinds["dmar_rmrr_unit"]) {
    const auto* from = structure_at(table, unit["fields"]);
    ASSERT_TRUE(from != nullptr && std::holds_alternative<dmar_rmrr>(from->body));
    EXPECT_EQ(unit["fields"]["base_address"], in_hex(std::get<dmar_rmrr>(from->body).base));
    EXPECT_EQ(unit["fields"]["end_address"], in_hex(std::get<dmar_rmrr>(from->body).limit));
    ++seen;
  }
  for (const json& unit : kinds["dmar_atsr_unit"]) {
    const auto* from = structure_at(table, unit["fields"]);
    ASSERT_TRUE(from != nullptr && std::holds_alternative<dmar_atsr>(from->body));
    EXPECT_EQ(unit["fields"]["devices"].size(), from->scopes.size());
    ++seen;
  }
  const auto kept =
      std::count_if(table.structures.begin(), table.structures.end(), [](const auto& s) {
        return s.type <= static_cast<uint16_t>(dmar_layout::structure_type::atsr);
      });
  EXPECT_EQ(seen, static_cast<size_t>(kept)) << "each once";
}

TEST(boot_dump, of_a_boot_without_the_driver_has_no_units_left) {
  // dmar_free_unused_resources(): nobody uses them.
  const json document = dumped({.command_lines = {""}, .dump = "all"});
  EXPECT_TRUE(document["structures"]["dmar_drhd_unit"].empty());
  EXPECT_EQ(document["structures"]["iommu_group"].size(), 0u);
  EXPECT_TRUE(document["structures"]["dmar_domain"].empty());
}

TEST(boot_dump, names_the_kinds_that_there_are) {
  expect_refusal(boot({.dump = "dmar_domain,foo"}),
                 "--dump: \"foo\" is no kind of structure; there are dmar_drhd_unit, "
                 "dmar_rmrr_unit, dmar_atsr_unit, intel_iommu, g_iommus, dmar_domain, "
                 "device_domain_info, iova_domain, deferred_flush_tables, iommu_group, device, "
                 "dmar_satc_unit, variables, pasid_table, iommu_dma_cookie, registers, root, "
                 "context, tables, caches, queue, pages, all");
  expect_refusal(boot({.command_lines = {"", "x"}, .dump = "all", .diff = true}),
                 "--dump shows one run, --diff has two");
}

/// The device of this name in the document's list.
json device_in(const json& document, const std::string& name) {
  for (const json& device : document["devices"]) {
    if (device["name"] == name) return device;
  }
  return nullptr;
}

TEST(boot_devices, have_group_and_domain_by_the_type_s_name) {
  const json plain = dumped({});
  EXPECT_EQ(device_in(plain, "0000:00:1f.0")["group"], 3);
  EXPECT_EQ(device_in(plain, "0000:00:1f.0")["domain"]["type"], "DMA");
  EXPECT_EQ(device_in(plain, "0000:00:04.0")["domain"]["type"], "none") << "no mapping yet";
  const json through = dumped({.command_lines = {"intel_iommu=on iommu=pt"}});
  EXPECT_EQ(device_in(through, "0000:00:04.0")["domain"]["type"], "identity");
  const json off = dumped({.command_lines = {""}});
  EXPECT_EQ(device_in(off, "0000:00:04.0")["domain"]["type"], "none");
  EXPECT_TRUE(device_in(off, "0000:00:04.0")["group"].is_null());
  EXPECT_THAT(boot({}).out, HasSubstr("  3  0000:00:1f.0 [DMA dmar0:1] 0000:00:1f.2 [none]"));
}

}  // namespace
}  // namespace iommulab::boot_dump_test
