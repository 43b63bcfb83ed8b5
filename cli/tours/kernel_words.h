// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

namespace iommulab::tours {

/// " --kernel v4_4"; nothing for the default kernel.
std::string kernel_words(std::string_view profile);

/// A command of a tour with the words that name the kernel (" --kernel v4_4", or nothing) behind
/// it, if it runs one and names none itself.
std::string with_kernel(const std::string& command, const std::string& kernel);

}  // namespace iommulab::tours
