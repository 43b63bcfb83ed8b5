// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what 6.12's DMA code needs; see bench/kernel/README.md.
#pragma once

#include <linux/mm.h>
