// SPDX-License-Identifier: GPL-2.0-only
//
// The recordings with four stops, read: what their files say of each other holds, as far as it can
// be said without a run. Whatever folders there are below kernel/v6_*/boot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/captures.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/interrupt_remapping.h"
#include "lab/replay/stops/dma_api_file.h"
#include "lab/replay/stops/group_listing.h"
#include "lab/replay/stops/later_calls.h"
#include "lab/replay/stops/queue_dump.h"
#include "lab/replay/stops/stop_steps.h"
#include "lab/replay/stops/tracepoint_file.h"
#include "lab/replay/table_dump.h"
#include "support/golden.h"

namespace iommulab::verify::stop_recordings_test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> recordings() {
  std::vector<std::string> found;
  for (const char* version : {"v6_12"}) {
    const fs::path boots = golden::root() / "kernel" / version / "boot";
    for (const std::string& name : golden::cases(boots)) found.push_back((boots / name).string());
  }
  return found;
}

std::string recording_name(const testing::TestParamInfo<std::string>& info) {
  const fs::path path(info.param);
  std::string name =
      path.parent_path().parent_path().filename().string() + "_" + path.filename().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

size_t lines_with(const std::vector<std::string>& lines, std::string_view prefix) {
  return static_cast<size_t>(
      std::count_if(lines.begin(), lines.end(),
                    [&](const std::string& line) { return line.starts_with(prefix); }));
}

bool is_one_of(const std::string& word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class recording : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto opened = capture_folder::open(GetParam());
    ASSERT_TRUE(opened.ok()) << opened.status();
    folder_.emplace(*std::move(opened));
    ASSERT_EQ(folder_->recording(), recording_kind::stops);
  }
  [[nodiscard]] std::vector<std::string> scanned(const std::string& file) const {
    return scan(GetParam(), file);
  }

  std::optional<capture_folder> folder_;
};

TEST_P(recording, every_call_of_a_device_has_its_place_among_the_events) {
  const auto events = read_tracepoints(*folder_);
  ASSERT_TRUE(events.ok()) << events.status();
  const auto files = read_dma_api_files(*folder_);
  ASSERT_TRUE(files.ok()) << files.status();
  const auto steps = steps_of_stops(*folder_, *events, *files);
  ASSERT_TRUE(steps.ok()) << steps.status();
  const auto steps_that_are = [&](stop_step::kind what) {
    return static_cast<size_t>(std::count_if(steps->begin(), steps->end(),
                                             [&](const stop_step& s) { return s.what == what; }));
  };
  size_t calls = 0;
  size_t timers = 0;
  for (const dma_api_file& file : *files) {
    for (const std::string& line : scanned(file.name)) {
      const bool call = !line.empty() && line[0] != ' ' && line[0] != '#';
      if (line.starts_with("flush timer ")) {
        ++timers;
      } else if (call && !line.starts_with("flush full ")) {
        ++calls;
      }
    }
  }
  EXPECT_EQ(steps_that_are(stop_step::kind::call), calls);
  EXPECT_EQ(steps_that_are(stop_step::kind::timer), timers);
  EXPECT_EQ(steps_that_are(stop_step::kind::fault), 1u);
}

