// SPDX-License-Identifier: GPL-2.0-only
//
// The `type` file of groups as a real 6.12 answered, with drivers bound, VFIO in between and
// privileges missing: every value written, with its result and what the file says afterwards, and
// every listing of the groups. A driver without hardware stands in for the unit's.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <sstream>
#include <string>

#include "../../pci/test_system.h"
#include "absl/strings/str_cat.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v6_12/iommu.h"
#include "fake_driver.h"
#include "support/golden.h"

namespace iommulab::v6_12::group_type_golden_test {
namespace {

/// Flush queues can be had; there is no DMA.
struct no_dma final : iommu_dma_hooks {
  int get_dma_cookie(iommu_domain&) override { return 0; }
  void put_dma_cookie(iommu_domain&) override {}
  void setup_dma_ops(device&) override {}
  int init_fq(iommu_domain&) override { return 0; }
};

std::vector<pci_function_config> recorded_machine() {
  const auto port = [](source_id id, uint8_t secondary) {
    return bridge(id, secondary, secondary)
        .express(pci_exp_type::root_port, 0x40)
        .acs(0x100, 0x1f)
        .build();
  };
  const auto one_of_many = [](source_id id) { return endpoint(id).multifunction().build(); };
  return {endpoint(at(0, 0), 0x8086, 0x29c0).build(),
          endpoint(at(0, 3)).build(),
          endpoint(at(0, 4)).build(),
          one_of_many(at(0, 5, 0)),
          one_of_many(at(0, 5, 1)),
          port(at(0, 6), 1),
          port(at(0, 7), 2),
          one_of_many(at(0, 0x1f, 0)),
          one_of_many(at(0, 0x1f, 2)),
          one_of_many(at(0, 0x1f, 3)),
          endpoint(at(1, 0)).express(pci_exp_type::endpoint, 0x40).build(),
          endpoint(at(2, 0)).express(pci_exp_type::endpoint, 0x40).build()};
}

/// Plays an ops.txt: "12 gtype d0 DMA-FQ -> r=6 ok type=DMA-FQ".
class player {
 public:
  explicit player(const std::string& scenario) {
    if (scenario.ends_with(".pt")) {
      iommu.defaults.cmd_line_dma_api = true;
      iommu.defaults.def_domain_type = iommu_domain_type::identity;
    }
    if (scenario.ends_with(".strict")) iommu.defaults.dma_strict = true;
    iommu.dma = &dma;
    iommu_dev_init(sys.iommu);
    EXPECT_EQ(iommu_subsys_init(iommu), 0);
    // Caching mode makes the driver ask for strictness after the policy was told.
    if (scenario.ends_with(".cm")) iommu_set_dma_strict(iommu);
    driver.regions["00:1f.0"] = {
        {phys_addr(0), 0x1000000, iommu_read | iommu_write, iommu_resv_type::direct_relaxable}};
    EXPECT_EQ(iommu_device_sysfs_add(sys.iommu, driver.unit, "dmar0", "intel-iommu", {}), 0);
    EXPECT_EQ(iommu_device_register(iommu, driver.unit, driver), 0);
    for (const source_id id : {at(0, 6), at(0, 7)}) bind(sys.dev(id).dev, "pcieport");
  }

  void play(std::string_view line) {
    if (line.starts_with("  ")) {
      if (line.starts_with("  s: group ")) check_group(std::string(line.substr(5)));
      return;
    }
    std::istringstream words{std::string(line)};
    std::string number, what, name, value, arrow;
    words >> number >> what >> name;
    const std::string answer(line.substr(line.find(" -> ") + 4));
    if (what == "dev") {
      words >> value;
      devices[name] = &device_named(value);
      // The two drivers that a scenario loads at its start are bound by the first listing.
    } else if (what == "gtype") {
      words >> value;
      gtype(*devices.at(name), value == "->" ? "" : value, answer);
      ++played;
    } else if (what == "bind") {
      words >> value;
      bind(*devices.at(name), value);
    } else if (what == "unbind") {
      unbind(*devices.at(name));
    } else if (what == "cap") {
      (name.ends_with("21") ? iommu.cap_sys_admin : iommu.cap_sys_rawio) = name.front() == '+';
    } else if (what == "cdev" || what == "gopen") {
      words >> value;
      opened[name] = devices.at(value);
    } else if (what == "vbind") {
      EXPECT_EQ(iommu_device_claim_dma_owner(*opened.at(name), this), 0) << line;
    } else if (what == "gset") {
      EXPECT_EQ(iommu_group_claim_dma_owner(*opened.at(name)->group, this), 0) << line;
      in_container = opened.at(name);
    } else if (what == "attach") {
      attach(*opened.at(name));
    } else if (what == "setiommu") {
      attach(*in_container);
    } else if (what == "detach") {
      detach();
    } else if (what == "close" && opened.contains(name)) {
      detach();
      iommu_group_release_dma_owner(*opened.at(name)->group);
      opened.erase(name);
    }
  }

