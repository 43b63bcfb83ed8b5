// SPDX-License-Identifier: GPL-2.0-only
//
// One mapped page, from the system call to the page table: the published chain of functions, on
// each of the three ways, and its arguments as a real kernel's tracer saw them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.h"
#include "core/number.h"
#include "kernel/catalogue.h"
#include "lab/clients/client_session.h"
#include "platform/machine/builtin.h"
#include "support/golden.h"

namespace iommulab {
namespace {

constexpr const char* iommufd_program = R"(dev d0 0000:00:04.0
bind d0 vfio-pci
mem m0 0x1000
iopen i
ioas i A
vioas i set id=A
cdev v d0
vbind v i D
attach v A H
map i iova=0x100000 va=m0 size=0x1000
)";
constexpr const char* native_program = R"(dev d0 0000:00:04.0
bind d0 vfio-pci
mem m0 0x1000
iopen i
ioas i A
cdev v d0
vbind v i D
attach v A H
imap i A iova=0x100000 va=m0 len=0x1000
)";
constexpr const char* type1_program = R"(dev d0 0000:00:04.0
bind d0 vfio-pci
mem m0 0x1000
copen c
gopen g d0
gset g c
setiommu c 3
gdev v g d0
map c iova=0x100000 va=m0 size=0x1000
)";

std::unique_ptr<client_session> run(const char* program) {
  client_request request;
  request.kernel = find_kernel_profile("v6_12");
  request.machine = *builtin_machine("q35");
  request.command_line = "intel_iommu=on";
  request.modules.allow_unsafe_interrupts = true;
  request.script = *read_client_script({"program", program});
  request.classes = trace_class::calls;
  auto session = run_client(std::move(request));
  EXPECT_TRUE(session.ok()) << session.status();
  return session.ok() ? *std::move(session) : nullptr;
}

using arguments = std::map<std::string, std::string, std::less<>>;
struct call {
  std::string name;
  uint16_t depth = 0;
  arguments given;
};

