// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/interrupt_remapping.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::verify {
namespace {

constexpr uint64_t interrupt_commands =
    vtd::gcmd::ire.mask() | vtd::gcmd::sirtp.mask() | vtd::gcmd::cfi.mask();
constexpr uint64_t one_shot_commands =
    vtd::gcmd::srtp.mask() | vtd::gcmd::sfl.mask() | vtd::gcmd::wbf.mask();

constexpr uint64_t queue_command = vtd::gcmd::qie.mask();

// The queue has 256 descriptors; each has its 4-byte status word.
constexpr uint64_t queue_length = 256;
constexpr uint64_t wait_status_bytes = 4;
constexpr uint64_t type_of_descriptor = 0xf;

bool is_type(const queue_descriptor& descriptor, vtd::descriptor_type type) {
  return (descriptor.low & type_of_descriptor) == static_cast<uint64_t>(type);
}

/// Follows a trace and keeps what has nothing to do with interrupts.
class filter {
 public:
  filter(const hardware_trace& trace, size_t start_up_end, const interrupt_style& style)
      : trace_(trace),
        start_up_end_(start_up_end),
        style_(style),
        translates_(std::any_of(trace.accesses.begin(), trace.accesses.end(), sets_root)) {}

  hardware_trace run() && {
    for (size_t i = 0; i < trace_.accesses.size(); ++i) take(i);
    kept_.last_line = trace_.last_line;
    return std::move(kept_);
  }

 private:
  void take(size_t i) {
    register_access access = trace_.accesses[i];
    // A bit of the status has the place of its command.
    if (access.read && access.offset == vtd::gsts_reg) *access.read &= ~left_out_commands();
    const absl::Span<const queue_descriptor> submitted = submitted_by(i);
    if (access.line > start_up_end_) return take_submission(access, submitted);
    if (style_.ends_with_command && !translates_) {
      has_commanded_ = has_commanded_ || is_command(access);
      if (has_commanded_) return take_last_command(access);
    }
    queue_is_for_interrupts_ =
        queue_is_for_interrupts_ || (!translates_ && is_status_before_queue(access));
    if (queue_is_for_interrupts_) {
      taken_ += submitted.size();
      return;
    }
    const bool polls = !access.is_write && access.offset == vtd::gsts_reg;
    if (polls && (behind_command_ || sets_table(i + 1))) return;
    behind_command_ = false;
    if (sets_table(i) || is_of_faults(access)) return;
    if (is_command(access)) {
      access.value &= ~left_out_commands();
      behind_command_ = access.value == command_;
      command_ = access.value & ~one_shot_commands;
      if (behind_command_) return;
    }
    take_submission(access, submitted);
  }

  /// What stays set in GCMD is written again, and the status read.
  void take_last_command(register_access access) {
    if (is_command(access)) {
      repeats_command_ = access.value == raw_command_;
      raw_command_ = access.value;
      access.value &= ~left_out_commands();
    } else if (access.offset != vtd::gsts_reg || access.is_write) {
      return;
    }
    if (repeats_command_) kept_.accesses.push_back(access);
  }

  [[nodiscard]] uint64_t left_out_commands() const {
    return translates_ || !style_.ends_with_command ? interrupt_commands
                                                    : interrupt_commands | queue_command;
  }

  void take_submission(register_access access, absl::Span<const queue_descriptor> submitted) {
    if (!submitted.empty()) {
      taken_ += submitted.size();
      if (is_type(submitted.front(), vtd::descriptor_type::interrupt_entry)) return;
      keep(submitted);
      access.value = kept_.descriptors.size() % queue_length * style_.descriptor_bytes;
    }
    kept_.accesses.push_back(access);
  }

  /// The descriptors that hardware fetched on this access: those before the next one.
  [[nodiscard]] absl::Span<const queue_descriptor> submitted_by(size_t i) const {
    const size_t end = i + 1 < trace_.accesses.size() ? trace_.accesses[i + 1].line
                                                      : std::numeric_limits<size_t>::max();
    size_t last = taken_;
    while (last < trace_.descriptors.size() && trace_.descriptors[last].line < end) ++last;
    return absl::MakeConstSpan(trace_.descriptors).subspan(taken_, last - taken_);
  }

