// SPDX-License-Identifier: GPL-2.0-only
//
// What the trace tells of a ported function: its call carries arguments where the function has any,
// and each way out that returns something tells what. Read from the sources, so that a function
// that no test runs is held to it too.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace iommulab::call_scope_test {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 6> rooms_with_ported_functions = {"core", "iova", "intel",
                                                                    "dma",  "vfio", "kernel"};

/// Types of parameters that are no arguments of the kernel's function: where its globals live,
/// operations and callbacks, and what holds no name or number of its own.
const std::regex internal_type(
    R"(\b(intel_driver|dmar_state|iommu_core|tracer|Environment|range_tree|iova_domain|iova_cache|)"
    R"(dma_pools|coherent_memory|iommu_ops|iommu_subsystem|dma_iommu|dmar_dsm|structure_handlers|handler|FunctionRef|)"
    R"(queue_slots|dmar_res_callback|iommu_group_notifier_block|vfio_module|iommufd_module|)"
    R"(vfio_iommu|vfio_container|pfn_batch|io_pagetable|interval_tree_double_span_iter|)"
    R"(virqfd_services|file)\b)");

/// Functions whose arguments tell a reader nothing, and why.
const std::map<std::string, std::string> silent_functions = {
    {"dmar_alloc_seq_id", "the unit gets its name here"},
    {"free_iova_mem", "a node that was in no tree holds no range"},
    {"iommufd_ctx_from_file", "an open file has no name"},
    {"iommufd_test_alloc_access", "the kernel's has no arguments"},
    {"iopt_unmap_all", "a table of areas has no name"},
    {"vfio_fops_open", "inode and file of the call itself"},
    {"vfio_virqfd_disable", "an entry that waits for an eventfd has no name"},
};

struct call_site {
  std::string file;
  size_t line = 0;
  std::string function;  ///< the kernel's name
  bool has_arguments = false;
  std::vector<std::string> parameters;  ///< of the function around it, the internal ones left out
  std::vector<std::string> untold_returns;  ///< what is returned behind the trace's back
};

/// The text with comments, strings and characters replaced by blanks, at the same places.
std::string code_of(std::string text) {
  const auto blank = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (text[i] != '\n') text[i] = ' ';
    }
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "//") == 0) {
      const size_t end = std::min(text.find('\n', i), text.size());
      blank(i, end);
      i = end;
    } else if (text.compare(i, 2, "/*") == 0) {
      const size_t end = text.find("*/", i) + 2;
      blank(i, end);
      i = end - 1;
    } else if (text[i] == '"' ||
               (text[i] == '\'' && std::isalnum(static_cast<unsigned char>(text[i - 1])) == 0)) {
      const char quote = text[i];
      size_t end = i + 1;
      while (text[end] != quote) end += text[end] == '\\' ? 2u : 1u;
      blank(i + 1, end);
      i = end;
    }
  }
  return text;
}

bool is_open(char c) {
  return c == '(' || c == '{' || c == '[';
}
bool is_close(char c) {
  return c == ')' || c == '}' || c == ']';
}

/// Where the bracket that opens at `at` closes.
size_t close_of(const std::string& code, size_t at) {
  size_t depth = 0;
  for (; at < code.size(); ++at) {
    if (is_open(code[at])) ++depth;
    if (is_close(code[at]) && --depth == 0) return at;
  }
  return code.size();
}
/// Where the bracket that closes at `at` opens.
size_t open_of(const std::string& code, size_t at) {
  size_t depth = 0;
  for (;; --at) {
    if (is_close(code[at])) ++depth;
    if (is_open(code[at]) && --depth == 0) return at;
  }
}
/// The brace that opens the block around `at`.
size_t block_around(const std::string& code, size_t at) {
  size_t depth = 0;
  while (at-- > 0) {
    if (is_close(code[at])) ++depth;
    if (is_open(code[at]) && depth-- == 0) return at;
  }
  return 0;
}

size_t skip_blanks_back(const std::string& code, size_t at) {
  while (std::isspace(static_cast<unsigned char>(code[at])) != 0) --at;
  return at;
}

/// The text between the parentheses of the function whose body opens at `brace`; of a lambda
/// without any it is empty.
std::string parameters_of(const std::string& code, size_t brace) {
  size_t at = brace;
  for (;;) {
    at = code.find_last_of(")]", at - 1);
    const size_t open = open_of(code, at);
    if (code[at] == ']') return "";
    const size_t name_end = skip_blanks_back(code, open - 1);
    size_t name = name_end;
    while (std::isalnum(static_cast<unsigned char>(code[name])) != 0 || code[name] == '_') --name;
    const std::string word = code.substr(name + 1, name_end - name);
    if (!word.starts_with("ABSL_")) return code.substr(open + 1, at - open - 1);
    at = open;
  }
}

