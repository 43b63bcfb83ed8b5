// SPDX-License-Identifier: GPL-2.0-only
//
// What a reader of a command line should know: the words in it that look as if they did something
// to remapping, and do not in the run. Each is named once. What the kernel does is not changed by
// any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnosis.h"
#include "kernel/command_line/parameter_words.h"

namespace iommulab {

enum class command_line_finding : uint8_t {
  unknown_value,      ///< of a parameter that this kernel reads
  counts_as,          ///< a value that is taken for another, by its beginning
  misspelt,           ///< nearly the name of a parameter
  unknown_parameter,  ///< looks like one of an IOMMU, and no kernel is known to read it
  other_kernel,       ///< later kernels read it
  other_driver,       ///< another driver or architecture reads it, or a patch
  not_modelled,       ///< this kernel reads it, and the run does nothing about it
  no_effect,          ///< this kernel reads it, and it changes nothing on this machine
  remapping_off,      ///< it says how to remap, and remapping is off
  taken_back,         ///< it switches remapping on, and another word off again
  bounce_buffers,     ///< it asks for bounce buffers, which go before remapping
  no_tables,          ///< it takes the firmware's tables away, and with them the hardware
};
std::string_view name(command_line_finding finding);

/// `where` is the word's place in the line, from 0.
using command_line_note = diagnosis_record<command_line_finding>;

/// What the notes need to know of a kernel.
struct command_line_reader {
  std::string_view release;  ///< "4.4.178"
  const command_line_table* table = nullptr;
  bool translation_asked_for = false;  ///< by the line
};

/// In the order of the line. Where the line names intel_iommu= with words that this kernel does not
/// know, and remapping stays off for lack of an "on", those are errors: who wrote the line wanted
/// something and did not get it. Everything else is a note.
std::vector<command_line_note> notes_on_command_line(std::string_view line,
                                                     const command_line_reader& reader);

}  // namespace iommulab
