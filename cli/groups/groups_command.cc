// SPDX-License-Identifier: GPL-2.0-only
#include "cli/groups/groups_command.h"

#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/groups/group_choice.h"
#include "cli/groups/groups_dot.h"
#include "cli/groups/groups_svg.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "core/text_source.h"
#include "lab/groups/group_reasons.h"

namespace iommulab {
namespace {

constexpr const char* default_kernel = "6.12";

/// A function whose group is not the one that the listing shows.
struct other_company {
  source_id id;
  unsigned recorded = 0;
  int ours = -1;  ///< -1: none
};

struct groups_report {
  groups_subject subject;
  std::string kernel;  ///< the release by whose rules
  std::unique_ptr<machine_groups> groups;
  std::vector<std::string> assumed;
  std::vector<other_company> differences;
};

/// Numbers may be counted from elsewhere: what is compared is who shares a group with whom. Of each
/// of the listing's groups the first function says which of ours it is.
std::vector<other_company> differences_of(const groups_report& report) {
  std::vector<other_company> list;
  std::map<unsigned, int> ours_by_recorded;
  std::map<int, unsigned> recorded_by_ours;
  for (const auto& [id, recorded] : report.subject.recorded) {
    const iommu_group* group = report.groups->group_of(id);
    const int ours = group == nullptr ? -1 : group->id;
    const int expected = ours_by_recorded.try_emplace(recorded, ours).first->second;
    const bool is_theirs =
        group != nullptr && recorded_by_ours.try_emplace(ours, recorded).first->second == recorded;
    if (!is_theirs || ours != expected) list.push_back({id, recorded, ours});
  }
  return list;
}

/// The release that is asked for; else the one that the machine ran, if that is known here.
std::string kernel_of(const groups_arguments& arguments, groups_subject& subject) {
  if (!arguments.kernel.empty()) return arguments.kernel;
  if (subject.release.empty()) {
    if (subject.is_found) {
      subject.assumed.push_back(absl::StrFormat(
          "the rules of Linux %s, as nothing says which kernel the machine ran", default_kernel));
    }
    return default_kernel;
  }
  if (choose_release(subject.release).ok()) return subject.release;
  subject.assumed.push_back(absl::StrFormat(
      "that %s, which the machine ran and which is not known here, makes the groups "
      "that %s makes",
      subject.release, default_kernel));
  return default_kernel;
}

std::string why_not_found(const groups_subject& subject, source_id id) {
  const source_id first{id.segment, id.bus, static_cast<uint8_t>(id.devfn & ~7U)};
  const bool is_first_listed = subject.titles.count(first) != 0;
  return absl::StrCat(" is not found by a scan of its bus, and has no group",
                      is_first_listed ? "" : ": function 0 of its device is not listed");
}

absl::StatusOr<groups_report> report_of(const groups_arguments& arguments) {
  const auto names = pci_names::open(arguments.pci_ids);
  if (!names.ok()) return names.status();
  auto subject = choose_groups_subject(arguments.machine, arguments.dmar_file, *names);
  if (!subject.ok()) return subject.status();
  std::string kernel = kernel_of(arguments, *subject);
  const auto release = choose_release(kernel);
  if (!release.ok()) return release.status();
  auto groups = machine_groups::create(subject->machine, *release);
  if (!groups.ok()) return groups.status();
  groups_report report{*std::move(subject), std::move(kernel), *std::move(groups), {}, {}};
  report.assumed = report.subject.assumed;
  for (const std::string& what : report.groups->assumed()) report.assumed.push_back(what);
  for (const source_id id : report.groups->not_found()) {
    report.assumed.push_back(report.subject.address(id) + why_not_found(report.subject, id));
  }
  report.differences = differences_of(report);
  return report;
}

absl::StatusOr<std::vector<group_reason>> reasons_of(const groups_report& report,
                                                     const std::vector<std::string>& why) {
  std::vector<source_id> functions;
  for (const std::string& address : why) {
    const auto found = report.subject.find(address);
    if (!found || report.groups->pci().find(*found) == nullptr) {
      return errno_status(EINVAL, absl::StrFormat("--why is %s: the machine has no such function",
                                                  iommulab::quoted(address)));
    }
    functions.push_back(*found);
  }
  const auto address = [&](source_id id) { return report.subject.address(id); };
  return functions.size() == 1 ? group_reasons(*report.groups, functions[0], address)
                               : group_reasons(*report.groups, functions[0], functions[1], address);
}

/// What the answer rests on.
std::string footnotes_text(const groups_report& report) {
  std::string text;
  if (!report.subject.release.empty() && report.kernel == report.subject.release) {
    text += absl::StrFormat("kernel: %s, which the machine ran\n", report.kernel);
  }
  for (const std::string& what : report.assumed) text += "assumed: " + what + "\n";
  return text;
}

std::string difference_line(const groups_report& report, const other_company& d) {
  return absl::StrFormat("differs: %s is in group %d of the listing, here in %s",
                         report.subject.address(d.id), d.recorded,
                         d.ours < 0 ? std::string("none") : absl::StrFormat("group %d", d.ours));
}

std::string groups_text(const groups_report& report) {
  std::string text;
  for (const auto& group : report.groups->groups()) {
    text += absl::StrFormat("IOMMU Group %d:\n", group->id);
    for (const iommu_group::member& member : group->devices) {
      const source_id id = pci_source_id(*member.dev->pci);
      text += absl::StrFormat("\t%s %s\n", report.subject.address(id), report.subject.title(id));
    }
  }
  for (const other_company& d : report.differences) {
    text += difference_line(report, d) + "\n";
  }
  return text + footnotes_text(report);
}

std::string reasons_text(const groups_report& report, const std::vector<group_reason>& reasons) {
  std::string text;
  for (const group_reason& reason : reasons) text += "- " + reason.sentence + "\n";
  return text + footnotes_text(report);
}

json groups_json(const groups_report& report) {
  json list = json::array();
  for (const auto& group : report.groups->groups()) {
    json devices = json::array();
    for (const iommu_group::member& member : group->devices) {
      const std::string address = report.subject.address(pci_source_id(*member.dev->pci));
      devices.push_back(address.size() == 7 ? "0000:" + address : address);
    }
    list.push_back({{"id", group->id}, {"devices", std::move(devices)}});
  }
  json differences = json::array();
  for (const other_company& d : report.differences) {
    differences.push_back({{"device", report.subject.address(d.id)},
                           {"listed", d.recorded},
                           {"group", d.ours < 0 ? json(nullptr) : json(d.ours)}});
  }
  return {{"groups", std::move(list)},
          {"kernel", report.kernel},
          {"differences", std::move(differences)},
          {"assumed", report.assumed}};
}

std::string picture_of(const groups_report& report, const groups_arguments& arguments) {
  groups_picture picture{
      absl::StrFormat("IOMMU groups of %s, Linux %s",
                      arguments.machine == "-" ? "standard input" : arguments.machine,
                      report.kernel),
      report.subject,
      topology_of(report.subject.machine, *report.groups),
      {}};
  for (const other_company& d : report.differences) {
    picture.notes.push_back(difference_line(report, d));
  }
  // Functions that are not found are in the picture.
  for (const auto* assumed : {&report.subject.assumed, &report.groups->assumed()}) {
    for (const std::string& what : *assumed) picture.notes.push_back("assumed: " + what);
  }
  return arguments.dot ? groups_dot(picture) : groups_svg(picture);
}

json reasons_json(const groups_report& report, const std::vector<group_reason>& reasons) {
  json list = json::array();
  for (const group_reason& reason : reasons) {
    list.push_back({{"rule", name(reason.rule)},
                    {"device", report.subject.address(reason.about)},
                    {"sentence", reason.sentence}});
  }
  return {{"reasons", std::move(list)}, {"kernel", report.kernel}, {"assumed", report.assumed}};
}

}  // namespace

int run_groups_command(const groups_arguments& arguments, std::ostream& out, std::ostream& err) {
  const auto report = report_of(arguments);
  if (!report.ok()) return complain(err, report.status());
  if (!arguments.why.empty()) {
    const auto reasons = reasons_of(*report, arguments.why);
    if (!reasons.ok()) return complain(err, reasons.status());
    out << (arguments.json
                ? json_text(json_document("group_reasons", reasons_json(*report, *reasons)))
                : reasons_text(*report, *reasons));
    return static_cast<int>(exit_code::good);
  }
  if (arguments.dot || arguments.svg) {
    out << picture_of(*report, arguments);
  } else {
    out << (arguments.json ? json_text(json_document("groups", groups_json(*report)))
                           : groups_text(*report));
  }
  return static_cast<int>(report->differences.empty() ? exit_code::good : exit_code::finding);
}

void add_groups_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<groups_arguments>();
  CLI::App* const command =
      app.add_subcommand("groups", "Show the IOMMU groups that Linux makes of a machine, and why");
  command
      ->add_option("--machine", a->machine,
                   absl::StrCat(machine_option_words,
                                "; or what `sudo lspci -vvnn` printed, - for standard input"))
      ->type_name("NAME|DIR|FILE")
      ->capture_default_str();
  command
      ->add_option("--kernel", a->kernel,
                   "Release of Linux since 4.4, with what it has quirks for: 6.12, 5.11 …; default "
                   "the one that the machine ran, where that is known, else 6.12")
      ->type_name("RELEASE");
  command->add_option("--dmar", a->dmar_file, "DMAR table of the machine: its units number groups")
      ->type_name("FILE");
  command
      ->add_option("--pci-ids", a->pci_ids,
                   "Names of devices, for functions that no listing names; default the system's "
                   "pci.ids")
      ->type_name("FILE");
  command
      ->add_option("--why", a->why, "Say why a function is in its group, or why two are together")
      ->type_name("BDF")
      ->expected(1, 2);
  command->add_flag("--json", a->json, "Print one JSON document");
  command->add_flag("--dot", a->dot, "Print a picture of the topology for Graphviz's dot")
      ->excludes("--json")
      ->excludes("--why");
  command->add_flag("--svg", a->svg, "Print a picture of the topology as an SVG document")
      ->excludes("--dot")
      ->excludes("--json")
      ->excludes("--why");
  command->footer(
      "Exit status: 0 good; 1 the groups differ from those of the listing; 2 bad use or input.");
  command->callback(
      [a, &exit_status] { exit_status = run_groups_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
