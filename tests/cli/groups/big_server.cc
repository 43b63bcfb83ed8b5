// SPDX-License-Identifier: GPL-2.0-only
#include "big_server.h"

#include "absl/strings/str_format.h"
#include "platform/firmware/dmar_builder.h"

namespace iommulab::groups_picture_test {
namespace {

constexpr unsigned roots[] = {0x00, 0x40, 0x80, 0xc0};
constexpr const char* acs =
    "\tCapabilities: [140 v1] Access Control Services\n"
    "\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- "
    "DirectTrans-\n"
    "\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- "
    "DirectTrans-\n";

class writer {
 public:
  /// `words`: class and name, as lspci has them before the ids.
  void add(unsigned bus, unsigned device, unsigned function, const char* words, const char* ids,
           const std::string& more = "") {
    const std::string address = absl::StrFormat("%02x:%02x.%d", bus, device, function);
    server.listing += absl::StrFormat("%s %s [%s] (rev 01)\n%s\n", address, words, ids, more);
    server.addresses.insert(address);
  }
  void add_bridge(unsigned bus, unsigned device, const char* kind, unsigned secondary,
                  unsigned subordinate, const char* more = acs) {
    add(bus, device, 0, "PCI bridge [0604]: Example bridge", "8086:3c02",
        absl::StrFormat("\tBus: primary=%02x, secondary=%02x, subordinate=%02x, sec-latency=0\n"
                        "\tCapabilities: [40] Express (v2) %s, MSI 00\n%s",
                        bus, secondary, subordinate, kind, more));
  }
  void add_root(unsigned root) {
    const char* const endpoint = "\tCapabilities: [70] Express (v2) Endpoint, MSI 00\n";
    const char* const integrated =
        "\tCapabilities: [70] Express (v2) Root Complex Integrated Endpoint, MSI 00\n";
    add(root, 0, 0, "Host bridge [0600]: Example host bridge", "8086:3c00");
    add_bridge(root, 1, "Root Port (Slot+)", root + 1, root + 1);
    for (unsigned fn = 0; fn < 8; ++fn) {
      add(root + 1, 0, fn, "Ethernet controller [0200]: Example network card", "8086:1520",
          std::string(endpoint) + acs);
    }
    add_bridge(root, 2, "Root Port (Slot+)", root + 2, root + 0xb);
    add_bridge(root + 2, 0, "Upstream Port", root + 3, root + 0xb, "");
    for (unsigned port = 0; port < 8; ++port) {
      const unsigned behind = root + 4 + port;
      add_bridge(root + 3, port, "Downstream Port (Slot+)", behind, behind);
      add(behind, 0, 0, "Non-Volatile memory controller [0108]: Example disk", "144d:a821",
          endpoint);
    }
    add_bridge(root, 3, "Root Port (Slot+)", root + 0x10, root + 0x10, "");
    add(root + 0x10, 0, 0, "VGA compatible controller [0300]: Example graphics", "10de:25a0",
        endpoint);
    add(root + 0x10, 0, 1, "Audio device [0403]: Example graphics' sound", "10de:2291", endpoint);
    for (unsigned i = 0; i < 16; ++i) {
      add(root, 4 + i / 8, i % 8, "System peripheral [0880]: Example DMA engine", "8086:0b00",
          integrated);
    }
    for (unsigned fn = 0; fn < 8; ++fn) {
      add(root, 8, fn, "Performance counters [1101]: Example counters", "8086:2fa0");
    }
  }
  void add_chipset() {
    add(0, 0x1a, 0, "USB controller [0c03]: Example USB", "8086:1d2d");
    add_bridge(0, 0x1c, "Root Port (Slot-)", 0x11, 0x11);
    add(0x11, 0, 0, "VGA compatible controller [0300]: Example management controller", "102b:0532",
        "\tCapabilities: [70] Express (v2) Endpoint, MSI 00\n");
    add(0, 0x1d, 0, "USB controller [0c03]: Example USB", "8086:1d26");
    add(0, 0x1f, 0, "ISA bridge [0601]: Example LPC bridge", "8086:1d41");
    add(0, 0x1f, 2, "SATA controller [0106]: Example SATA", "8086:1d02");
    add(0, 0x1f, 3, "SMBus [0c05]: Example SMBus", "8086:1d22");
  }

  big_server server;
};

/// A unit for each root bus, the last one for the first root bus and what nobody names.
std::vector<uint8_t> table_of_units() {
  constexpr uint64_t units = 0xfbf00000;
  dmar_builder table(46);
  for (size_t i = 1; i < std::size(roots); ++i) {
    const auto root = static_cast<uint8_t>(roots[i]);
    std::vector<dmar_scope_spec> scopes;
    for (uint8_t port = 1; port <= 3; ++port) {
      scopes.push_back(dmar_scope_spec::bridge(root, {{port, 0}}));
    }
    for (unsigned engine = 0; engine < 16; ++engine) {
      scopes.push_back(dmar_scope_spec::endpoint(
          root, {{static_cast<uint8_t>(4 + engine / 8), static_cast<uint8_t>(engine % 8)}}));
    }
    table.add_drhd(0, 0, units + i * 0x4000, scopes);
  }
  constexpr uint8_t include_all = 1;
  table.add_drhd(include_all, 0, units);
  const dmar_scope_spec usb[] = {dmar_scope_spec::endpoint(0, {{0x1a, 0}}),
                                 dmar_scope_spec::endpoint(0, {{0x1d, 0}})};
  const dmar_scope_spec management[] = {dmar_scope_spec::endpoint(0, {{0x1c, 0}, {0, 0}}),
                                        dmar_scope_spec::endpoint(0x80, {{1, 0}, {0, 0}})};
  table.add_rmrr(0, 0x7dc00000, 0x7dc1ffff, usb);
  table.add_rmrr(0, 0x7dd00000, 0x7dd3ffff, management);
  return table.finish();
}

}  // namespace

big_server make_big_server() {
  writer all;
  for (const unsigned root : roots) all.add_root(root);
  all.add_chipset();
  all.server.table = table_of_units();
  return std::move(all.server);
}

}  // namespace iommulab::groups_picture_test
