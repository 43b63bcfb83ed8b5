// SPDX-License-Identifier: GPL-2.0-only
//
// The reader, on texts that are known.
#include "lab/sources/table/function_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace iommulab::function_reader_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<traced_function> functions_of(std::string_view source) {
  function_reading reading = read_functions(source);
  EXPECT_THAT(reading.problems, IsEmpty());
  return std::move(reading.functions);
}

/// Behind two lines, and with another function after it.
std::vector<traced_function> functions_among_others(const std::string& definition) {
  return functions_of("#include <x>\nnamespace a {\n" + definition +
                      "\n\nvoid other() {\n  f();\n}\n}  // namespace a\n");
}

TEST(reader_of_functions, takes_the_definition_from_its_comment_to_its_last_brace) {
  const std::string text = R"(// Linux v4.4 drivers/iommu/dmar.c: g(). With a
// second line.
int g(dmar_state& dmar,
      int n) {
  if (n == 0) { return 1; }

  IOMMULAB_CALL(dmar.trace, "g", {"n", n});
  return this_call.result(0);
})";
  const auto functions = functions_among_others(text);
  ASSERT_EQ(functions.size(), 1u);
  EXPECT_EQ(functions[0].name, "g");
  EXPECT_EQ(functions[0].first_line, 3u);
  EXPECT_EQ(functions[0].last_line, 11u);
  EXPECT_EQ(functions[0].text, text);
  EXPECT_EQ(functions[0].origin.version, "v4.4");
  EXPECT_EQ(functions[0].origin.file, "drivers/iommu/dmar.c");
  EXPECT_EQ(functions[0].origin.function, "g");
}

TEST(reader_of_functions, knows_every_kind_of_definition) {
  for (const std::string text : {
           // A template, with a default that holds '='.
           "template <class T = int>\nvoid f(T& t) {\n  IOMMULAB_CALL(t, \"f\");\n}",
           // A member, with qualifiers and attributes.
           "[[nodiscard]] int driver::f() const noexcept {\n  IOMMULAB_CALL(t, \"f\");\n}",
           "void f(int n) ABSL_LOCKS_EXCLUDED(lock) {\n  IOMMULAB_CALL(t, \"f\");\n}",
           // Braces among the parameters, in strings, characters and comments.
           "void f(list n = {}, int m = g({1})) {\n  h(\"}\", '}');  // }\n  IOMMULAB_CALL(t, "
           "\"f\");\n}",
           // The name below the call's own line.
           "void f() {\n  const auto c = env.call(\n      \"f\", IOMMULAB_VALUES({\"n\", n}));\n}",
           // Inside a lambda, inside a block.
           "void f() {\n  walk([&](int n) {\n    IOMMULAB_CALL(t, \"f\");\n    return n;\n  });\n}",
           "void f() {\n  {\n    IOMMULAB_CALL(t, \"f\");\n  }\n  g();\n}",
           // Of a local class.
           "void f() {\n  struct s {\n    void g() { IOMMULAB_CALL(t, \"f\"); }\n  };\n}",
       }) {
    const auto functions = functions_among_others("/// What it does.\n" + text);
    ASSERT_EQ(functions.size(), 1u) << text;
    EXPECT_EQ(functions[0].name, "f") << text;
    EXPECT_EQ(functions[0].text, "/// What it does.\n" + text);
  }
}

TEST(reader_of_functions, knows_members_that_are_defined_in_their_class) {
  const auto functions = functions_of(R"(template <class P>
struct tree : base<P> {
  int count = 0;
  limits range{1, 2};
  std::function<void()> hook = [] { f(); };

 private:
  // Linux v4.4 drivers/iommu/iova.c: __f()
  template <class E>
  void f(E& env) {
    const auto c = env.call("__f");
  }
  enum class kind { a, b };
  void g() { IOMMULAB_CALL(t, "g"); }
};
)");
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[0].first_line, 8u);
  EXPECT_EQ(functions[0].last_line, 12u);
  EXPECT_EQ(functions[0].origin.function, "__f");
  EXPECT_EQ(functions[1].text, "  void g() { IOMMULAB_CALL(t, \"g\"); }");
  EXPECT_EQ(functions[1].origin.file, "") << "the comment is another function's";
}