  void keep(absl::Span<const queue_descriptor> submitted) {
    size_t position = taken_ - submitted.size();
    for (queue_descriptor descriptor : submitted) {
      if (is_type(descriptor, vtd::descriptor_type::wait)) {
        descriptor.high -= position % queue_length * wait_status_bytes;
        descriptor.high += kept_.descriptors.size() % queue_length * wait_status_bytes;
      }
      kept_.descriptors.push_back(descriptor);
      ++position;
    }
  }

  [[nodiscard]] bool sets_table(size_t i) const {
    return i < trace_.accesses.size() && trace_.accesses[i].is_write &&
           trace_.accesses[i].offset == vtd::irta_reg;
  }

  static bool is_command(const register_access& access) {
    return access.is_write && access.offset == vtd::gcmd_reg;
  }
  static bool sets_root(const register_access& access) {
    return is_command(access) && (access.value & vtd::gcmd::srtp.mask()) != 0;
  }

  /// The 8-byte read of the status, which the capture shows as one of the 8 bytes around it; later
  /// the read of the fault status before it.
  [[nodiscard]] bool is_status_before_queue(const register_access& access) const {
    constexpr unsigned qword = sizeof(uint64_t);
    if (style_.ends_with_command) return !access.is_write && access.offset == vtd::fsts_reg;
    return !access.is_write && access.size == qword &&
           access.offset == vtd::gsts_reg - vtd::gsts_reg % qword;
  }

  [[nodiscard]] bool is_of_faults(const register_access& access) const {
    return style_.faults_early && access.offset >= vtd::fsts_reg &&
           access.offset <= vtd::feuaddr_reg;
  }

  const hardware_trace& trace_;
  const size_t start_up_end_;  ///< last line of the start-up
  const interrupt_style style_;
  const bool translates_;  ///< a root table was set
  bool queue_is_for_interrupts_ = false;
  hardware_trace kept_;
  uint64_t command_ = 0;      ///< what stays set in GCMD, without what concerns interrupts
  uint64_t raw_command_ = 0;  ///< the last one of a queue that is for interrupts alone
  bool has_commanded_ = false;
  bool repeats_command_ = false;
  bool behind_command_ = false;  ///< a command was left out, and the reads behind it go too
  size_t taken_ = 0;             ///< descriptors looked at
};

}  // namespace

hardware_trace without_interrupt_remapping(const hardware_trace& trace, size_t start_up_end,
                                           const interrupt_style& style) {
  return filter(trace, start_up_end, style).run();
}

std::vector<call_event> without_interrupt_remapping(absl::Span<const call_event> events) {
  std::vector<call_event> kept;
  size_t depth = 0;
  size_t left_out = 0;  // depth of the open call that is left out or emptied; 0 for none
  bool emptied = false;
  for (const call_event& event : events) {
    if (event.what == call_event::kind::enter) {
      ++depth;
      const bool gone = event.text == "dmar_fault" || event.text == "dmar_disable_qi";
      const bool empty = event.text == "dmar_enable_qi" || event.text == "dmar_set_interrupt";
      if (left_out == 0 && !gone) kept.push_back(event);
      if (left_out == 0 && (gone || empty)) {
        left_out = depth;
        emptied = empty;
      }
      continue;
    }
    if (event.what == call_event::kind::exit && depth == left_out && left_out != 0) {
      if (emptied) kept.push_back(event);
      left_out = 0;
    } else if (left_out == 0) {
      kept.push_back(event);
    }
    if (event.what == call_event::kind::exit && depth > 0) --depth;
  }
  return kept;
}

std::vector<call_event> without_interrupt_functions(absl::Span<const call_event> events) {
  constexpr std::array<std::string_view, 4> prefixes = {"intel_ir_", "intel_irq_remapping_", "ir_",
                                                        "irq_remapping_"};
  std::vector<call_event> kept;
  size_t left_out = 0;  // open calls of one that is left out, itself included
  for (const call_event& event : events) {
    const bool is_enter = event.what == call_event::kind::enter;
    const bool is_interrupt =
        is_enter && std::any_of(prefixes.begin(), prefixes.end(),
                                [&](std::string_view p) { return event.text.starts_with(p); });
    if (left_out == 0 && !is_interrupt) {
      kept.push_back(event);
    } else if (is_enter) {
      ++left_out;
    } else if (event.what == call_event::kind::exit) {
      --left_out;
    }
  }
  return kept;
}

}  // namespace iommulab::verify
