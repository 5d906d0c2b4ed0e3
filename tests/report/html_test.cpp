#include "rrpo/report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rrpo::report {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kHostile = "<script>alert(1)</script>\"'&\x1b[31m";

TEST(Html, EscapesEverything) {
  EXPECT_EQ(escape("<a href=\"x\" b='y'>&\n"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\n");
  EXPECT_EQ(escape("\x01"), "\xef\xbf\xbd");
  const Json json = {{kHostile, kHostile}};
  const std::string html = Page(kHostile, kHostile)
                               .section(kHostile)
                               .subsection(kHostile)
                               .paragraph(kHostile)
                               .add(labelled(kHostile, ""))
                               .add(html_table({{kHostile}, {{kHostile}}}))
                               .add(settings_table(json))
                               .add(figure("", kHostile))
                               .add(facts({{kHostile, kHostile}}))
                               .add(details(kHostile, ""))
                               .add(png_image("", kHostile))
                               .add(marked_text(kHostile, {{0, 4}}, Mark::rejected))
                               .html();
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("\x1b")));
}

TEST(Html, PagesFetchNothing) {
  const std::string html = Page("t").html();
  for (const char* outside : {"http:", "https:", "src=", "@import", "url("}) EXPECT_THAT(html, Not(HasSubstr(outside)));
}

TEST(Html, PagesForbidScriptsAndFetching) {
  EXPECT_THAT(Page("t").html(), HasSubstr("content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\""));
}

// RFC 4648, section 10.
TEST(Html, Base64) {
  const auto base64 = [](std::string_view bytes) {
    return data_uri("a/b", bytes).substr(std::string("data:a/b;base64,").size());
  };
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(Html, MarksSpans) {
  EXPECT_EQ(marked_text("a <b> c", {{2, 5}, {6, 7}}, Mark::chosen),
            "<div class=\"text\">a <mark class=\"chosen\">&lt;b&gt;</mark> <mark class=\"chosen\">c</mark></div>\n");
  EXPECT_EQ(marked_text("abc", {}, Mark::chosen), "<div class=\"text\">abc</div>\n");
  EXPECT_EQ(marked_text("abc", {{2, 9}}, Mark::rejected), "<div class=\"text\">ab<mark class=\"rejected\">c</mark></div>\n");
  EXPECT_EQ(marked_text("abc", {{-3, 1}, {7, 9}}, Mark::plain),
            "<div class=\"text\"><mark class=\"plain\">a</mark>bc</div>\n");
}

TEST(Html, SettingsAreFlat) {
  const std::string html =
      settings_table(Json::parse(R"({"optim":{"lr":5e-6,"betas":[0.9,0.999]},"name":"x","none":null,"empty":{}})"));
  EXPECT_THAT(html, HasSubstr(">optim.lr</td><td class=\"value\">5e-06<"));
  EXPECT_THAT(html, HasSubstr(">optim.betas</td><td class=\"value\">[0.9,0.999]<"));
  EXPECT_THAT(html, HasSubstr(">name</td><td class=\"value\">x<"));
  EXPECT_THAT(html, HasSubstr(">none</td><td class=\"value\">null<"));
  EXPECT_THAT(html, HasSubstr(">empty</td><td class=\"value\">{}<"));
}

}  // namespace
}  // namespace rrpo::report