TEST(reader_of_functions, gives_every_scope_of_a_function) {
  const auto functions = functions_among_others(
      "// Linux v4.4 mm/a.c: f(), g()\n"
      "int f() {\n  IOMMULAB_CALL(t, \"f\");\n  return h([] { IOMMULAB_CALL(t, \"g\"); });\n}");
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[0].name, "f");
  EXPECT_EQ(functions[1].name, "g");
  EXPECT_EQ(functions[0].text, functions[1].text);
  EXPECT_EQ(functions[0].origin.function, "f");
  EXPECT_EQ(functions[1].origin.function, "g");
}

TEST(reader_of_functions, takes_no_comment_that_stands_apart) {
  const auto functions = functions_among_others(
      "// Linux v4.4 mm/a.c: f()\n\nvoid f() {\n  IOMMULAB_CALL(t, \"f\");\n}");
  ASSERT_EQ(functions.size(), 1u);
  EXPECT_EQ(functions[0].first_line, 5u);
  EXPECT_EQ(functions[0].origin.version, "");
}

TEST(reader_of_functions, passes_over_what_opens_no_scope) {
  EXPECT_THAT(functions_of("// IOMMULAB_CALL(t, \"f\")\n#define IOMMULAB_CALL(t, n) \\\n  g(t)\n"
                           "void f() { NOT_IOMMULAB_CALL(t, \"f\"); g(\"IOMMULAB_CALL(\"); }\n"),
              IsEmpty());
}

TEST(reader_of_functions, says_which_scope_it_cannot_place) {
  EXPECT_THAT(read_functions("int a;\nconst ops o = {IOMMULAB_CALL(t, \"f\")};\n").problems,
              ElementsAre("2: a scope of the trace is in no function's definition"));
  EXPECT_THAT(read_functions("\nvoid f() {\n  IOMMULAB_CALL(t, name);\n  g(\"f\");\n}\n").problems,
              ElementsAre("3: a scope of the trace has no function's name"));
  EXPECT_THAT(read_functions("void f() {\n  IOMMULAB_CALL(t, \"f\");\n").problems,
              ElementsAre("2: a scope of the trace is in no function's definition"))
      << "its brace is missing";
}

TEST(origin_of_a_function, is_what_the_comment_says) {
  const auto words = [](std::string_view comment) {
    const function_origin origin = origin_in(comment, "f");
    return origin.version + "|" + origin.file + "|" + origin.function;
  };
  EXPECT_EQ(words("// Linux v4.4.178 drivers/iommu/a.c: f(). Why."),
            "v4.4.178|drivers/iommu/a.c|f");
  EXPECT_EQ(words("/// What it is. Linux v4.4 lib/a.c: f(0)"), "v4.4|lib/a.c|f");
  EXPECT_EQ(words("  // Linux v4.4 lib/a.c:\n  // f()"), "v4.4|lib/a.c|f");
  EXPECT_EQ(words("// Linux v4.4 lib/a.c: g(), with f() in it"), "v4.4|lib/a.c|f");
  EXPECT_EQ(words("// Linux v4.4 lib/a.c: g(), with h()"), "v4.4|lib/a.c|g");
  for (const char* nothing :
       {"// Linux v4.4 lib/a.c, by name.", "// Linux v4.4: f()", "// Linux v4.4 lib/a.c: struct f",
        "// Linux v4.4 lib/a.c: the callers of h()", "// Linux 4.4 lib/a.c: f()", "// f()", ""}) {
    EXPECT_EQ(words(nothing), "||") << nothing;
  }
}

}  // namespace
}  // namespace iommulab::function_reader_test
