#include "rrpo/rows/foreign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/util/error.h"

namespace rrpo::rows {
namespace {

using testing::HasSubstr;

Imported imported(const std::vector<Json>& rows, const ImportRules& rules = {}) {
  Json array = Json::array();
  for (const Json& row : rows) array.push_back(row);
  return import_rows(array.dump(), "dir/f.json", rules);
}

/// One row of each format. Pairs ask "What is it?" about a.mp4 and answer "a red ball" or "a blue ball".
Json row_of(const std::string& format) {
  static const Json rows = Json::parse(R"({
    "authors": {"question": "<image>\nWhat is it?", "answer": "a red ball", "pred": "a blue ball", "sample_id": 7, "src": "set",
      "answer_masked": "a <MASK> red </MASK> ball", "pred_masked": "a <MASK> blue </MASK> ball", "media_path": "a.mp4"},
    "videochat2": {"video": "a.mp4", "sample_id": "v", "start": 1.5, "end": 3,
      "QA": [{"i": "Look.", "q": "What is it?", "a": "a red ball"}, {"q": "Again?", "a": "Yes"}],
      "QA_NEG": [{"i": "Look.", "q": "What is it?", "a": "a blue ball"}, {"q": "Again?", "a": "No"}]},
    "videochat2_questions": {"video": "a.mp4", "QA": [{"q": "What is it?", "a": "a red ball"}]},
    "elv_halluc": {"messages": [{"role": "user",
      "content": "<video>Please provide a detailed caption for this segment during 00:25-00:38."},
      {"role": "assistant", "content": "a red ball"}], "rejected_response": "a blue ball", "videos": ["a.mp4"]},
    "llava_hound": {"id": "h_2", "video": "a.mp4", "prompt": "<video>\nWhat is it?", "answer": "a ball",
      "chosen": "a red ball", "rejected": "a blue ball", "chosen_score": 5, "rejected_score": 2},
    "mmpr": {"image": "a.png", "question": "<image>\nWhat is it?", "chosen": "a red ball", "rejected": "a blue ball"},
    "ms_swift": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "<video>What is it?"},
      {"role": "assistant", "content": "a red ball"}], "rejected_response": "a blue ball", "videos": ["a.mp4"]},
    "llama_factory": {"conversations": [{"from": "human", "value": "<video>\nWhat is it?"}],
      "chosen": {"from": "gpt", "value": "a red ball"}, "rejected": {"from": "gpt", "value": "a blue ball"}, "videos": ["a.mp4"]},
    "alpaca": {"instruction": "What is it?", "input": "", "chosen": "a red ball", "rejected": "a blue ball", "videos": ["a.mp4"]},
    "trl": {"prompt": [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "What is it?"}]}],
      "chosen": [{"role": "assistant", "content": "a red ball"}], "rejected": [{"role": "assistant", "content": "a blue ball"}],
      "videos": ["a.mp4"]},
    "conversations": {"id": "c", "video": "a.mp4", "conversations": [{"from": "human", "value": "<image>\nWhat is it?"},
      {"from": "gpt", "value": "a red ball that rolls"}, {"from": "human", "value": "Does it roll?"}, {"from": "gpt", "value": "Yes."}]}
  })");
  return rows.at(format);
}

