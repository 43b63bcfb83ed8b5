// SPDX-License-Identifier: GPL-2.0-only
//
// Finds the functions of a source file that open a scope of the trace. The build's own program
// (write_table.cc) stands on it, so it needs the standard library alone.
//
// It knows as much of C++ as the house's style asks for: braces and what stands before them. A
// function's definition is the outermost block with a parameter list that lies in namespaces and
// classes only; lambdas and blocks inside belong to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

/// The origin, of `// Linux v4.4 drivers/iommu/dmar.c: qi_submit_sync()`. All empty where a comment
/// does not say so much.
struct function_origin {
  std::string version;
  std::string file;
  std::string function;
};

/// One name that the trace tells, and the function that tells it.
struct traced_function {
  std::string name;
  unsigned first_line = 0;  ///< of the comment right above the head, or of the head
  unsigned last_line = 0;
  std::string text;
  function_origin origin;
};

struct function_reading {
  std::vector<traced_function> functions;  ///< in the order of the scopes
  std::vector<std::string> problems;       ///< "12: …", the line and what is wrong with it
};

function_reading read_functions(std::string_view source);

/// What a comment of one or several lines says of the origin of the function whose traced name is
/// `name`; of several functions named there it is that one, else the first.
function_origin origin_in(std::string_view comment, std::string_view name);

}  // namespace iommulab
