#include "rrpo/report/table.h"

#include <gtest/gtest.h>

#include <cmath>

namespace rrpo::report {
namespace {

const Table kTable = {{"model", "accuracy", "unparsed"}, {{"base|é", "0.5 ± 0.1", "2"}, {"aligned", "12.25", ""}, {"x"}}};

TEST(Table, TextIsAlignedByCharacters) {
  EXPECT_EQ(text_table(kTable),
            "model     accuracy  unparsed\n"
            "-------  ---------  --------\n"
            "base|é   0.5 ± 0.1         2\n"
            "aligned      12.25\n"
            "x\n");
}

TEST(Table, MarkdownEscapesPipes) {
  EXPECT_EQ(markdown_table(kTable),
            "| model | accuracy | unparsed |\n"
            "|---|---:|---:|\n"
            "| base\\|é | 0.5 ± 0.1 | 2 |\n"
            "| aligned | 12.25 |  |\n"
            "| x |  |  |\n");
}

TEST(Table, NumbersStandRight) {
  EXPECT_EQ(right_columns({{"a", "b", "c", "d", "e"}, {{"5e-06", "12,345 %", "[0.1, 0.2]", "e", "v1"}}}),
            (std::vector<bool>{true, true, true, false, false}));
}

TEST(Numbers, AreShort) {
  EXPECT_EQ(compact(0.0123), "0.0123");
  EXPECT_EQ(compact(5e-6), "5e-06");
  EXPECT_EQ(compact(12345), "12350");
  EXPECT_EQ(compact(0), "0");
  EXPECT_EQ(compact(NAN), "-");
  EXPECT_EQ(fixed(0.5, 2), "0.50");
  EXPECT_EQ(fixed(INFINITY, 2), "-");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123456), "-123,456");
}

TEST(Numbers, Durations) {
  EXPECT_EQ(duration(0.84), "0.8 s");
  EXPECT_EQ(duration(42.2), "42 s");
  EXPECT_EQ(duration(59.7), "1 min 00 s");
  EXPECT_EQ(duration(185), "3 min 05 s");
  EXPECT_EQ(duration(7625), "2 h 07 min");
  EXPECT_EQ(duration(-1), "-");
}

// Cells hold what files say.
TEST(Table, NothingInACellIsActedOn) {
  const Table table{{"type", "n"}, {{"\x1b]0;owned\x07", "1"}, {"<img src=x onerror=alert(1)> & |", "2"}}};
  EXPECT_EQ(text_table(table).find('\x1b'), std::string::npos);
  EXPECT_NE(text_table(table).find("\\x1b]0;owned\\x07"), std::string::npos);
  const std::string page = markdown_table(table);
  EXPECT_EQ(page.find("<img"), std::string::npos) << page;
  EXPECT_NE(page.find("&lt;img src=x onerror=alert(1)> &amp; \\|"), std::string::npos) << page;
}

}  // namespace
}  // namespace rrpo::report
