// SPDX-License-Identifier: GPL-2.0-only
#include "cli/verify/verify_junit.h"

#include <sstream>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "pugixml.hpp"

namespace iommulab {
namespace {

using verify::class_result;

/// XML has no place for control characters, and paths may hold bytes that are no UTF-8.
std::string clean(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isprint(byte) || c == '\n') {
      shown += c;
    } else {
      absl::StrAppend(&shown, absl::CHexEscape(std::string(1, c)));
    }
  }
  return shown;
}

void set(pugi::xml_node node, const char* attribute, std::string_view value) {
  node.append_attribute(attribute).set_value(clean(value).c_str());
}

void set_counts(pugi::xml_node node, const junit_counts& counts) {
  node.append_attribute("tests").set_value(counts.tests);
  node.append_attribute("failures").set_value(counts.failures);
  node.append_attribute("errors").set_value(counts.errors);
  node.append_attribute("skipped").set_value(counts.skipped);
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

pugi::xml_node add_case(pugi::xml_node suite, const std::string& path, std::string_view name) {
  pugi::xml_node made = suite.append_child("testcase");
  set(made, "classname", path);
  set(made, "name", name);
  return made;
}

void add_failure(pugi::xml_node test, const class_result& result) {
  pugi::xml_node failure = test.append_child("failure");
  set(failure, "message", first_line(result.report));
  set(failure, "type", name(result.status));
  failure.text().set(clean(to_string(result)).c_str());
}

void add_class(pugi::xml_node suite, const std::string& path, const class_result& result,
               junit_counts& counts) {
  ++counts.tests;
  pugi::xml_node test = add_case(suite, path, result.name);
  if (result.is_left_out()) {
    ++counts.skipped;
    set(test.append_child("skipped"), "message", result.report);
  } else if (!result.passes()) {
    ++counts.failures;
    add_failure(test, result);
  } else if (result.status == class_result::outcome::known) {
    test.append_child("system-out").text().set(clean(to_string(result)).c_str());
  }
}

}  // namespace

struct junit_report::document {
  pugi::xml_document xml;
  pugi::xml_node suites;
  junit_counts all;
};

junit_report::junit_report() : document_(std::make_unique<document>()) {
  pugi::xml_node declaration = document_->xml.append_child(pugi::node_declaration);
  declaration.append_attribute("version").set_value("1.0");
  declaration.append_attribute("encoding").set_value("UTF-8");
  document_->suites = document_->xml.append_child("testsuites");
  document_->suites.append_attribute("name").set_value("iommulab verify");
}

junit_report::~junit_report() = default;

void junit_report::add(const verify::verification& done) {
  pugi::xml_node suite = document_->suites.append_child("testsuite");
  set(suite, "name", done.path);
  junit_counts counts;
  for (const class_result& result : done.results) add_class(suite, done.path, result, counts);
  set_counts(suite, counts);
  document_->all += counts;
}

void junit_report::add_not_run(const std::string& path, const std::string& error) {
  pugi::xml_node suite = document_->suites.append_child("testsuite");
  set(suite, "name", path);
  set(add_case(suite, path, "capture").append_child("error"), "message", error);
  const junit_counts counts{.tests = 1, .errors = 1};
  set_counts(suite, counts);
  document_->all += counts;
}

std::string junit_report::text() {
  set_counts(document_->suites, document_->all);
  std::ostringstream out;
  document_->xml.save(out, "  ");
  return out.str();
}

}  // namespace iommulab