/// Splits at commas outside of brackets and template arguments.
std::vector<std::string> split_parameters(const std::string& list) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : list) {
    if (is_open(c) || c == '<') ++depth;
    if (is_close(c) || c == '>') --depth;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// Those that have a name and are the kernel's.
std::vector<std::string> arguments_among(const std::string& list) {
  std::vector<std::string> found;
  static const std::regex named(R"(\w[\w:<>]*[\s&*]+\w+\s*$)");
  for (const std::string& parameter : split_parameters(list)) {
    if (!std::regex_search(parameter, named)) continue;
    if (!std::regex_search(parameter, internal_type)) found.push_back(parameter);
  }
  return found;
}

/// Whether a lambda begins at this '['.
bool begins_lambda(const std::string& code, size_t at) {
  const char before = code[skip_blanks_back(code, at - 1)];
  if (code[at + 1] == '[' || code[at - 1] == '[') return false;  // an attribute
  return std::isalnum(static_cast<unsigned char>(before)) == 0 && before != '_' && before != ')' &&
         before != ']';
}

/// What `return` is followed by, up to the semicolon, in this function and not in its lambdas.
std::vector<std::string> returns_of(const std::string& code, size_t from, size_t to) {
  std::vector<std::string> found;
  const std::string word = "return";
  for (size_t at = from; at < to; ++at) {
    if (code[at] == '[' && begins_lambda(code, at)) {
      at = close_of(code, code.find('{', close_of(code, at)));
      continue;
    }
    if (code.compare(at, word.size(), word) != 0) continue;
    const auto is_letter = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    };
    if (is_letter(code[at - 1]) || is_letter(code[at + word.size()])) continue;
    size_t end = at + word.size();
    while (code[end] != ';') end = is_open(code[end]) ? close_of(code, end) + 1 : end + 1;
    found.push_back(code.substr(at + word.size(), end - at - word.size()));
    // Lambdas in the expression are seen for themselves.
    at = end;
  }
  return found;
}

/// Names of the function's own lambdas that end in call_scope::result(), for its ways out.
std::set<std::string> telling_lambdas(const std::string& code, size_t from, size_t to) {
  std::set<std::string> found;
  static const std::regex lambda(R"(const auto (\w+) = \[)");
  const std::string body = code.substr(from, to - from);
  for (std::sregex_iterator at(body.begin(), body.end(), lambda), end; at != end; ++at) {
    const size_t open = body.find('{', static_cast<size_t>(at->position()));
    const std::string inside = body.substr(open, close_of(body, open) - open);
    if (inside.find("this_call.result(") != std::string::npos) found.insert((*at)[1]);
  }
  return found;
}

/// Whether all of the expression is what goes through call_scope::result(), or through one of
/// `lambdas`, which does that.
bool is_told(const std::string& expression, const std::set<std::string>& lambdas) {
  static const std::regex told(R"(^\s*\*?(this_call\.result|\w+)\()");
  std::smatch match;
  if (!std::regex_search(expression, match, told)) return false;
  if (match[1] != "this_call.result" && !lambdas.contains(match[1])) return false;
  const size_t open = static_cast<size_t>(match.length(0)) - 1;
  const size_t close = close_of(expression, open);
  return expression.find_first_not_of(" \n", close + 1) == std::string::npos;
}

