// SPDX-License-Identifier: GPL-2.0-only
//
// The build's program: `write_table TABLE SOURCE...`, in the root of the tree. It writes what the
// sources say of traced functions to TABLE, as the initializers that function_source.cc includes,
// and leaves a TABLE alone that says the same already.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "lab/sources/table/function_reader.h"

namespace iommulab {
namespace {

struct table_row {
  traced_function function;
  std::string file;
};

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The rows of all sources. What is wrong with a source goes to `problems`, a line each.
std::vector<table_row> read_sources(const std::vector<std::string>& files, std::ostream& problems) {
  std::vector<table_row> rows;
  for (const std::string& file : files) {
    if (!std::ifstream(file)) problems << file << ": cannot be read\n";
    function_reading reading = read_functions(content_of(file));
    for (const std::string& problem : reading.problems) problems << file << ":" << problem << "\n";
    for (traced_function& function : reading.functions) {
      rows.push_back({std::move(function), file});
    }
  }
  const auto place = [](const table_row& row) {
    return std::tie(row.function.name, row.function.origin.version, row.file,
                    row.function.first_line);
  };
  std::sort(rows.begin(), rows.end(),
            [&](const table_row& a, const table_row& b) { return place(a) < place(b); });
  // A function that opens several scopes of one name is one row.
  const auto is_same = [&](const table_row& a, const table_row& b) { return place(a) == place(b); };
  rows.erase(std::unique(rows.begin(), rows.end(), is_same), rows.end());
  return rows;
}

/// A name may come twice, but not of one kernel: nobody could say which of the two is meant.
void find_twins(const std::vector<table_row>& rows, std::ostream& problems) {
  const auto twin = [](const table_row& a, const table_row& b) {
    return a.function.name == b.function.name &&
           a.function.origin.version == b.function.origin.version;
  };
  for (auto at = std::adjacent_find(rows.begin(), rows.end(), twin); at != rows.end();
       at = std::adjacent_find(at + 1, rows.end(), twin)) {
    const table_row& next = *(at + 1);
    problems << next.file << ":" << next.function.first_line << ": " << next.function.name
             << "() of the same kernel is in " << at->file << ":" << at->function.first_line
             << "\n";
  }
}

std::string table_of(const std::vector<table_row>& rows) {
  const auto quoted = [](const std::string& word) { return '"' + word + "\", "; };
  std::ostringstream table;
  for (const auto& [function, file] : rows) {
    table << '{' << quoted(function.name) << quoted(file) << function.first_line << ", "
          << function.last_line << ", R\"text(" << function.text << ")text\"sv, "
          << quoted(function.origin.version) << quoted(function.origin.file)
          << quoted(function.origin.function) << "},\n";
  }
  return table.str();
}

int write_table(const std::string& path, const std::vector<std::string>& files) {
  std::ostringstream problems;
  const std::vector<table_row> rows = read_sources(files, problems);
  find_twins(rows, problems);
  if (!problems.str().empty()) {
    std::cerr << problems.str();
    return 1;
  }
  const std::string table = table_of(rows);
  if (content_of(path) == table) return 0;
  std::ofstream out(path, std::ios::binary);
  out << table << std::flush;
  if (out) return 0;
  std::cerr << path << ": cannot be written\n";
  return 1;
}

}  // namespace
}  // namespace iommulab

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: write_table TABLE SOURCE...\n";
    return 2;
  }
  return iommulab::write_table(argv[1], {argv + 2, argv + argc});
}
