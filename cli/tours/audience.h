// SPDX-License-Identifier: GPL-2.0-only
//
// Who a tour is shown to: somebody at a terminal who is waited for, or nobody.
#pragma once

#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace iommulab::tours {

class audience {
 public:
  virtual ~audience() = default;

  /// Waits until a line was typed, which is empty for Enter alone. Nothing: the reader leaves.
  virtual std::optional<std::string> wait(std::string_view prompt) = 0;
};

/// Is never waited for.
class no_audience final : public audience {
 public:
  std::optional<std::string> wait(std::string_view /*prompt*/) override { return ""; }
};

/// Types at a prompt; "q" and the end of the input leave.
class typing_audience final : public audience {
 public:
  /// Both outlive the object.
  typing_audience(std::istream& in, std::ostream& out) : in_(in), out_(out) {}

  std::optional<std::string> wait(std::string_view prompt) override;

 private:
  std::istream& in_;
  std::ostream& out_;
};

}  // namespace iommulab::tours
