// docs/data.md: its examples are what the readers read, and it names every key that they know.
#include <gtest/gtest.h>

#include "rrpo/rows/foreign.h"
#include "rrpo/rows/prediction.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/rows/unused_keys.h"
#include "support/temp_dir.h"

namespace rrpo::rows {
namespace {

std::string page() { return read_file(test::source_file("docs/data.md"), "test"); }

/// The content of every block that stands behind `<!-- name -->`, one after the other.
std::string examples(const std::string& name) {
  const std::string text = page(), mark = "<!-- " + name + " -->\n```json\n";
  std::string out;
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const size_t begin = at + mark.size();
    out += text.substr(begin, text.find("```", begin) - begin);
  }
  return out;
}

TEST(DataPage, ExamplesAreWhatTheReadersRead) {
  std::set<std::string> ids;
  int64_t questions = 0, pairs = 0;
  each_row(examples("questions"), "data.md", nullptr, [&](const Json& row, const std::string& place) {
    const Question question = parse_question(row, place);
    EXPECT_TRUE(question.extra.empty()) << question.extra;
    EXPECT_TRUE(ids.insert(question.id).second);
    ++questions;
  });
  EXPECT_EQ(questions, 10);
  each_row(examples("pairs"), "data.md", nullptr, [&](const Json& row, const std::string& place) {
    const Pair pair = parse_pair(row, place);
    for (const auto& [key, value] : pair.extra.items()) EXPECT_TRUE(key == "made" || key == "chosen") << key;
    ++pairs;
  });
  EXPECT_EQ(pairs, 8);
  each_row(examples("predictions"), "data.md", nullptr, [](const Json& row, const std::string& place) {
    EXPECT_TRUE(parse_prediction(row, place).extra.empty()) << row;
  });
  const Imported imported = import_rows(examples("import"), "data.md", {});
  EXPECT_EQ(imported.skipped(), 0) << Json(imported.reasons);
  EXPECT_EQ(imported.imported, 10);
  EXPECT_EQ(imported.pairs.size(), 10u);
  for (const char* set : {"llava_hound", "mmpr", "elv_halluc"}) EXPECT_EQ(imported.formats.count(set), 1u) << set;
  EXPECT_EQ(imported.questions.size(), 1u);
}

TEST(DataPage, NamesEveryKeyThatTheReadersKnow) {
  const std::string text = page();
  std::vector<std::string> keys = {
      "id",         "video",    "frames", "clip",          "start_s",      "end_s",     "question", "answer",   "format",
      "options",    "key",      "slots",  "span",          "values",       "spans",     "style",    "tags",     "schema",
      "chosen",     "rejected", "text",   "phrases",       "tagged",       "weight",    "source",   "made",     "sample_id",
      "media_path", "pred",     "src",    "answer_masked", "pred_masked",  "response",  "verdict",  "expected", "found",
      "reason",     "error",    "other",  "other_answer",  "other_chosen", "reference", "perturb",  "seed"};
  for (const UnusedKey& key : known_unused_keys()) keys.push_back(key.name);
  for (const ForeignFormat& format : foreign_formats()) keys.push_back(format.name);
  for (const std::string& key : keys) {
    const bool named = text.find("`" + key + "`") != std::string::npos || text.find("\"" + key + "\"") != std::string::npos;
    EXPECT_TRUE(named) << key;
  }
}

}  // namespace
}  // namespace rrpo::rows
