// SPDX-License-Identifier: GPL-2.0-only
//
// Which functions of iommu.c, dma-iommu.c, iova.c and the PCI core call which, in order, while a
// unit is registered: as the function tracer showed it on a real 6.12. The unit's driver, which has
// no counterpart here, is left out.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "call_tree.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v6_12/fake_driver.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/pci/test_system.h"
#include "dma/v6_12/dma_mapping.h"
#include "platform/memory/page_allocator.h"
#include "support/golden.h"

namespace iommulab::v6_12::call_tree_golden_test {
namespace {

const std::set<std::string>& ours() {
  static const std::set<std::string> names = {"bus_iommu_probe",
                                              "bus_for_each_dev",
                                              "probe_iommu_group",
                                              "__iommu_probe_device",
                                              "dev_iommu_free",
                                              "iommu_device_link",
                                              "pci_device_group",
                                              "pci_for_each_dma_alias",
                                              "pci_real_dma_dev",
                                              "get_pci_alias_or_group",
                                              "get_pci_alias_group",
                                              "pci_devs_are_dma_aliases",
                                              "get_pci_function_alias_group",
                                              "pci_acs_enabled",
                                              "pci_acs_flags_enabled",
                                              "pci_acs_path_enabled",
                                              "iommu_group_alloc",
                                              "pci_max_pasids",
                                              "iommu_group_alloc_device",
                                              "iommu_setup_default_domain",
                                              "__iommu_domain_alloc",
                                              "iommu_get_dma_cookie",
                                              "iommu_create_device_direct_mappings",
                                              "iommu_map",
                                              "__iommu_map",
                                              "iommu_pgsize",
                                              "__iommu_group_set_domain_internal",
                                              "__iommu_device_set_domain",
                                              "__iommu_attach_device",
                                              "iommu_setup_dma_ops",
                                              "iommu_get_domain_for_dev",
                                              "init_iova_domain",
                                              "iova_domain_init_rcaches",
                                              "device_iommu_capable",
                                              "iommu_dma_init_fq",
                                              "reserve_iova",
                                              "iommu_get_resv_regions",
                                              "iommu_put_resv_regions"};
  return names;
}

function_builder express_endpoint(source_id id) {
  return endpoint(id).express(pci_exp_type::endpoint, 0x40);
}

function_builder one_of_many(source_id id) {
  return endpoint(id).multifunction();
}

function_builder port(source_id id, pci_exp_type type, uint8_t secondary, uint8_t subordinate) {
  return bridge(id, secondary, subordinate).express(type, 0x40);
}

std::vector<pci_function_config> flat_machine() {
  return {endpoint(at(0, 0)).build(),          endpoint(at(0, 3)).build(),
          endpoint(at(0, 4)).build(),          endpoint(at(0, 5)).build(),
          one_of_many(at(0, 0x1f, 0)).build(), one_of_many(at(0, 0x1f, 2)).build(),
          one_of_many(at(0, 0x1f, 3)).build()};
}

/// The machine at start-up: what a unit's registration calls.
std::vector<call_tree> registration(const std::vector<pci_function_config>& functions) {
  test_system sys(functions);
  const std::vector<memory_range> ranges = {{phys_addr(0), uint64_t{1} << 28}};
  auto memory = physical_memory::create(ranges).value();
  page_allocator pages(*memory, sys.env.trace);
  coherent_memory coherent{*memory, pages};
  fake_driver driver;
  iommu_subsystem iommu(sys.iommu, sys.bus);
  dma_mapping mapping(iommu, coherent, nullptr, false, {});
  // A domain knows larger pages only once it is attached.
  driver.iommu_ops::pgsize_bitmap = page_size;
  driver.regions["00:1f.0"] = {
      {phys_addr(0), 0x1000000, iommu_read | iommu_write, iommu_resv_type::direct_relaxable}};
  sys.pci->root_buses().front()->windows = {{phys_addr(0xa0000), phys_addr(0xbffff)},
                                            {phys_addr(0x40000000), phys_addr(0xafffffff)},
                                            {phys_addr(0xc0000000), phys_addr(0xfebfffff)},
                                            {phys_addr(0x100000000), phys_addr(0x8ffffffff)}};
  iommu_dev_init(sys.iommu);
  EXPECT_EQ(iommu_subsys_init(iommu), 0);
  EXPECT_EQ(iommu_device_sysfs_add(sys.iommu, driver.unit, "dmar0", "intel-iommu", {}), 0);
  call_tree_recorder recorder;
  {
    const auto subscription = sys.env.trace.subscribe(recorder, trace_class::calls);
    EXPECT_EQ(iommu_device_register(iommu, driver.unit, driver), 0);
  }
  return recorder.trees();
}

/// The registration in the recording, from the PCI bus on: the platform's comes first.
std::vector<call_tree> recorded_registration(const std::string& scenario) {
  const std::string path = "kernel/v6_12/boot/" + scenario + "/fgraph/boot-tree.txt";
  const std::string text = golden::read_text(path).value();
  std::vector<call_tree> found;
  find_calls(parse_call_trees(text), "iommu_device_register", found);
  EXPECT_EQ(found.size(), 1u);
  found.at(0).calls.erase(found[0].calls.begin());
  return found[0].calls;
}

void compare(const std::string& scenario, const std::vector<pci_function_config>& functions) {
  if (!golden::exists("kernel/v6_12/boot/" + scenario + "/fgraph/boot-tree.txt")) {
    IOMMULAB_MISSING("call trees of 6.12");
  }
  // The driver asks for the group on the way.
  const std::set<std::string> transparent = {"intel_iommu_device_group"};
  const std::vector<call_tree> made = registration(functions);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(text_of(only(made[0].calls, ours())),
            text_of(only(recorded_registration(scenario), ours(), transparent)));
}

TEST(call_tree_golden, a_flat_machine_is_probed_with_the_kernels_calls) {
  compare("default", flat_machine());
}

TEST(call_tree_golden, bridges_are_probed_with_the_kernels_calls) {
  using type = pci_exp_type;
  constexpr uint16_t acs = 0x1f;
  // Ports of the root complex have ACS, those of the switch do not.
  compare("bridges",
          {endpoint(at(0, 0)).build(),
           port(at(0, 2), type::root_port, 1, 1).acs(0x100, acs).build(),
           port(at(0, 3), type::root_port, 2, 2).acs(0x100, acs).build(),
           port(at(0, 4), type::root_port, 3, 3).multifunction().acs(0x100, acs).build(),
           port(at(0, 4, 1), type::root_port, 4, 7).multifunction().acs(0x100, acs).build(),
           port(at(0, 5), type::root_port, 8, 10).acs(0x100, acs).build(),
           bridge(at(0, 6), 11, 11).build(),
           endpoint(at(0, 7, 0)).multifunction().build(),
           endpoint(at(0, 7, 1)).multifunction().build(),
           one_of_many(at(0, 0x1f, 0)).build(),
           one_of_many(at(0, 0x1f, 2)).build(),
           one_of_many(at(0, 0x1f, 3)).build(),
           express_endpoint(at(1, 0)).build(),
           express_endpoint(at(2, 0, 0)).multifunction().build(),
           endpoint(at(2, 0, 1)).multifunction().build(),
           express_endpoint(at(3, 0)).build(),
           port(at(4, 0), type::upstream, 5, 7).build(),
           port(at(5, 0), type::downstream, 6, 6).build(),
           port(at(5, 1), type::downstream, 7, 7).build(),
           express_endpoint(at(6, 0)).build(),
           endpoint(at(7, 0)).build(),
           port(at(8, 0), type::pci_bridge, 9, 10).build(),
           endpoint(at(9, 1)).build(),
           endpoint(at(9, 2)).build(),
           bridge(at(9, 3), 10, 10).build(),
           endpoint(at(10, 1)).build(),
           endpoint(at(11, 1)).build()});
}

}  // namespace
}  // namespace iommulab::v6_12::call_tree_golden_test
