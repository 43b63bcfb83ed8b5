// SPDX-License-Identifier: GPL-2.0-only
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "cli/trace/trace_command.h"
#include "cli/trace/trace_json_checks.h"
#include "support/command.h"

namespace iommulab::perfetto_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;

trace_arguments script(const std::string& name) {
  trace_arguments a;
  a.run.kind = run_kind::script;
  a.run.path = std::string(IOMMULAB_SOURCE_DIR) + "/cli/dma/examples/" + name;
  a.format = "perfetto";
  return a;
}

trace_arguments boot(const char* machine) {
  trace_arguments a;
  a.run.machines = {machine};
  a.format = "perfetto";
  return a;
}

trace_json json_of(const trace_arguments& a) {
  const command_result result = run_command(run_trace_command, a);
  EXPECT_EQ(result.status, 0) << result.err;
  return trace_json(result.out);
}

// The script maps a buffer, reads it, unmaps it, reads it while the invalidation waits, and once
// more behind it.
TEST(perfetto_test, a_use_after_unmap_is_one_flow_from_map_to_fault) {
  for (const char* time : {"events", "virtual"}) {
    trace_arguments a = script("use_after_unmap.dma");
    a.time = time;
    const trace_json json = json_of(a);
    json.expect_sound();
    EXPECT_THAT(json.flows(), ElementsAre(ElementsAre("dma_map_single", "access, from tables",
                                                      "dma_unmap_single", "access, from IOTLB",
                                                      "iotlb", "fault read_not_permitted")));
  }
}

TEST(perfetto_test, every_boot_has_tracks_for_units_and_queues) {
  const trace_json one = json_of(boot("q35"));
  one.expect_sound();
  for (const char* track : {"kernel/calls", "kernel/log", "kernel/tables", "kernel/groups",
                            "units/dmar0", "queues/dmar0", "devices/0000:00:1f.2"}) {
    EXPECT_THAT(one.tracks(), Contains(Key(track)));
  }
  const trace_json several = json_of(boot("server"));
  several.expect_sound();
  EXPECT_THAT(several.tracks(), Contains(Key("units/dmar1")));
  EXPECT_THAT(several.tracks(), Contains(Key("queues/dmar1")));
}

TEST(perfetto_test, filters_leave_a_sound_document) {
  trace_arguments a = script("use_after_unmap.dma");
  a.functions = {"dma_*", "intel_*"};
  a.effects = "faults,answers";
  trace_json json = json_of(a);
  json.expect_sound();
  EXPECT_EQ(json.flows().size(), 1u);
  a.effects = "none";
  a.functions = {"find_domain"};
  json = json_of(a);
  json.expect_sound();
  EXPECT_THAT(json.flows(), IsEmpty());
}

TEST(perfetto_test, the_documents_head_says_what_it_is) {
  const trace_json json = json_of(boot("q35"));
  EXPECT_EQ(json.document()["displayTimeUnit"], "ns");
  const auto& head = json.document()["otherData"];
  EXPECT_EQ(head["schema"], "iommulab.trace_events");
  EXPECT_EQ(head["version"], 1);
  EXPECT_EQ(head["run"], "boot of q35, Linux 4.4.178");
}

// The checker sees what is wrong.
TEST(trace_json_checks, find_slices_that_cross_and_flows_without_one) {
  const auto json = [](const std::string& events) {
    return trace_json(
        R"({"traceEvents": [{"ph":"M","name":"process_name","pid":1,"tid":1,"args":{"name":"p"}},
            {"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"t"}},)" +
        events + "]}");
  };
  const auto slice = [](int at, int length) {
    return R"({"ph":"X","name":"x","pid":1,"tid":1,"ts":)" + std::to_string(at) + R"(,"dur":)" +
           std::to_string(length) + "}";
  };
  const auto flow = [](const char* phase, int at) {
    return std::string(R"({"ph":")") + phase + R"(","id":1,"name":"f","pid":1,"tid":1,"ts":)" +
           std::to_string(at) + "}";
  };
  json(slice(1, 5) + "," + slice(2, 2) + "," + flow("s", 2) + "," + flow("f", 3)).expect_sound();
  EXPECT_NONFATAL_FAILURE(json(slice(1, 5) + "," + slice(2, 9)).expect_nesting(), "outlives");
  EXPECT_NONFATAL_FAILURE(json(slice(2, 1) + "," + slice(1, 1)).expect_nesting(), "goes on");
  EXPECT_NONFATAL_FAILURE(
      json(slice(1, 5) + "," + flow("s", 1) + "," + flow("f", 9)).expect_flows(), "in the air");
}

}  // namespace
}  // namespace iommulab::perfetto_test