std::vector<call_site> sites_in(const std::string& file, const std::string& text) {
  std::vector<call_site> sites;
  const std::string code = code_of(text);
  for (const std::string marker : {"IOMMULAB_CALL(", "env.call("}) {
    for (size_t at = code.find(marker); at != std::string::npos; at = code.find(marker, at + 1)) {
      const size_t open = at + marker.size() - 1;
      const size_t close = close_of(code, open);
      call_site site;
      site.file = file;
      site.line = 1 + static_cast<size_t>(std::count(
                          code.begin(), code.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
      const size_t quote = code.find('"', open);
      const size_t quote_end = code.find('"', quote + 1);
      site.function = text.substr(quote + 1, quote_end - quote - 1);
      site.has_arguments = code.find('{', open) < close;
      const size_t brace = block_around(code, at);
      site.parameters = arguments_among(parameters_of(code, brace));
      const size_t end = close_of(code, brace);
      const bool has_named_results =
          code.substr(close, end - close).find("IOMMULAB_RESULT(") != std::string::npos;
      const std::set<std::string> lambdas = telling_lambdas(code, close, end);
      for (const std::string& expression : returns_of(code, close, end)) {
        const bool returns_nothing = expression.find_first_not_of(" \n") == std::string::npos;
        if (returns_nothing || is_told(expression, lambdas) || has_named_results) continue;
        site.untold_returns.push_back(expression);
      }
      sites.push_back(std::move(site));
    }
  }
  return sites;
}

const std::vector<call_site>& sites() {
  static const auto all = [] {
    const fs::path root = IOMMULAB_SOURCE_DIR;
    std::vector<call_site> found;
    for (const char* room : rooms_with_ported_functions) {
      for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
        const fs::path& path = entry.path();
        const std::string name = fs::relative(path, root).string();
        const bool is_source = path.extension() == ".cc" || path.extension() == ".h";
        if (!is_source || name == "core/trace.h") continue;
        std::ifstream in(path);
        std::stringstream text;
        text << in.rdbuf();
        for (call_site& site : sites_in(name, text.str())) found.push_back(std::move(site));
      }
    }
    return found;
  }();
  return all;
}

TEST(calls_in_the_sources, are_found) {
  EXPECT_GT(sites().size(), 250u);
  std::set<std::string> functions;
  for (const call_site& site : sites()) functions.insert(site.function);
  EXPECT_TRUE(functions.contains("alloc_iova"));
  EXPECT_TRUE(functions.contains("__is_range_overlap")) << "of a template";
}

TEST(calls_in_the_sources, carry_arguments_where_the_function_has_any) {
  for (const call_site& site : sites()) {
    if (site.parameters.empty() || silent_functions.contains(site.function)) continue;
    EXPECT_TRUE(site.has_arguments) << site.file << ":" << site.line << " " << site.function
                                    << "() says nothing of" << site.parameters.front();
  }
}

TEST(calls_in_the_sources, tell_what_the_function_returns_on_every_way_out) {
  for (const call_site& site : sites()) {
    for (const std::string& expression : site.untold_returns) {
      ADD_FAILURE() << site.file << ":" << site.line << " " << site.function
                    << "() returns behind the trace's back:" << expression;
    }
  }
}

TEST(calls_in_the_sources, need_the_exceptions_that_are_made) {
  for (const auto& silent : silent_functions) {
    EXPECT_TRUE(std::any_of(sites().begin(), sites().end(),
                            [&](const call_site& site) {
                              return site.function == silent.first && !site.has_arguments &&
                                     !site.parameters.empty();
                            }))
        << silent.first << ": " << silent.second;
  }
}

// The reader itself, on text that is known.
TEST(reader_of_calls, sees_what_is_missing) {
  const auto found = sites_in("f.cc", R"(
int f(intel_driver& drv, device& dev, bool /*unused*/) ABSL_LOCKS_EXCLUDED(lock) {
  if (early) return 0;
  IOMMULAB_CALL(drv.trace, "f");
  const auto deep = [&](int n) { return n; };
  if (dev.bad) return -EINVAL;  // return 7;
  return this_call.result(deep(1));
}
void g(intel_driver& drv, int level) {
  for_each([&](pci_dev& pdev) {
    IOMMULAB_CALL(drv.trace, "g_cb", {"pdev", pdev});
    return this_call.result(0) == 0;
  });
  IOMMULAB_CALL(drv.trace, "g", {"level", level});
  if (level == 0) return;
}
)");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].function, "f");
  EXPECT_EQ(found[0].line, 4u);
  EXPECT_FALSE(found[0].has_arguments);
  EXPECT_EQ(found[0].parameters, std::vector<std::string>{" device& dev"});
  EXPECT_EQ(found[0].untold_returns, std::vector<std::string>{" -EINVAL"});
  EXPECT_EQ(found[1].function, "g_cb");
  EXPECT_TRUE(found[1].has_arguments);
  EXPECT_EQ(found[1].parameters, std::vector<std::string>{"pci_dev& pdev"});
  EXPECT_EQ(found[1].untold_returns, std::vector<std::string>{" this_call.result(0) == 0"});
  EXPECT_EQ(found[2].function, "g");
  EXPECT_TRUE(found[2].has_arguments);
  EXPECT_TRUE(found[2].untold_returns.empty());
}

}  // namespace
}  // namespace iommulab::call_scope_test
