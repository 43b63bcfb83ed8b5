// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the captures are, and what a test says about one by plain scanning, without the readers
// under test.
#pragma once

#include <string>
#include <vector>

namespace iommulab::verify {

/// $IOMMULAB_GOLDEN, else tests/golden, else ../shared/golden beside the source root: the first
/// that holds captures of Linux 4.4; empty when none does.
std::string golden_root();

/// Paths of all capture folders below kernel/v4_4/boot, firmware and hotplug, sorted.
std::vector<std::string> capture_paths();

/// Path of one capture, "boot/default".
std::string capture_path(const std::string& name);

/// The lines of FILE or FILE.xz in a capture, by the xz program; empty when there is neither.
std::vector<std::string> scan(const std::string& capture, const std::string& file);

/// Number of `lines` in which `text` occurs.
size_t count(const std::vector<std::string>& lines, const std::string& text);

}  // namespace iommulab::verify