TEST(Foreign, EveryFormatIsRecognisedByItsContent) {
  for (const ForeignFormat& format : foreign_formats()) {
    SCOPED_TRACE(format.name);
    const Imported out = imported({row_of(format.name)});
    EXPECT_EQ(out.format->name, format.name);
    EXPECT_THAT(out.why, HasSubstr("dir/f.json[0] has "));
    EXPECT_FALSE(format.help.empty());
    EXPECT_EQ(out.imported, 1);
    EXPECT_EQ(out.skipped(), 0);
    EXPECT_EQ(out.pairs.empty(), !format.pairs);
    EXPECT_EQ(out.questions.empty(), format.pairs);
    for (const Question& question : out.questions)
      EXPECT_EQ(question_json(parse_question(question_json(question), "x")), question_json(question));
    if (!format.pairs) continue;
    const Pair& pair = out.pairs.front();
    EXPECT_EQ(pair.media.video, format.name == "mmpr" ? "" : "a.mp4");
    EXPECT_EQ(pair.media.frames.size(), format.name == "mmpr" ? 1u : 0u);
    EXPECT_THAT(pair.question, testing::AnyOf("What is it?", "Look.\nWhat is it?", HasSubstr("this segment during 00:25")));
    EXPECT_EQ(pair.chosen.text, "a red ball");
    EXPECT_EQ(pair.chosen.spans, (std::vector<text::ByteRange>{{2, 5}}));
    EXPECT_EQ(pair.rejected.text, "a blue ball");
    EXPECT_EQ(pair.rejected.spans, (std::vector<text::ByteRange>{{2, 6}}));
    EXPECT_EQ(pair.extra["made"]["spans"], format.name == "authors" ? "tags" : "difference");
    EXPECT_EQ(pair.extra["made"]["import"], format.name);
    EXPECT_EQ(pair.extra["made"]["from"], "f.json[0]");
    EXPECT_EQ(pair_json(parse_pair(pair_json(pair), "x")), pair_json(pair));
  }
}

TEST(Foreign, LinesAndArraysAreTheSame) {
  const Json row = row_of("trl");
  const Imported lines = import_rows("\n" + row.dump() + "\n" + row_of("trl").dump() + "\n", "f.jsonl", {});
  EXPECT_EQ(lines.pairs.size(), 2u);
  EXPECT_THAT(lines.why, HasSubstr("f.jsonl:2"));
}

TEST(Foreign, IdsAreThoseOfTheRowsOrOfTheirContentAndUnique) {
  const Json named = row_of("authors"), nameless = row_of("alpaca");
  EXPECT_EQ(imported({named}).pairs[0].id, "7");
  const Imported twice = imported({nameless, row_of("alpaca"), nameless});
  const std::string id = twice.pairs[0].id;
  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(twice.pairs[1].id, id + "-2");
  EXPECT_EQ(twice.pairs[2].id, id + "-3");
  EXPECT_EQ(imported({row_of("alpaca")}).pairs[0].id, id);
  Json other = nameless;
  other["rejected"] = "a green ball";
  EXPECT_NE(imported({other}).pairs[0].id, id);
  const Imported many = imported({row_of("videochat2")});
  EXPECT_EQ(many.pairs[0].id, "v-1");
  EXPECT_EQ(many.pairs[1].id, "v-2");
  EXPECT_EQ(many.pairs[1].question, "Again?");
  EXPECT_EQ(many.pairs[0].media.start_s, 1.5);
  EXPECT_EQ(many.pairs[0].media.end_s, 3);
}

TEST(Foreign, QuestionsAreOnePerTurn) {
  const Imported out = imported({row_of("conversations")});
  ASSERT_EQ(out.questions.size(), 2u);
  EXPECT_EQ(out.questions[0].id, "c-1");
  EXPECT_EQ(out.questions[0].question, "What is it?");
  EXPECT_EQ(out.questions[0].format, "open");
  EXPECT_EQ(out.questions[1].format, "yesno");
  EXPECT_EQ(imported({row_of("videochat2_questions")}).questions[0].format, "short");
}

std::string starred(const text::MarkedText& side) {
  std::string text = side.text;
  for (size_t i = side.spans.size(); i-- > 0;) {
    text.insert(static_cast<size_t>(side.spans[i].end), "*");
    text.insert(static_cast<size_t>(side.spans[i].begin), "*");
  }
  return text;
}

/// Where the marks of a pair come from, and both answers with stars around phrases.
std::string marked(const std::string& chosen, const std::string& rejected, const ImportRules& rules = {}) {
  Json row = row_of("alpaca");
  row["chosen"] = chosen;
  row["rejected"] = rejected;
  const Pair pair = imported({row}, rules).pairs.at(0);
  return pair.extra["made"]["spans"].get<std::string>() + ": " + starred(pair.chosen) + " | " + starred(pair.rejected);
}