/// The ring is what was handed in, each with its wait, from the beginning again behind 256.
TEST_P(recording, the_ring_holds_what_was_handed_in) {
  const auto events = read_tracepoints(*folder_);
  ASSERT_TRUE(events.ok()) << events.status();
  std::vector<std::array<uint64_t, 4>> handed_in;
  size_t next = 0;
  std::vector<std::string> phases;
  for (const char* stop : {"boot", "work", "unbind", "fault"}) {
    phases.emplace_back(stop);
    for (; next < events->size() && is_one_of((*events)[next].phase, phases); ++next) {
      if (const auto s = parse_submission((*events)[next].text)) {
        handed_in.push_back({s->words[0], s->words[1], s->words[2], s->words[3]});
      }
    }
    const auto dump = read_queue_dump(*folder_, absl::StrCat("queue-", stop, ".txt"));
    ASSERT_TRUE(dump.ok()) << dump.status();
    EXPECT_EQ(dump->descriptors.size() + 1, scanned(absl::StrCat("queue-", stop, ".txt")).size());
    const numbered_lines theirs = ring_lines(*dump);
    const numbered_lines ours = ring_lines(ring_of(handed_in, *dump));
    ASSERT_EQ(theirs.size(), ours.size()) << stop;
    for (size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(theirs[i].text, ours[i].text) << stop;
  }
}

/// Nothing of a dump is lost, in any mode.
TEST_P(recording, every_row_of_a_dump_hangs_below_the_root) {
  for (const char* stop : {"boot", "work", "unbind", "fault"}) {
    const std::string file = absl::StrCat("pt-", stop, ".txt");
    const auto dump = dumped_tables::read(*folder_, file);
    ASSERT_TRUE(dump.ok()) << dump.status();
    size_t rows = 0;
    for (const std::string& line : scanned(file)) {
      if (!line.empty() && line[0] != '#' && line[0] != 'I') ++rows;
    }
    EXPECT_EQ(dump->entry_count(), rows) << file;
    const numbered_lines walked = table_lines(*dump, dump->root(), page_names::exact());
    EXPECT_EQ(walked.size(), dump->root() ? rows : 1) << file;
    EXPECT_EQ(dump->is_scalable(), lines_with(scanned(file), "S ") > 0) << file;
  }
}

TEST_P(recording, every_read_up_to_the_fault_has_its_value) {
  const auto trace = read_trace_lines(*folder_, 1, SIZE_MAX);
  ASSERT_TRUE(trace.ok()) << trace.status();
  const auto marks = read_marks(*folder_);
  ASSERT_TRUE(marks.ok()) << marks.status();
  const auto fault = std::find_if(marks->begin(), marks->end(),
                                  [](const trace_mark& mark) { return mark.name == "fault"; });
  ASSERT_NE(fault, marks->end());
  size_t reads = 0;
  for (const register_access& access : trace->accesses) {
    if (access.is_write) continue;
    ++reads;
    EXPECT_EQ(access.read.has_value(), access.line <= fault->line) << access.line;
  }
  EXPECT_EQ(reads, scanned("vtd-reads.txt").size());
}

/// What the driver handed in is what the unit fetched, with a wait behind each.
TEST_P(recording, the_unit_fetched_what_was_handed_in) {
  const auto events = read_tracepoints(*folder_);
  ASSERT_TRUE(events.ok()) << events.status();
  const auto marks = read_marks(*folder_);
  ASSERT_TRUE(marks.ok()) << marks.status();
  const auto trace = read_trace_lines(*folder_, 1, (*marks)[marks->size() - 2].line);
  ASSERT_TRUE(trace.ok()) << trace.status();
  const auto whole = with_unseen_descriptors(*folder_, *trace, *events);
  ASSERT_TRUE(whole.ok()) << whole.status();
  std::vector<std::pair<uint64_t, uint64_t>> fetched;
  for (size_t i = 0; i < whole->descriptors.size(); i += 2) {
    fetched.emplace_back(whole->descriptors[i].low, whole->descriptors[i].high);
    ASSERT_LT(i + 1, whole->descriptors.size());
    EXPECT_EQ(whole->descriptors[i + 1].low, 0x200000025u) << whole->descriptors[i + 1].line;
  }
  std::vector<std::pair<uint64_t, uint64_t>> handed_in;
  for (const tracepoint& event : *events) {
    const auto s = parse_submission(event.text);
    if (s) handed_in.emplace_back(s->words[0], s->words[1]);
  }
  EXPECT_EQ(fetched, handed_in);
}

/// Reading holds a tree against its folded form.
TEST_P(recording, call_trees_are_their_folded_forms) {
  for (const char* file : {"fgraph/boot.txt", "fgraph/work.txt"}) {
    if (!folder_->has(file)) continue;
    const auto calls = read_later_calls(*folder_, file);
    EXPECT_TRUE(calls.ok()) << calls.status();
  }
}

TEST_P(recording, groups_are_those_of_sysfs) {
  if (!folder_->has(groups_file)) return;
  const auto types = read_group_types(*folder_);
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_EQ(lines_with(scanned(groups_file), "group "),
            lines_with(scanned("sysfs-iommu.txt"), "group "));
}

INSTANTIATE_TEST_SUITE_P(golden, recording, testing::ValuesIn(recordings()), recording_name);

TEST(stop_recordings, are_found) {
  if (recordings().empty()) IOMMULAB_MISSING("no starts of Linux 6.1 or 6.12");
}

/// A start-up without what interrupt remapping adds.
hardware_trace filtered_start_up(const std::string& name) {
  const auto folder = capture_folder::open((golden::root() / "kernel/v6_12/boot" / name).string());
  EXPECT_TRUE(folder.ok()) << folder.status();
  if (!folder.ok()) return {};
  const auto trace = read_start_up_trace(*folder);
  EXPECT_TRUE(trace.ok()) << trace.status();
  if (!trace.ok()) return {};
  return without_interrupt_remapping(*trace, trace->last_line,
                                     interrupt_style::later(false, false));
}

std::vector<std::string> texts(const numbered_lines& lines) {
  std::vector<std::string> found;
  for (const numbered_line& line : lines) found.push_back(line.text);
  return found;
}

/// The same machine without interrupt remapping does what stays of the others, but for what its
/// capabilities read.
TEST(stop_recordings, what_interrupt_remapping_adds_is_taken_out) {
  if (!fs::is_directory(golden::root() / "kernel/v6_12/boot/intremap-off")) {
    IOMMULAB_MISSING("no capture boot/intremap-off of Linux 6.12");
  }
  const hardware_trace plain = filtered_start_up("intremap-off");
  constexpr uint64_t ecap = 0x10;
  for (const char* name : {"default", "passthrough", "strict", "forcedac"}) {
    hardware_trace filtered = filtered_start_up(name);
    for (register_access& access : filtered.accesses) {
      if (access.offset != ecap) continue;
      EXPECT_EQ(access.read, 0xf00f4au) << name;
      access.read = 0xf42;  // without IR and MHMV
    }
    const auto listed = [](const hardware_trace& trace) {
      page_names names = page_names::by_appearance(roles_of(trace));
      std::vector<std::string> all = texts(register_lines(trace, names));
      for (std::string& line : texts(queue_lines(trace, names))) all.push_back(line);
      return all;
    };
    EXPECT_EQ(listed(plain), listed(filtered)) << name;
  }
  EXPECT_EQ(plain.descriptors.size(), 4u);
}

/// Of a kernel that does not translate stays that it says so: GCMD without the queue, GSTS.
TEST(stop_recordings, without_translation_the_last_command_stays) {
  if (!fs::is_directory(golden::root() / "kernel/v6_12/boot/iommu-off")) {
    IOMMULAB_MISSING("no capture boot/iommu-off of Linux 6.12");
  }
  const hardware_trace off = filtered_start_up("iommu-off");
  EXPECT_TRUE(off.descriptors.empty());
  EXPECT_THAT(texts(register_lines(off, page_names::exact())),
              testing::ElementsAre("vtd_reg_read addr 0x8 size 0x8 value 0xd2008c22260206",
                                   "vtd_reg_read addr 0x10 size 0x8 value 0xf00f4a",
                                   "vtd_reg_read addr 0x8 size 0x8 value 0xd2008c22260206",
                                   "vtd_reg_read addr 0x10 size 0x8 value 0xf00f4a",
                                   "vtd_reg_read addr 0x0 size 0x4 value 0x10",
                                   "vtd_reg_read addr 0x1c size 0x4 value 0x0",
                                   "vtd_reg_write addr 0x18 size 0x4 value 0x0",
                                   "vtd_reg_read addr 0x1c size 0x4 value 0x0"));
}

/// Puts `text` in place of the first `old` that follows `after`.
struct damage {
  const char* file;
  const char* after;
  const char* old;
  const char* text;
};

constexpr damage damages[] = {
    {"events.txt", "", "# phase unbind", "# phase bind"},
    {"events.txt", "# phase work", "\n- map_page: ", "\n-map_page: "},
    {"events.txt", "", "qi_submit: iotlb_inv dmar0: 0xd2 0x0", "qi_submit: iotlb_inv dmar0: 0xd2"},
    {"events.txt", "# phase work", "map_page: dev=\"0000:00:05.0\" off=0x0 size=0x1000",
     "map_page: dev=\"0000:00:05.0\" off=0x0 size=0x2000"},
    {"events.txt", "# phase work", "map_page: dev=\"0000:00:05.0\" off=0x0",
     "map_page: dev=\"0000:00:05.0\" off=0x10"},
    {"events.txt", "# phase work", "unmap_sg: dev=\"0000:00:1f.2\"",
     "unmap_sg: dev=\"0000:00:1f.3\""},
    {"dma-api/0000:00:05.0.txt", "", "\nmap_page ", "\nmap_pages "},
    {"dma-api/0000:00:05.0.txt", "", "\nmap_page ", "\nunmap_page "},
    {"dma-api/0000:00:05.0.txt", "flush timer", "did=5", "did=6"},
    {"dma-api/0000:00:05.0.txt", "", "\n  iova ", "\n  iov "},
    {"dma-api/0000:00:05.0.txt", "", "\n  map iova=0xfffff000 pa=", "\n  map iova=0xfffff000 p="},
    {"dma-api/0000:00:1f.2.txt", "map_sg nents=16 ", "phys=0x", "phys=0x1"},
    {"dma-api/0000:00:1f.2.txt", "", "dma_mask_bits=64", "dma_mask_bits=65"},
    {"groups.txt", "", "type=", "kind="},
    {"groups.txt", "", "  reserved 0x", "  reserved x"},
    {"queue-boot.txt", "", "16 bytes", "64 bytes"},
    {"queue-boot.txt", "", " 1 lo=", " 0 lo="},
    {"queue-work.txt", "", " hi=", " high="},
    {"pt-boot.txt", "", "\nC 0x", "\nK 0x"},
    {"pt-work.txt", "", "# root table", "# table"},
    {"pt-work.txt", "", "# domain did=2 pgd=", "# domain did=2 table="},
    {"vtd-reads.txt", "", "5 CAP 0x8 8", "5 CAP 0x8 4"},
    {"vtd-reads.txt", "", "5 CAP", "6 CAP"},
    {"vtd-reads.txt", "", " 0x10\n", " 10z\n"},
    {"fgraph/boot.txt", "", "dmar_table_init();", "dmar_table_init() {"},
    {"fgraph/boot-tree.txt", "", "dmar_table_init();", "dmar_table_fini();"},
    {"fgraph/boot-tree.txt", "", "/* x3 */", "/* x2 */"},
};

/// Everything that reads a recording without running it; the first complaint.
std::string complaint_about(const std::string& path) {
  const auto folder = capture_folder::open(path);
  if (!folder.ok()) return std::string(folder.status().message());
  std::vector<absl::Status> all;
  const auto events = read_tracepoints(*folder);
  all.push_back(events.status());
  const auto files = read_dma_api_files(*folder);
  all.push_back(files.status());
  if (events.ok() && files.ok()) {
    all.push_back(steps_of_stops(*folder, *events, *files).status());
  }
  const auto trace = read_trace_lines(*folder, 1, SIZE_MAX);
  all.push_back(trace.status());
  if (trace.ok() && events.ok()) {
    all.push_back(with_unseen_descriptors(*folder, *trace, *events).status());
  }
  all.push_back(read_group_types(*folder).status());
  all.push_back(read_later_calls(*folder, "fgraph/boot.txt").status());
  for (const char* stop : {"boot", "work"}) {
    all.push_back(read_queue_dump(*folder, absl::StrCat("queue-", stop, ".txt")).status());
    all.push_back(dumped_tables::read(*folder, absl::StrCat("pt-", stop, ".txt")).status());
  }
  for (const absl::Status& status : all) {
    if (!status.ok()) return std::string(status.message());
  }
  return {};
}

class damaged_stops : public testing::TestWithParam<damage> {};

TEST_P(damaged_stops, are_refused_with_file_and_line) {
  const fs::path original = golden::root() / "kernel/v6_12/boot/default";
  if (!fs::is_directory(original)) IOMMULAB_MISSING("no capture boot/default of Linux 6.12");
  const fs::path copy = fs::path(testing::TempDir()) / absl::StrCat("damaged_stops_", ::getpid());
  fs::remove_all(copy);
  fs::copy(original, copy, fs::copy_options::recursive);
  EXPECT_EQ(complaint_about(copy.string()), "");
  const damage& d = GetParam();
  const auto text = golden::read_text(copy / d.file);
  ASSERT_TRUE(text.ok()) << text.status();
  std::string altered = *text;
  const size_t at = altered.find(d.old, altered.find(d.after));
  ASSERT_NE(at, std::string::npos) << d.file << " has no " << d.old;
  altered.replace(at, std::string_view(d.old).size(), d.text);
  fs::remove(copy / absl::StrCat(d.file, ".xz"));
  fs::remove(copy / d.file);
  std::ofstream(copy / d.file, std::ios::binary) << altered;
  const std::string complaint = complaint_about(copy.string());
  EXPECT_THAT(complaint, testing::HasSubstr((copy / "").string()));
  fs::remove_all(copy);
}

INSTANTIATE_TEST_SUITE_P(golden, damaged_stops, testing::ValuesIn(damages));

}  // namespace
}  // namespace iommulab::verify::stop_recordings_test
