// Tables in CSV, as `rrpo-gen import` reads them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/rows/foreign.h"
#include "rrpo/util/error.h"

namespace rrpo::rows {
namespace {

using testing::HasSubstr;

Imported table(const std::string& text) { return import_rows(text, "t.csv", {}); }

TEST(Csv, QuotesLinesAndCommasInsideOfCells) {
  const Imported out = table(
      "\xef\xbb\xbfprompt,chosen,rejected,video\n"
      "\"He said \"\"go\"\", then?\",\"one,\r\ntwo\",three,a.mp4\n"
      "\n"
      "Who?,a \"quoted\" word,no,b.mp4");
  ASSERT_EQ(out.pairs.size(), 2u);
  EXPECT_EQ(out.pairs[0].question, "He said \"go\", then?");
  EXPECT_EQ(out.pairs[0].chosen.text, "one,\r\ntwo");
  EXPECT_EQ(out.pairs[1].chosen.text, "a \"quoted\" word");
  EXPECT_EQ(out.pairs[1].extra["made"]["from"], "t.csv:5");
}

TEST(Csv, BrokenRecordsCostThemselvesAndAreCounted) {
  const std::string head = "prompt,chosen,rejected,video\n", good = "Who?,Ann,Bob,a.mp4\n";
  const auto reason = [&](const std::string& bad) {
    const Imported out = table(head + good + bad);
    EXPECT_EQ(out.imported, 1);
    EXPECT_EQ(out.skipped(), 1);
    EXPECT_EQ(out.places.begin()->second, "t.csv:3");
    return out.reasons.begin()->first;
  };
  EXPECT_EQ(reason("Who?,Ann,Bob"), "has 3 cells, and the header has 4");
  EXPECT_EQ(reason("Who?,Ann,Bob,a.mp4,x\n"), "has 5 cells, and the header has 4");
  EXPECT_EQ(reason("Who?,\"Ann,Bob,a.mp4\nWho?,Ann,Bob,a.mp4\n"),
            "has a quote that is not closed: all behind it is this one row");
  EXPECT_EQ(reason("Who?,\"Ann\"a,Bob,a.mp4\n"), "has something behind the end of a cell");
  EXPECT_EQ(reason("Who?,\xff,Bob,a.mp4\n"), "holds bytes that are no UTF-8");
  EXPECT_EQ(reason("Who?,Ann,,a.mp4\n"), "rejected is empty");
  EXPECT_EQ(table(head + "Who?,\"Ann\"a,Bob,a.mp4\n" + good).pairs.size(), 1u);
}

TEST(Csv, ATableThatNamesNothingIsRefused) {
  EXPECT_THROW(table(""), Error);
  EXPECT_THROW(table("prompt,chosen,rejected,video\n"), Error);
  EXPECT_THROW(table("a,a\n1,2\n"), Error);
  try {
    table("question_text,good,bad\nWho?,Ann,Bob\n");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("t.csv: no row is of a known format (the first has question_text, good, bad)"));
  }
}

}  // namespace
}  // namespace rrpo::rows
