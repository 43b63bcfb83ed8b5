// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/qemu_arguments.h"

#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr std::string_view unit_driver = "intel-iommu";

struct word {
  std::string text;
  size_t line = 1;
};

/// Splits a shell's command line: blanks, quotation marks of both kinds, backslashes.
class shell_splitter {
 public:
  std::vector<word> split(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool escapes = c == '\\' && quote_ != '\'' && i + 1 < text.size();
      if (escapes) {
        take_escaped(text[++i]);
      } else {
        take(c);
      }
      if (text[i] == '\n') ++line_;
    }
    end_word();
    return std::move(words_);
  }

 private:
  void take(char c) {
    if (quote_ != 0 && c == quote_) {
      quote_ = 0;
    } else if (quote_ == 0 && (c == '\'' || c == '"')) {
      quote_ = c;
      begin_word();
    } else if (quote_ == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      end_word();
    } else {
      begin_word();
      current_.text += c;
    }
  }

  /// A backslash at a line's end joins the lines; between double quotes it stays before what it
  /// does not protect.
  void take_escaped(char c) {
    if (c == '\n') return;
    begin_word();
    if (quote_ == '"' && c != '"' && c != '\\' && c != '$' && c != '`') current_.text += '\\';
    current_.text += c;
  }

  void begin_word() {
    if (!in_word_) current_ = word{"", line_};
    in_word_ = true;
  }
  void end_word() {
    if (in_word_) words_.push_back(std::exchange(current_, word()));
    in_word_ = false;
  }

  std::vector<word> words_;
  word current_;
  bool in_word_ = false;
  size_t line_ = 1;
  char quote_ = 0;
};

/// The name of an option, "-device" or "--device"; empty for a word that is none.
std::string_view option_name(std::string_view text) {
  if (!text.starts_with('-')) return {};
  text.remove_prefix(text.starts_with("--") ? 2 : 1);
  return text;
}

/// A "-device", where it stands.
struct device_argument {
  qemu_device device;
  word argument;
};

class argument_reader {
 public:
  explicit argument_reader(const text_source& source)
      : source_(source), words_(shell_splitter().split(source.text)) {}

  absl::StatusOr<qemu_arguments> read() {
    for (size_t i = 0; i < words_.size(); ++i) {
      const std::string_view name = option_name(words_[i].text);
      if (name == "enable-kvm") kvm_ = true;
      const auto take = taker_of(name);
      if (take == nullptr) continue;
      if (i + 1 == words_.size()) return refuse(words_[i], words_[i].text, "it has no value");
      if (absl::Status status = (this->*take)(words_[i + 1]); !status.ok()) return status;
    }
    if (memory_ == 0) return line_error(source_.name, 1, "-m", "", "it is missing");
    qemu_arguments arguments;
    arguments.memory = memory_;
    if (absl::Status status = make_devices(arguments); !status.ok()) return status;
    return arguments;
  }

 private:
  using taker = absl::Status (argument_reader::*)(const word&);

  /// What reads the value of an option; null for one that says nothing here.
  static taker taker_of(std::string_view option) {
    if (option == "m") return &argument_reader::take_memory;
    if (option == "device") return &argument_reader::take_device;
    if (option == "machine" || option == "M") return &argument_reader::take_machine;
    if (option == "accel") return &argument_reader::take_accelerator;
    if (option == "global") return &argument_reader::take_global;
    if (option == "set") return &argument_reader::take_set;
    return nullptr;
  }

  absl::Status refuse(const word& value, std::string_view option, std::string_view why) const {
    return line_error(source_.name, value.line, option, value.text, why);
  }

  absl::Status take_memory(const word& value) {
    for (const auto& [name, text] : parse_qemu_options(value.text, "size")) {
      if (name != "size") continue;
      const auto memory = parse_memory_size(text);
      if (!memory) return refuse(value, "-m", "not a memory size");
      memory_ = *memory;
    }
    return absl::OkStatus();
  }

  absl::Status take_device(const word& value) {
    absl::StatusOr<qemu_device> device = parse_qemu_device(value.text);
    if (!device.ok()) return refuse(value, "-device", std::string(device.status().message()));
    devices_.push_back({*std::move(device), value});
    return absl::OkStatus();
  }

  absl::Status take_machine(const word& value) {
    for (const auto& [name, text] : parse_qemu_options(value.text, "type")) {
      if (name == "accel") take_accelerator_name(text);
      if (name == "kernel-irqchip" || name == "kernel_irqchip") irqchip_ = text;
      if (name != "iommu") continue;
      const auto on = parse_qemu_switch(text);
      if (!on) return refuse(value, "-machine", "its iommu is not on or off");
      if (*on) old_unit_ = value;
    }
    return absl::OkStatus();
  }