std::string text_of(const call_value& value) {
  if (const auto* number = std::get_if<uint64_t>(&value.value)) return std::to_string(*number);
  if (const auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
  return std::get<std::string>(value.value);
}

/// The calls of the last operation.
std::vector<call> calls_of(const client_session& session) {
  std::vector<call> calls;
  const client_step& step = session.steps.back();
  EXPECT_EQ(step.answer.result.substr(0, 6), "r=0 ok");
  for (size_t i = step.first_event; i < step.last_event; ++i) {
    const trace_event& event = session.recorder.events()[i];
    const auto* enter = event.as<events::call_enter>();
    if (enter == nullptr) continue;
    call one{std::string(enter->name), event.depth, {}};
    for (const call_value& value : enter->arguments) {
      one.given[std::string(value.name)] = text_of(value);
    }
    calls.push_back(std::move(one));
  }
  return calls;
}

/// Each of `chain` is called below the one before it; those calls.
std::vector<call> found_chain(const std::vector<call>& calls,
                              const std::vector<std::string>& chain) {
  std::vector<call> found;
  for (const call& each : calls) {
    if (found.size() == chain.size()) break;
    while (!found.empty() && each.depth <= found.back().depth) found.pop_back();
    if (each.name == chain[found.size()]) found.push_back(each);
  }
  return found;
}

std::string names_of(const std::vector<call>& calls) {
  std::string text;
  for (const call& each : calls) text += each.name + " ";
  return text;
}

const std::vector<std::string> compat_chain = {
    "iommufd_vfio_ioctl",      "iommufd_vfio_map_dma", "iopt_map_user_pages", "iopt_map_pages",
    "iopt_fill_domains_pages", "batch_to_domain",      "iommu_map",           "__iommu_map",
    "intel_iommu_map_pages",   "intel_iommu_map",      "__domain_mapping"};

/// The arguments that the recording of `operation` has for the call: "size" 4096. Kernel addresses
/// are left out, and where the memory and the program's own structure lie.
arguments recorded(const std::string& graph, const std::string& name) {
  constexpr uint64_t kernel_addresses = 0xffff800000000000;
  const std::string begin = "/* " + name + "(";
  const size_t at = graph.find(begin);
  EXPECT_NE(at, std::string::npos) << name;
  if (at == std::string::npos) return {};
  const std::string inside =
      graph.substr(at + begin.size(), graph.find(')', at) - at - begin.size());
  arguments found;
  for (size_t start = 0; start < inside.size();) {
    const size_t end = std::min(inside.find(", ", start), inside.size());
    const std::string one = inside.substr(start, end - start);
    const size_t equals = one.find('=');
    const std::string key = one.substr(0, equals);
    const auto value = parse_number(one.substr(equals + 1));
    if (value && *value < kernel_addresses && key != "arg" && key != "paddr") {
      found[key] = std::to_string(*value);
    }
    start = end + 2;
  }
  return found;
}

TEST(map_chain, of_iommufd_in_the_place_of_a_container) {
  const auto session = run(iommufd_program);
  ASSERT_NE(session, nullptr);
  const std::vector<call> chain = found_chain(calls_of(*session), compat_chain);
  ASSERT_EQ(chain.size(), compat_chain.size()) << names_of(chain);

  const auto text =
      golden::read_text(golden::root() / "kernel/v6_12/vfio/v1-map.kc.calls/fgraph.txt");
  if (!text.ok()) IOMMULAB_MISSING(text.status());
  const std::string& graph = *text;
  const std::string operation = graph.substr(graph.find("/* OP begin 16 map c iova=0x100000"));
  constexpr size_t recorded_calls = 9;
  size_t compared = 0;
  for (size_t i = 0; i < recorded_calls; ++i) {
    for (const auto& [key, value] : recorded(operation, compat_chain[i])) {
      // iommu_map()'s flags of an allocation are not passed here.
      if (key == "gfp") continue;
      const auto ours = chain[i].given.find(key);
      ASSERT_NE(ours, chain[i].given.end()) << compat_chain[i] << " does not tell " << key;
      EXPECT_EQ(ours->second, value) << compat_chain[i] << " " << key;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 19u);

  // What the recorded kernel's compiler put into its callers: frames of address and page, their
  // number, read and write.
  const std::string& phys = session->steps[2].answer.result;
  const auto page =
      parse_number(phys.substr(phys.find("phys=") + 5, phys.find('+') - phys.find("phys=") - 5));
  ASSERT_TRUE(page) << phys;
  EXPECT_EQ(chain[9].given.at("iova"), std::to_string(0x100000));
  EXPECT_EQ(chain[9].given.at("hpa"), std::to_string(*page));
  EXPECT_EQ(chain[9].given.at("size"), "4096");
  EXPECT_EQ(chain[9].given.at("iommu_prot"), "7");
  EXPECT_EQ(chain[10].given.at("iov_pfn"), std::to_string(0x100));
  EXPECT_EQ(chain[10].given.at("phys_pfn"), std::to_string(*page >> 12));
  EXPECT_EQ(chain[10].given.at("nr_pages"), "1");
  EXPECT_EQ(chain[10].given.at("prot"), "3");
}

TEST(map_chain, of_iommufd_itself_differs_only_at_its_door) {
  std::vector<std::string> wanted = compat_chain;
  wanted.erase(wanted.begin(), wanted.begin() + 2);
  wanted.insert(wanted.begin(), {"iommufd_fops_ioctl", "iommufd_ioas_map"});
  const auto session = run(native_program);
  ASSERT_NE(session, nullptr);
  const std::vector<call> chain = found_chain(calls_of(*session), wanted);
  EXPECT_EQ(chain.size(), wanted.size()) << names_of(chain);
}

TEST(map_chain, of_a_container_with_type1) {
  const std::vector<std::string> wanted = {"vfio_fops_unl_ioctl",
                                           "vfio_iommu_type1_ioctl",
                                           "vfio_iommu_type1_map_dma",
                                           "vfio_dma_do_map",
                                           "vfio_pin_map_dma",
                                           "vfio_iommu_map",
                                           "iommu_map",
                                           "__iommu_map",
                                           "intel_iommu_map_pages",
                                           "intel_iommu_map",
                                           "__domain_mapping"};
  const auto session = run(type1_program);
  ASSERT_NE(session, nullptr);
  const std::vector<call> chain = found_chain(calls_of(*session), wanted);
  EXPECT_EQ(chain.size(), wanted.size()) << names_of(chain);
}

TEST(map_chain, has_no_function_of_older_kernels) {
  const auto session = run(iommufd_program);
  ASSERT_NE(session, nullptr);
  const std::vector<call> calls = calls_of(*session);
  EXPECT_TRUE(std::none_of(calls.begin(), calls.end(),
                           [](const call& each) { return each.name == "__iommu_map_pages"; }));
}

}  // namespace
}  // namespace iommulab