TEST(Foreign, SpansComeFromTagsElseFromTheDifference) {
  EXPECT_EQ(marked("<MASK> Yes </MASK>, he does.", "<MASK> No </MASK>, he does not."),
            "tags: *Yes*, he does. | *No*, he does not.");
  EXPECT_EQ(marked("(<MASK> D </MASK>) left", "(<MASK> A </MASK>) right"), "tags: (*D*) left | (*A*) right");
  EXPECT_EQ(marked("他<MASK> 关 </MASK>门。", "他<MASK> 开 </MASK>门。"), "tags: 他*关*门。 | 他*开*门。");
  EXPECT_EQ(marked("A <MASK> big </MASK> dog", "A dog"), "tags: A *big* dog | A dog");
  EXPECT_EQ(marked("A <MASK> big </MASK> dog", "A <MASK> </MASK> dog"), "tags: A *big* dog | A dog");
  EXPECT_EQ(marked("他关门。", "他开门。"), "difference: 他*关*门。 | 他*开*门。");
  EXPECT_EQ(marked("A big dog", "A dog"), "difference: A *big* dog | A dog");
  EXPECT_EQ(marked("<MASK> A </MASK> big dog", "A <MASK> dog </MASK>", {.spans = "difference"}),
            "difference: A *big* dog | A dog");
  EXPECT_EQ(marked("A <MASK> big </MASK> dog", "A dog", {.spans = "none"}), "none: A big dog | A dog");
}

TEST(Foreign, TagsThatAreNotTheDocumentedOnesAreKept) {
  Json row = row_of("authors");
  row["answer_masked"] = "a <MASK>red</MASK> ball";
  const Pair pair = imported({row}).pairs.at(0);
  EXPECT_EQ(pair.chosen.tagged, "a <MASK>red</MASK> ball");
  EXPECT_EQ(pair.rejected.tagged, "");
  EXPECT_EQ(parse_pair(pair_json(pair), "x").chosen.tagged, pair.chosen.tagged);
  Json written = pair_json(pair);
  written["chosen"]["spans"] = Json::array({Json::array({0, 1})});
  EXPECT_THROW(parse_pair(written, "x"), Error);
}

/// The reason for which the only changed row beside a good one is skipped.
std::string reason(const Json& row) {
  const Imported out = imported({row_of("alpaca"), row});
  EXPECT_EQ(out.ledger.total(), 2);
  EXPECT_EQ(out.imported + out.skipped(), 2);
  EXPECT_EQ(out.lines.size(), 2u);
  if (out.skipped() != 1) return "imported";
  EXPECT_EQ(out.lines[1]["id"], "dir/f.json[1]");
  EXPECT_EQ(out.lines[1]["state"], "skipped");
  return out.reasons.begin()->first;
}

std::string reason(const std::string& key, const Json& value) {
  Json row = row_of("alpaca");
  row[key] = value;
  return reason(row);
}

TEST(Foreign, RowsThatCannotBeUsedAreSkippedWithAReason) {
  EXPECT_EQ(reason(Json(5)), "the row is no JSON object");
  EXPECT_EQ(reason("rejected", nullptr), "rejected is missing");
  EXPECT_EQ(reason("rejected", ""), "rejected is empty");
  EXPECT_EQ(reason("rejected", "a red ball"), "chosen and rejected are the same text");
  EXPECT_EQ(reason("chosen", "a <MASK> red ball"), "chosen: a <MASK> is not closed");
  EXPECT_EQ(reason("videos", Json::array()), "has neither video nor pictures");
  EXPECT_EQ(reason("videos", {"a.mp4", "b.mp4"}), "has 2 videos");
  EXPECT_EQ(reason("videos", {"https://x/a.mp4"}), "videos is no path of a file");
  EXPECT_EQ(reason("videos", Json::array({5})), "videos names no file");
  EXPECT_EQ(reason("images", {"a.png"}), "has a video and pictures");
  EXPECT_EQ(reason("video", "b.mp4"), "videos differs from the other media of the row");
  EXPECT_EQ(reason("history", Json::array({Json::array({"a", "b"})})), "history is not empty");
  EXPECT_EQ(reason("instruction", "What <video> is it?"), "<video> stands inside the question");
  EXPECT_EQ(reason("instruction", "<video><video> What?"), "the question has 2 places for 1 pictures or videos");
  EXPECT_EQ(reason("instruction", "<video>\n"), "the question is empty");
  EXPECT_EQ(reason("id", Json::array()), "id is no text and no whole number");
  EXPECT_EQ(reason("end", "x"), "end is no finite number");
}

