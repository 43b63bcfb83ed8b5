// SPDX-License-Identifier: GPL-2.0-only
//
// Tests that gain by running long do a part of their work by default, and all of it when
// IOMMULAB_LONG is set, as `script/test --long` does.
#pragma once

namespace iommulab {

bool is_long_run();

}  // namespace iommulab
