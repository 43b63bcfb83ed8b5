// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/qemu_device.h"

#include <cerrno>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace iommulab {
namespace {

/// Up to the next comma that is not doubled, which is taken off `text` with it.
std::string take_option(std::string_view& text) {
  std::string option;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == ',') {
      if (!text.starts_with(',')) return option;
      text.remove_prefix(1);
    }
    option += c;
  }
  return option;
}

std::string json_value(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<qemu_properties> parse_json_properties(std::string_view text) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return errno_status(EINVAL, "not a JSON object");
  qemu_properties properties;
  for (const auto& [name, value] : object.items()) properties.emplace_back(name, json_value(value));
  return properties;
}

}  // namespace

qemu_properties parse_qemu_options(std::string_view text, std::string_view implied) {
  qemu_properties properties;
  bool first = true;
  while (!text.empty()) {
    const std::string option = take_option(text);
    const size_t equals = option.find('=');
    if (equals != std::string::npos) {
      properties.emplace_back(option.substr(0, equals), option.substr(equals + 1));
    } else if (first) {
      properties.emplace_back(implied, option);
    } else if (option.starts_with("no") && option.size() > 2) {
      properties.emplace_back(option.substr(2), "off");
    } else if (!option.empty()) {
      properties.emplace_back(option, "on");
    }
    first = false;
  }
  return properties;
}

absl::StatusOr<qemu_device> parse_qemu_device(std::string_view text) {
  qemu_properties all;
  if (text.starts_with('{')) {
    absl::StatusOr<qemu_properties> object = parse_json_properties(text);
    if (!object.ok()) return object.status();
    all = *std::move(object);
  } else {
    all = parse_qemu_options(text, "driver");
  }
  qemu_device device;
  for (auto& [name, value] : all) {
    if (name == "driver") {
      device.driver = value;
    } else if (name == "id") {
      device.id = value;
    } else {
      device.properties.emplace_back(std::move(name), std::move(value));
    }
  }
  if (device.driver.empty()) return errno_status(EINVAL, "it names no driver");
  return device;
}

std::optional<bool> parse_qemu_switch(std::string_view value) {
  for (const std::string_view word : {"on", "yes", "true", "y"}) {
    if (value == word) return true;
  }
  for (const std::string_view word : {"off", "no", "false", "n"}) {
    if (value == word) return false;
  }
  return std::nullopt;
}

}  // namespace iommulab