TEST(Foreign, ConversationsMustHaveOneQuestion) {
  const auto skipped = [](const std::string& format, const std::string& pointer, const Json& value) {
    Json row = row_of(format);
    row[Json::json_pointer(pointer)] = value;
    const Imported out = imported({row_of(format), row});
    return out.skipped() == 1 ? out.reasons.begin()->first : "imported";
  };
  EXPECT_EQ(skipped("ms_swift", "/messages/0/role", "user"), "messages has 2 turns of the user");
  EXPECT_EQ(skipped("ms_swift", "/rejected_videos", {"b.mp4"}), "rejected_videos differs from videos");
  EXPECT_EQ(skipped("ms_swift", "/rejected_videos", Json::array({"a.mp4"})), "imported");
  EXPECT_EQ(skipped("trl", "/prompt/0/content/0/video", "b.mp4"), "prompt differs from the other media of the row");
  EXPECT_EQ(skipped("trl", "/prompt/0/content/0/video", nullptr), "imported");
  EXPECT_EQ(skipped("ms_swift", "/messages/0/role", "tool"), "messages has a turn of 'tool'");
  EXPECT_EQ(skipped("trl", "/prompt/0/content/0", {{"type", "audio"}}),
            "prompt holds a content part that is no text, image or video");
  EXPECT_EQ(skipped("trl", "/chosen/0/role", "user"), "chosen does not end with the assistant");
  EXPECT_EQ(skipped("videochat2", "/QA_NEG/1/q", "Other?"), "QA_NEG asks something else than QA");
  EXPECT_EQ(skipped("conversations", "/conversations/1/from", "human"), "conversations has a question without an answer");
}

TEST(Foreign, WholeConversationsAndTextsAreReadToo) {
  Json whole = {
      {"images", {"1.png", "2.png"}},
      {"chosen", {{{"role", "user"}, {"content", "<image><image>\nWhat?"}}, {{"role", "assistant"}, {"content", "one"}}}},
      {"rejected", {{{"role", "user"}, {"content", "<image><image>\nWhat?"}}, {{"role", "assistant"}, {"content", "two"}}}}};
  const Imported out = imported({whole});
  EXPECT_EQ(out.format->name, "trl");
  EXPECT_EQ(out.pairs[0].question, "What?");
  EXPECT_EQ(out.pairs[0].media.frames, (std::vector<std::string>{"1.png", "2.png"}));
  const Imported plain =
      imported({{{"prompt", "What?\n<image>"}, {"chosen", "one"}, {"rejected", "two"}, {"image", "1.png"}}});
  EXPECT_EQ(plain.pairs[0].question, "What?");
  Json swift = row_of("ms_swift");
  swift.erase("rejected_response");
  swift["rejected_messages"] = {{{"role", "user"}, {"content", "<video>What is it?"}},
                                {{"role", "assistant"}, {"content", "no"}}};
  EXPECT_EQ(imported({swift}).pairs[0].rejected.text, "no");
}

