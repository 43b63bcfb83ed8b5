// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
#pragma once

#define EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_GPL(symbol)
