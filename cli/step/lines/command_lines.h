// SPDX-License-Identifier: GPL-2.0-only
//
// Where the stepper's commands come from: a script, standard input, a terminal.
#pragma once

#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::step {

class command_lines {
 public:
  virtual ~command_lines() = default;

  /// The next line without its end; nothing when there are no more.
  virtual std::optional<std::string> next() = 0;
  /// Where the line that next() gave last stands: "first.step: line 3". Empty where somebody types.
  [[nodiscard]] virtual std::string place() const = 0;
};

/// The lines of a text, which is called `name`.
class listed_lines final : public command_lines {
 public:
  listed_lines(std::string name, std::vector<std::string> lines)
      : name_(std::move(name)), lines_(std::move(lines)) {}

  std::optional<std::string> next() override;
  [[nodiscard]] std::string place() const override;

 private:
  std::string name_;
  std::vector<std::string> lines_;
  size_t taken_ = 0;
};

/// One line, which is named as what it says.
class given_line final : public command_lines {
 public:
  explicit given_line(std::string line) : line_(std::move(line)) {}

  std::optional<std::string> next() override;
  [[nodiscard]] std::string place() const override;

 private:
  std::string line_;
  bool taken_ = false;
};

/// A stream that is read as far as it is needed.
class streamed_lines final : public command_lines {
 public:
  /// `in` outlives the object. `name` is what place() calls it.
  streamed_lines(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {}

  std::optional<std::string> next() override;
  [[nodiscard]] std::string place() const override;

 private:
  std::istream& in_;
  std::string name_;
  size_t taken_ = 0;
};

/// Somebody who types at a prompt, where lines cannot be edited.
class prompted_lines final : public command_lines {
 public:
  /// Both outlive the object.
  prompted_lines(std::istream& in, std::ostream& out) : in_(in), out_(out) {}

  std::optional<std::string> next() override;
  [[nodiscard]] std::string place() const override { return {}; }

 private:
  std::istream& in_;
  std::ostream& out_;
};

inline constexpr char prompt[] = "(iommulab) ";

/// What could stand at the end of `text`: from `begin` on, any of `words`.
struct completion {
  size_t begin = 0;
  std::vector<std::string> words;
};
using completer = std::function<completion(const std::string& text)>;

/// A terminal as standard input and output: with editing, history and completion where the build
/// has libedit, else prompted_lines. `complete` is called while next() runs.
std::unique_ptr<command_lines> terminal_lines(std::istream& in, std::ostream& out,
                                              completer complete);

}  // namespace iommulab::step