TEST(Foreign, UnknownKeysAreKept) {
  Json row = row_of("ms_swift");
  row["channel"] = "a";
  row["weight"] = "heavy";  // of ours in another meaning
  const Imported out = imported({row});
  EXPECT_EQ(out.pairs[0].extra["channel"], "a");
  EXPECT_EQ(out.pairs[0].extra["made"]["row"]["weight"], "heavy");
  EXPECT_EQ(out.pairs[0].extra["made"]["system"], "Be brief.");
  EXPECT_EQ(out.pairs[0].weight, 1);
  EXPECT_EQ(out.notes.at("system turns, kept as made.system and not shown to the model"), 1);
}

/// Every place inside a JSON value.
void collect_places(const Json& json, const Json::json_pointer& at, std::vector<Json::json_pointer>& out) {
  if (!at.empty()) out.push_back(at);
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) collect_places(value, at / key, out);
  } else if (json.is_array()) {
    for (size_t i = 0; i < json.size(); ++i) collect_places(json[i], at / i, out);
  }
}

TEST(Foreign, NoValueInAnyPlaceOfARowBreaksTheImport) {
  const std::vector<Json> values = {nullptr,
                                    5,
                                    -1.5,
                                    true,
                                    "",
                                    "x",
                                    "<MASK>",
                                    "<image>",
                                    "\xff",
                                    Json::array(),
                                    Json::array({5}),
                                    Json::array({Json::object()}),
                                    Json::object(),
                                    {{"path", 5}},
                                    {{"role", "user"}, {"content", 5}}};
  int64_t imports = 0;
  for (const ForeignFormat& format : foreign_formats()) {
    const Json good = row_of(format.name);
    std::vector<Json::json_pointer> places;
    collect_places(good, Json::json_pointer(), places);
    for (const Json::json_pointer& place : places) {
      for (const Json& value : values) {
        Json row = good;
        row[place] = value;
        // As a second row, so that the format is known; alone, so that it is recognised by what is left of it.
        const Imported out =
            import_rows(good.dump() + "\n" + row.dump(-1, ' ', false, Json::error_handler_t::replace), "f", {});
        ASSERT_EQ(out.ledger.total(), 2) << format.name << place << value;
        ASSERT_EQ(out.imported + out.skipped(), 2);
        for (const Pair& pair : out.pairs) ASSERT_EQ(pair_json(parse_pair(pair_json(pair), "x")), pair_json(pair));
        try {
          import_rows(row.dump(-1, ' ', false, Json::error_handler_t::replace), "f", {});
        } catch (const Error& error) {
          ASSERT_EQ(error.fault(), Fault::input) << error.what();
        }
        ++imports;
      }
    }
  }
  EXPECT_GT(imports, 1000);
}

TEST(Foreign, AbsolutePathsBelowTheRootBecomeRelative) {
  Json row = row_of("alpaca");
  row["videos"] = {"/data/set/a/b.mp4"};
  EXPECT_EQ(imported({row}, {.root = "/data/set"}).pairs[0].media.video, "a/b.mp4");
  const Imported outside = imported({row}, {.root = "/data/other"});
  EXPECT_EQ(outside.pairs[0].media.video, "/data/set/a/b.mp4");
  EXPECT_EQ(outside.notes.count("absolute paths outside video_root, which training refuses"), 1u);
}

TEST(Foreign, BrokenLinesAreSkippedAndUnknownRowsRefused) {
  const Imported out = import_rows(row_of("alpaca").dump() + "\n{\"a\": \n", "f.jsonl", {});
  EXPECT_EQ(out.imported, 1);
  EXPECT_EQ(out.skipped(), 1);
  try {
    imported({{{"data_source", "x"}, {"ability", "y"}}});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("no row is of a known format (the first has data_source, ability)"));
  }
  EXPECT_THROW(import_rows("", "f.jsonl", {}), Error);
  EXPECT_THROW(import_rows("[[], 3, null]", "f.json", {}), Error);
  EXPECT_EQ(imported({row_of("ms_swift")}, {.format = "conversations"}).questions.size(), 1u);
}

}  // namespace
}  // namespace rrpo::rows
