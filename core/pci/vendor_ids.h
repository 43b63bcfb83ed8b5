// SPDX-License-Identifier: GPL-2.0-only
//
// Vendors by their PCI ids, as far as quirks name them. Linux include/linux/pci_ids.h
#pragma once

#include <cstdint>

namespace iommulab::pci_vendor {

inline constexpr uint16_t adaptec2 = 0x9005;
inline constexpr uint16_t amcc = 0x10e8;
inline constexpr uint16_t amd = 0x1022;
inline constexpr uint16_t ampere = 0x1def;
inline constexpr uint16_t annapurna = 0x1c36;
inline constexpr uint16_t asmedia = 0x1b21;
inline constexpr uint16_t ati = 0x1002;
inline constexpr uint16_t broadcom = 0x14e4;
inline constexpr uint16_t cavium = 0x177d;
inline constexpr uint16_t emulex = 0x10df;
inline constexpr uint16_t glenfly = 0x6766;
inline constexpr uint16_t hxt = 0x1dbf;
inline constexpr uint16_t intel = 0x8086;
inline constexpr uint16_t jmicron = 0x197b;
inline constexpr uint16_t lite_on = 0x1c28;
inline constexpr uint16_t loongson = 0x0014;
inline constexpr uint16_t marvell_ext = 0x1b4b;
inline constexpr uint16_t nxp = 0x1957;
inline constexpr uint16_t plx = 0x10b5;
inline constexpr uint16_t qualcomm = 0x17cb;
inline constexpr uint16_t ricoh = 0x1180;
inline constexpr uint16_t serverengines = 0x19a2;
inline constexpr uint16_t solarflare = 0x1924;
inline constexpr uint16_t tti = 0x1103;
inline constexpr uint16_t wangxun = 0x8088;
inline constexpr uint16_t zhaoxin = 0x1d17;

}  // namespace iommulab::pci_vendor
