// SPDX-License-Identifier: GPL-2.0-only
//
// A made-up server of 200 functions and more, as `sudo lspci -vvnn` would list it, and the DMAR
// table of its four units: what a picture has to stay readable for.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace iommulab::groups_picture_test {

/// Four root buses, 00, 40, 80 and c0. On each a network card of eight functions behind a port, a
/// switch with eight disks, a graphics card behind a port without ACS, sixteen DMA engines, and
/// eight functions of the processor's; on the first one what a chipset has besides.
struct big_server {
  std::string listing;
  std::set<std::string> addresses;  ///< of the functions in it
  std::vector<uint8_t> table;
};
big_server make_big_server();

}  // namespace iommulab::groups_picture_test
