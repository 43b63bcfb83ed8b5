// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_replace.h"

namespace iommulab::view {
namespace {

using testing::HasSubstr;
using testing::Not;

const page_part index_page = {"index.html",
                              "<style><!-- iommulab: styles --></style>"
                              "<!-- iommulab: runs --><script><!-- iommulab: modules --></script>"};

std::string error_of(const std::vector<page_part>& parts) {
  const auto page = page_of(parts, {});
  EXPECT_FALSE(page.ok());
  return std::string(page.status().message());
}

TEST(page_test, each_module_stands_once_behind_those_that_it_imports) {
  const auto page = page_of({index_page,
                             {"app.js",
                              "import { f } from \"./model/f.js\";\n"
                              "import {\n  g,\n  k,\n} from \"./g.js\";\nf(g);\n"},
                             {"g.js",
                              "import { f } from \"./model/f.js\";\n"
                              "export const g = f(1);\nexport const k = 2;\n"},
                             {"model/f.js", "export function f(x) {\n  return x;\n}\n"},
                             {"unused.js", "nobody();\n"},
                             {"a.css", "p { color: red }"}},
                            {});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(*page, HasSubstr("<style>p { color: red }\n</style>"));
  EXPECT_THAT(*page, HasSubstr("<script>// ---- model/f.js\n\nfunction f(x) {\n  return x;\n}\n\n"
                               "// ---- g.js\n\nconst g = f(1);\nconst k = 2;\n\n"
                               "// ---- app.js\n\nf(g);\n\n</script>"));
  EXPECT_THAT(*page, Not(HasSubstr("import")));
  EXPECT_THAT(*page, Not(HasSubstr("nobody")));
}

TEST(page_test, a_part_that_is_missing_is_named) {
  EXPECT_EQ(error_of({}), "index.html is not among the parts of the page");
  EXPECT_EQ(error_of({index_page}), "app.js is not among the parts of the page");
  EXPECT_EQ(error_of({index_page, {"app.js", "import { x } from \"./views/x.js\";\n"}}),
            "app.js imports views/x.js, which is not among the parts of the page");
  EXPECT_EQ(error_of({{"index.html", "<!-- iommulab: styles --><!-- iommulab: runs -->"},
                      {"app.js", ""}}),
            "index.html: there is no <!-- iommulab: modules -->");
}

TEST(page_test, a_circle_of_imports_is_named) {
  EXPECT_EQ(error_of({index_page,
                      {"app.js", "import { b } from \"./b.js\";\n"},
                      {"b.js", "import { a } from \"./app.js\";\n"}}),
            "app.js imports itself through b.js");
}

TEST(page_test, no_document_ends_its_element) {
  const auto page =
      page_of({index_page, {"app.js", ""}}, {{json{{"title", "</script><b>"}}, {"abcd"}, {}}});
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, HasSubstr(R"(id="run-0">{"title":"\u003c/script>\u003cb>"}</script>)"));
  EXPECT_THAT(*page, HasSubstr(R"(<script type="text/plain" data-run="0">abcd</script>)"));
}

TEST(page_test, what_the_program_was_built_with_makes_a_page) {
  const std::vector<page_part> parts = built_in_parts();
  const auto page = page_of(parts, {});
  ASSERT_TRUE(page.ok()) << page.status();
  for (const page_part& part : parts) {
    if (!part.name.ends_with(".js")) continue;
    EXPECT_THAT(*page, HasSubstr("// ---- " + part.name)) << "nobody imports it";
    EXPECT_THAT(part.text, Not(HasSubstr("</script"))) << part.name;
  }
  const std::string rest = absl::StrReplaceAll(*page, {{"http://www.w3.org/2000/svg", ""}});
  EXPECT_THAT(rest, Not(HasSubstr("http"))) << "the page asks nobody";
}

}  // namespace
}  // namespace iommulab::view