  absl::Status take_accelerator(const word& value) {
    for (const auto& [name, text] : parse_qemu_options(value.text, "accel")) {
      if (name == "accel") take_accelerator_name(text);
      if (name == "kernel-irqchip") irqchip_ = text;
    }
    return absl::OkStatus();
  }
  /// Of "kvm:tcg" the first that works is taken.
  void take_accelerator_name(std::string_view name) { kvm_ |= name.starts_with("kvm"); }

  /// "intel-iommu.pt=off", or "driver=intel-iommu,property=pt,value=off".
  absl::Status take_global(const word& value) {
    const std::string_view text = value.text;
    const size_t dot = text.find('.');
    const size_t equals = text.find('=');
    std::string driver;
    std::string name;
    std::string setting;
    if (dot < equals && equals != std::string_view::npos) {
      driver = text.substr(0, dot);
      name = text.substr(dot + 1, equals - dot - 1);
      setting = text.substr(equals + 1);
    } else {
      for (const auto& [key, part] : parse_qemu_options(text, "driver")) {
        if (key == "driver") driver = part;
        if (key == "property") name = part;
        if (key == "value") setting = part;
      }
    }
    // x86-iommu is what intel-iommu is a kind of.
    if (driver == unit_driver || driver == "x86-iommu") {
      globals_.push_back({{std::string(unit_driver), "", {{name, setting}}}, value});
    }
    if (driver == "edu") globals_.push_back({{driver, "", {{name, setting}}}, value});
    return absl::OkStatus();
  }

  /// "device.ID.NAME=VALUE"
  absl::Status take_set(const word& value) {
    std::string_view text = value.text;
    if (!take_prefix(text, "device.")) return absl::OkStatus();
    const size_t dot = text.find('.');
    const size_t equals = text.find('=');
    if (dot > equals || equals == std::string_view::npos) {
      return refuse(value, "-set", "not of the form device.ID.NAME=VALUE");
    }
    for (device_argument& d : devices_) {
      if (d.device.id != text.substr(0, dot)) continue;
      d.device.properties.emplace_back(text.substr(dot + 1, equals - dot - 1),
                                       text.substr(equals + 1));
    }
    return absl::OkStatus();
  }

  [[nodiscard]] qemu_irqchip irqchip() const {
    if (!kvm_ || parse_qemu_switch(irqchip_) == false) return qemu_irqchip::emulated;
    return irqchip_ == "split" ? qemu_irqchip::split : qemu_irqchip::in_kernel;
  }

  /// The globals of its driver go before a device's own properties.
  [[nodiscard]] qemu_properties properties_of(const qemu_device& device) const {
    qemu_properties all;
    for (const device_argument& global : globals_) {
      if (global.device.driver == device.driver) all.push_back(global.device.properties.front());
    }
    all.insert(all.end(), device.properties.begin(), device.properties.end());
    return all;
  }

  absl::Status make_devices(qemu_arguments& arguments) const {
    for (const device_argument& d : devices_) {
      const absl::Status status = make_device(d, arguments);
      if (!status.ok()) return status;
    }
    if (!old_unit_ || !arguments.units.empty()) return absl::OkStatus();
    // The unit that this made had no interrupt remapping.
    absl::StatusOr<qemu_unit_options> unit = parse_qemu_unit(
        properties_of({std::string(unit_driver), "", {{"intremap", "off"}}}), irqchip());
    if (!unit.ok()) return refuse(*old_unit_, "-machine", std::string(unit.status().message()));
    arguments.units.push_back(qemu_unit(*unit));
    return absl::OkStatus();
  }

  absl::Status make_device(const device_argument& d, qemu_arguments& arguments) const {
    const qemu_properties properties = properties_of(d.device);
    if (d.device.driver == "edu") {
      const absl::StatusOr<qemu_edu> edu = parse_qemu_edu(properties);
      if (!edu.ok()) return refuse(d.argument, "-device", std::string(edu.status().message()));
      arguments.edus.push_back(*edu);
    }
    if (d.device.driver != unit_driver) return absl::OkStatus();
    const absl::StatusOr<qemu_unit_options> options = parse_qemu_unit(properties, irqchip());
    if (!options.ok())
      return refuse(d.argument, "-device", std::string(options.status().message()));
    if (!arguments.units.empty()) {
      return refuse(d.argument, "-device",
                    absl::StrFormat("a second %s: both would have their registers at 0x%x, and "
                                    "QEMU has one",
                                    unit_driver, arguments.units.front().base.value()));
    }
    arguments.units.push_back(qemu_unit(*options));
    return absl::OkStatus();
  }

  const text_source& source_;
  std::vector<word> words_;
  uint64_t memory_ = 0;
  std::vector<device_argument> devices_;
  std::vector<device_argument> globals_;  ///< one property each
  std::optional<word> old_unit_;          ///< the -machine that asks for one
  bool kvm_ = false;
  std::string irqchip_;
};

}  // namespace

absl::StatusOr<qemu_arguments> parse_qemu_arguments(const text_source& source) {
  return argument_reader(source).read();
}

}  // namespace iommulab
