// SPDX-License-Identifier: GPL-2.0-only
//
// Where the captures are, and what a test says about one by plain scanning, without the readers
// under test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/golden.h"

namespace iommulab::verify {

/// Empty when the golden root has no captures of Linux 4.4.
std::string golden_root();

/// Paths of all capture folders below kernel/v4_4/boot, firmware and hotplug, sorted.
std::vector<std::string> capture_paths();

/// Path of one capture, "boot/default".
std::string capture_path(const std::string& name);
bool has_capture(const std::string& name);

/// Ends the test when the golden root lacks the capture that it is about.
#define IOMMULAB_NEEDS_CAPTURE(name) \
  if (!has_capture(name)) IOMMULAB_MISSING("no capture " << (name) << " of Linux 4.4")

/// The lines of FILE or FILE.xz in a capture, by the xz program; empty when there is neither.
std::vector<std::string> scan(const std::string& capture, const std::string& file);

/// Number of `lines` in which `text` occurs.
size_t count(const std::vector<std::string>& lines, const std::string& text);

}  // namespace iommulab::verify