  int played = 0;
  int listed = 0;

 private:
  device& device_named(std::string_view name) {
    for (device* dev : sys.bus.devices) {
      if (dev->name == name) return *dev;
    }
    throw std::runtime_error(absl::StrCat("no device ", std::string(name)));
  }

  void bind(device& dev, const std::string& name) {
    if (name != "vfio-pci" && name != "pcieport") {
      ASSERT_EQ(iommu_device_use_default_domain(dev), 0);
    }
    dev.driver = name;
  }
  void unbind(device& dev) {
    if (dev.driver != "vfio-pci") iommu_device_unuse_default_domain(dev);
    dev.driver.clear();
  }

  void attach(device& dev) {
    domain = iommu_domain_alloc(iommu, sys.bus);
    ASSERT_NE(domain, nullptr);
    EXPECT_EQ(iommu_attach_group(*domain, *dev.group), 0);
    attached = &dev;
  }
  void detach() {
    if (domain == nullptr) return;
    iommu_detach_group(*domain, *attached->group);
    iommu_domain_free(*domain);
    domain = nullptr;
  }

  void gtype(device& dev, const std::string& value, const std::string& answer) {
    const std::string file = dev.group->sysfs_path + "/type";
    std::string result;
    if (!value.empty()) {
      const absl::Status status = sys.sysfs.write(file, value);
      static const std::map<int, std::string> names = {
          {EINVAL, "EINVAL"}, {EPERM, "EPERM"}, {EACCES, "EACCES"}};
      result = status.ok() ? absl::StrCat("r=", value.size(), " ok ")
                           : absl::StrCat("r=-1 ", names.at(status_errno(status)), " ");
    }
    const std::string type = sys.sysfs.read(file).value();
    EXPECT_EQ(absl::StrCat(result, "type=", type.substr(0, type.find('\n'))), answer)
        << dev.name << " " << value;
  }

  /// "group 6 type=DMA-FQ 0000:00:1f.0(-) … [0x…0 0x…ffffff direct-relaxable] …"
  void check_group(const std::string& line) {
    std::istringstream words(line);
    std::string word, id, type;
    words >> word >> id >> type;
    const std::string path = "kernel/iommu_groups/" + id;
    std::string drivers, regions;
    while (words >> word && word.front() != '[') {
      const std::string dev = word.substr(0, word.find('('));
      std::string driver_name = word.substr(word.find('(') + 1);
      driver_name.pop_back();
      if (driver_name == "-") driver_name.clear();
      // A driver that was loaded before the first operation.
      if (listed < 9 && !driver_name.empty() && device_named(dev).driver.empty()) {
        bind(device_named(dev), driver_name);
      }
      EXPECT_EQ(device_named(dev).driver, driver_name) << line;
      EXPECT_EQ(sys.sysfs.read_link(path + "/devices/" + dev).ok(), true) << line;
      ++members;
    }
    const size_t first = line.find('[');
    std::string recorded = line.substr(first);
    std::string ours;
    const std::string reserved = sys.sysfs.read(path + "/reserved_regions").value();
    for (const std::string_view region : golden::lines(reserved)) {
      absl::StrAppend(&ours, ours.empty() ? "" : " ", "[", std::string(region), "]");
    }
    EXPECT_EQ(ours, recorded) << line;
    EXPECT_EQ(absl::StrCat("type=", sys.sysfs.read(path + "/type").value()), type + "\n") << line;
    EXPECT_EQ(sys.sysfs.list(path + "/devices").value().size(),
              static_cast<size_t>(std::exchange(members, 0)))
        << line;
    ++listed;
  }

  test_system sys{recorded_machine()};
  fake_driver driver;
  no_dma dma;
  iommu_subsystem iommu{sys.iommu, sys.bus};
  std::map<std::string, device*> devices;
  std::map<std::string, device*> opened;
  device* in_container = nullptr;
  device* attached = nullptr;
  iommu_domain* domain = nullptr;
  int members = 0;
};

TEST(group_type_golden, every_value_is_answered_as_the_kernel_did) {
  const std::string root = "kernel/v6_12/groups";
  const std::vector<std::string> scenarios = golden::cases(golden::root() / root);
  if (scenarios.empty()) IOMMULAB_MISSING("groups of 6.12");
  for (const std::string& scenario : scenarios) {
    if (!golden::exists(root + "/" + scenario + "/ops.txt")) continue;
    SCOPED_TRACE(scenario);
    const std::string ops = golden::read_text(root + "/" + scenario + "/ops.txt").value();
    player run(scenario);
    for (const std::string_view line : golden::lines(ops)) run.play(line);
    // Two listings of nine groups each; g1 writes 46 times, g2 12 times.
    EXPECT_EQ(run.listed % 9, 0);
    EXPECT_GE(run.listed, 18);
    EXPECT_GE(run.played, 12);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::group_type_golden_test
