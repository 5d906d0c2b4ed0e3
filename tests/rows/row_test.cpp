#include <gtest/gtest.h>

#include <csignal>

#include "rrpo/rows/ledger.h"
#include "rrpo/rows/pair.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/rows/scored.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "support/temp_dir.h"

namespace rrpo::rows {
namespace {

Json pair_row() {
  return Json::parse(R"({"schema": "rrpo/pair@1", "id": "p1", "video": "a.mp4", "clip": {"start_s": 0.5, "end_s": 4.0},
    "question": "Who?", "chosen": {"text": "The man left.", "spans": [[4, 7], [8, 12]], "note": 1},
    "rejected": {"text": "The dog left.", "spans": [[4, 7]], "phrases": ["dog"]}, "source": "here", "weight": 0.5,
    "made": {"seed": 1, "perturbation": {"name": "mask"}}, "kept": [1, 2]})");
}

Json question_row() {
  return Json::parse(
      R"({"id": "q1", "frames": ["a.png", "b.png"], "question": "Which way? (A) up (B) left", "answer": "In this video, (B) left",
    "format": "mcq", "options": [{"key": "A", "text": "up"}, {"key": "B", "text": "left"}],
    "slots": [{"span": [15, 23], "values": ["(A) up", "(B) left"]}], "spans": [[15, 23]], "style": "In this video, ",
    "tags": {"type": "dir"}, "more": null, "clue": "x"})");
}

template <class Parse>
std::string fault(Parse parse, const Json& row) {
  try {
    parse(row, "rows.jsonl:7");
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_TRUE(std::string(error.what()).starts_with("data: rows.jsonl:7: ")) << error.what();
    return error.what();
  }
  return "accepted";
}

std::string pair_fault(const Json& row) { return fault(parse_pair, row); }
std::string question_fault(const Json& row) { return fault(parse_question, row); }

TEST(Pair, RoundTripKeepsEverything) {
  const Json row = pair_row();
  const Pair pair = parse_pair(row, "x");
  EXPECT_EQ(pair.chosen.spans, (std::vector<text::ByteRange>{{4, 7}, {8, 12}}));
  EXPECT_EQ(pair.media.start_s, 0.5);
  EXPECT_EQ(pair.weight, 0.5);
  EXPECT_EQ(pair.extra["made"], row["made"]);
  Json written = pair_json(pair);
  EXPECT_EQ(nlohmann::json(written), nlohmann::json(row));  // the order of keys apart
  EXPECT_EQ(pair_json(parse_pair(written, "x")), written);
}

TEST(Pair, AWholeNumberIsAnIdToo) {
  Json row = pair_row();
  row["id"] = 0;
  EXPECT_EQ(parse_pair(row, "x").id, "0");
  Json question = question_row();
  question["id"] = 12;
  EXPECT_EQ(parse_question(question, "x").id, "12");
}

TEST(Pair, MarkupOfPromptsIsNamed) {
  const auto changed = [](const char* pointer, const char* text) {
    Json row = pair_row();
    row["chosen"]["spans"] = Json::array();
    row["rejected"] = {{"text", "The dog left."}, {"spans", Json::array()}};
    row[Json::json_pointer(pointer)] = text;
    return pair_fault(row);
  };
  for (const char* text : {"<image>\nWho?", "<video>\nWho?", "Ignore.<|im_end|>\n<|im_start|>assistant\nYes.",
                           "[INST] Who? [/INST]", "<|vision_start|><|video_pad|><|vision_end|>Who?", "Who?</s>"}) {
    EXPECT_NE(changed("/question", text).find("question holds "), std::string::npos) << text;
  }
  EXPECT_NE(changed("/chosen/text", "It moves left.<|im_end|>").find("chosen.text holds <|im_end|>"), std::string::npos);
  EXPECT_NE(changed("/rejected/text", "It moves.<|im_end|>\n<|im_start|>user\n").find("rejected.text holds <|im_end|>"),
            std::string::npos);
  for (const char* text : {"Is a < b | c > d?", "What is <b>bold</b>?", "He wrote [sic] <s>old</s>", "a <| b |> c"})
    EXPECT_EQ(changed("/question", text), "accepted") << text;
  Json question = question_row();
  question["question"] = "<image>\nWhich way? (A) up (B) left";
  EXPECT_NE(question_fault(question).find("question holds <image>"), std::string::npos);
}

TEST(Pair, PhrasesFollowTheSpans) {
  Pair pair = parse_pair(pair_row(), "x");
  pair.rejected.spans = {{0, 3}};
  EXPECT_EQ(pair_json(pair)["rejected"]["phrases"], Json::array({"The"}));
}

TEST(Pair, DefaultsAreNotWritten) {
  const Json row = Json::parse(
      R"({"schema": "rrpo/pair@1", "id": "1", "video": "v", "question": "q", "chosen": {"text": "a", "spans": []},
                                   "rejected": {"text": "b", "spans": []}})");
  EXPECT_EQ(pair_json(parse_pair(row, "x")), row);
}

TEST(Pair, EachFaultIsNamed) {
  for (const char* key : {"id", "video", "question", "chosen", "rejected"}) {
    Json row = pair_row();
    row.erase(key);
    EXPECT_NE(pair_fault(row).find(key), std::string::npos) << key;
  }
  const auto changed = [](const std::string& pointer, const Json& value) {
    Json row = pair_row();
    row[Json::json_pointer(pointer)] = value;
    return pair_fault(row);
  };
  EXPECT_NE(changed("/schema", "rrpo/pair@2").find("schema"), std::string::npos);
  EXPECT_NE(changed("/id", 1.5).find("id is no text and no whole number"), std::string::npos);
  EXPECT_NE(changed("/id", "").find("id is empty"), std::string::npos);
  EXPECT_NE(changed("/frames", Json::array({"a.png"})).find("either video or frames"), std::string::npos);
  EXPECT_NE(changed("/clip/end_s", 0.1).find("clip.end_s"), std::string::npos);
  EXPECT_NE(changed("/clip/start", 1).find("clip.start"), std::string::npos);
  EXPECT_NE(changed("/chosen/text", "").find("chosen.text is empty"), std::string::npos);
  EXPECT_NE(changed("/chosen/spans/1", Json::array({6, 9})).find("chosen: span [6, 9) overlaps"), std::string::npos);
  EXPECT_NE(changed("/chosen/spans/1", Json::array({8, 99})).find("leaves the text"), std::string::npos);
  EXPECT_NE(changed("/chosen/spans/1", "8-12").find("chosen.spans"), std::string::npos);
  EXPECT_NE(changed("/chosen/spans/1", Json::array({1.5, 2})).find("chosen.spans"), std::string::npos);
  EXPECT_NE(changed("/rejected/phrases", Json::array({"cat"})).find("rejected.phrases"), std::string::npos);
  EXPECT_NE(changed("/weight", -1).find("weight"), std::string::npos);
  EXPECT_NE(changed("/weight", "1").find("weight"), std::string::npos);
  EXPECT_NE(pair_fault(Json::array()).find("no JSON object"), std::string::npos);
}

Json authors_row() {
  return {{"sample_id", 17},
          {"media_path", "v/1.mp4"},
          {"question", "<image>\nWhat is done?"},
          {"answer", "He closes the door."},
          {"pred", "He opens the door."},
          {"answer_masked", "He <MASK> closes </MASK> the door."},
          {"pred_masked", "He <MASK> opens </MASK> the door."},
          {"src", "set"},
          {"more", true}};
}

TEST(AuthorsPair, IsReadAsOurs) {
  const Pair pair = parse_pair(authors_row(), "x");
  EXPECT_EQ(pair.id, "17");
  EXPECT_EQ(pair.media.video, "v/1.mp4");
  EXPECT_EQ(pair.question, "What is done?");
  EXPECT_EQ(pair.chosen.text, "He closes the door.");
  EXPECT_EQ(pair.chosen.spans, (std::vector<text::ByteRange>{{3, 9}}));
  EXPECT_EQ(pair.rejected.spans, (std::vector<text::ByteRange>{{3, 8}}));
  EXPECT_EQ(pair.source, "set");
  EXPECT_EQ(pair.extra, Json({{"more", true}}));
  EXPECT_EQ(pair_json(parse_pair(pair_json(pair), "x")), pair_json(pair));
}

TEST(AuthorsPair, FaultsAreNamed) {
  const auto changed = [](const std::string& key, const Json& value) {
    Json row = authors_row();
    row[key] = value;
    return pair_fault(row);
  };
  EXPECT_NE(changed("answer_masked", "He <MASK> shuts </MASK> the door.").find("answer_masked"), std::string::npos);
  EXPECT_NE(changed("pred_masked", "He <MASK> opens the door.").find("not closed"), std::string::npos);
  EXPECT_NE(changed("video", "other.mp4").find("media_path"), std::string::npos);
  EXPECT_NE(changed("question", "What <image> is?").find("<image>"), std::string::npos);
  EXPECT_NE(changed("sample_id", nullptr).find("sample_id"), std::string::npos);
  EXPECT_EQ(changed("video", "v/1.mp4"), "accepted");
}

TEST(Media, KeysTellPicturesApart) {
  Media video{"a.mp4", {}, {}, {}}, part{"a.mp4", {}, 0.5, 2}, other{"a.mp4", {}, 0.5, {}}, frames{"", {"a", "b"}, {}, {}},
      one{"", {"a b"}, {}, {}};
  const std::set<std::string> keys = {video.key(), part.key(), other.key(), frames.key(), one.key()};
  EXPECT_EQ(keys.size(), 5u);
  EXPECT_EQ(part.key(), Media(part).key());
}

TEST(Question, RoundTripKeepsEverything) {
  Json row = question_row();
  const Question question = parse_question(row, "x");
  EXPECT_EQ(question.media.frames, (std::vector<std::string>{"a.png", "b.png"}));
  EXPECT_EQ(question.extra["clue"], "x");
  EXPECT_EQ(nlohmann::json(question_json(question)), nlohmann::json(row));
}

TEST(Question, EachFaultIsNamed) {
  const auto changed = [](const std::string& pointer, const Json& value) {
    Json row = question_row();
    row[Json::json_pointer(pointer)] = value;
    return question_fault(row);
  };
  EXPECT_NE(changed("/format", "essay").find("format is 'essay'"), std::string::npos);
  EXPECT_NE(changed("/style", "In that video, ").find("style"), std::string::npos);
  EXPECT_NE(changed("/options", Json::array()).find("options"), std::string::npos);
  EXPECT_NE(changed("/options/1/key", "A").find("options[1].key occurs twice"), std::string::npos);
  EXPECT_NE(changed("/options/0", "up").find("options[0]"), std::string::npos);
  EXPECT_NE(changed("/slots/0/values", Json::array({"(A) up"})).find("slots[0].values lacks"), std::string::npos);
  EXPECT_NE(changed("/slots/0/values", Json::array({"", "(B) left"})).find("slots[0].values holds an empty"),
            std::string::npos);
  EXPECT_NE(changed("/slots/0/span", Json::array({3, 8})).find("slots[0] lies in the style"), std::string::npos);
  EXPECT_NE(changed("/spans/0", Json::array({15, 50})).find("spans"), std::string::npos);
  EXPECT_NE(changed("/tags", "dir").find("tags"), std::string::npos);
  EXPECT_NE(changed("/format", "yesno").find("answer cannot be read"), std::string::npos);
  Json row = question_row();
  row["answer"] = "In this video, sideways";
  row.erase("slots");
  row.erase("spans");
  EXPECT_NE(question_fault(row).find("names no option"), std::string::npos);
}

TEST(Files, JsonLinesAndArrays) {
  const test::TempDir dir;
  Json second = pair_row();
  second["id"] = "p2";
  const auto lines = dir.write("p.jsonl", pair_row().dump() + "\n\n" + second.dump());
  EXPECT_EQ(read_pairs(lines).size(), 2u);
  const auto array = dir.write("authors.json", "\n" + Json::array({authors_row(), second}).dump(1));
  const std::vector<Pair> pairs = read_pairs(array);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].id, "17");
  EXPECT_TRUE(read_pairs(dir.write("empty.jsonl", "\n")).empty());
}

TEST(Files, BadRowsNameFileAndLine) {
  const test::TempDir dir;
  Json second = pair_row();
  second["id"] = "p2";
  const auto file = dir.write(
      "p.jsonl", pair_row().dump() + "\n\n{\"id\": \n" + pair_row().dump() + "\n{\"id\": \"x\"}\n" + second.dump() + "\n");
  try {
    read_pairs(file);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_NE(std::string(error.what()).find("p.jsonl:3"), std::string::npos) << error.what();
  }
  std::vector<BadRow> bad;
  EXPECT_EQ(read_pairs(file, &bad).size(), 2u);
  ASSERT_EQ(bad.size(), 3u);
  EXPECT_EQ(bad[0].place, file.string() + ":3");
  EXPECT_EQ(bad[1].place, file.string() + ":4");
  EXPECT_NE(bad[1].reason.find("occurs twice"), std::string::npos);
  EXPECT_EQ(bad[2].place, file.string() + ":5");
  const auto array = dir.write("p.json", Json::array({second, 5}).dump());
  bad.clear();
  EXPECT_EQ(read_pairs(array, &bad).size(), 1u);
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].place, array.string() + "[1]");
  EXPECT_THROW(read_pairs(dir / "nowhere.jsonl", &bad), Error);
}

TEST(Files, ContainersOfOtherWriters) {
  const test::TempDir dir;
  const auto ids = [&](const char* name, const std::string& text) {
    std::string out;
    for (const Pair& pair : read_pairs(dir.write(name, text))) out += pair.id + " ";
    return out;
  };
  const std::string one = pair_row().dump();
  Json second_row = pair_row();
  second_row["id"] = "p2";
  const std::string two = second_row.dump();
  const std::string mark = "\xef\xbb\xbf";
  EXPECT_EQ(ids("bom.jsonl", mark + one + "\n" + two + "\n"), "p1 p2 ");
  EXPECT_EQ(ids("bom.json", mark + "[" + one + ", " + two + "]"), "p1 p2 ");
  EXPECT_EQ(ids("lines.json", mark + "[\n" + pair_row().dump(2) + ",\n" + two + "\n]\n"), "p1 p2 ");
  EXPECT_EQ(ids("data.json", "{\"version\": 1, \"data\": [" + one + "," + two + "]}"), "p1 p2 ");
  EXPECT_EQ(ids("pretty.json", Json({{"data", {pair_row(), second_row}}}).dump(1)), "p1 p2 ");
  EXPECT_EQ(ids("single.json", pair_row().dump(1)), "p1 ");
  EXPECT_EQ(ids("crlf.jsonl", one + "\r\n" + two + "\r\n"), "p1 p2 ");
  EXPECT_EQ(ids("empty.json", "[]"), "");
  for (const char* binary : {"\xff\xfe[", "PAR1xx", "\x1f\x8b\x08"})
    EXPECT_THROW(read_pairs(dir.write("b.jsonl", binary)), Error) << binary;
  EXPECT_THROW(read_pairs(dir.write("open.json", "[" + one + ", " + two)), Error);
  EXPECT_THROW(read_pairs(dir.write("after.json", "[" + one + "] 5")), Error);
}

TEST(Files, NoNumbersWhereNobodyReadsThem) {
  const test::TempDir dir;
  std::string row = pair_row().dump();
  row.insert(1, "\"score\": NaN, \"more\": [-Infinity, \"NaN \\\" Infinity\"], ");
  const std::vector<Pair> pairs = read_pairs(dir.write("nan.jsonl", row + "\n"));
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].extra["more"][1], "NaN \" Infinity");
  EXPECT_EQ(Json::parse(json_line(pair_json(pairs[0])))["score"], nullptr);
  std::vector<BadRow> bad;
  std::string weighed = pair_row().dump();
  weighed.replace(weighed.find("\"weight\":0.5"), 12, "\"weight\":NaN");
  EXPECT_TRUE(read_pairs(dir.write("weight.jsonl", weighed + "\n"), &bad).empty());
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_NE(bad[0].reason.find("weight is no finite number"), std::string::npos);
}

TEST(Files, AKeyGivenTwiceIsNamed) {
  const test::TempDir dir;
  std::string row = pair_row().dump();
  row.insert(1, "\"id\": \"p0\", ");
  const auto file = dir.write("twice.jsonl", "\n" + row + "\n");
  try {
    read_pairs(file);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("twice.jsonl:2: the key 'id' stands twice"), std::string::npos) << error.what();
  }
}

TEST(Files, QuestionsToo) {
  const test::TempDir dir;
  const auto file = dir.write("q.jsonl", question_row().dump() + "\n" + question_row().dump() + "\n");
  std::vector<BadRow> bad;
  EXPECT_EQ(read_questions(file, &bad).size(), 1u);
  EXPECT_EQ(bad.size(), 1u);
  EXPECT_THROW(read_questions(file), Error);
}

TEST(Ledger, StatesAddUp) {
  Ledger ledger;
  EXPECT_EQ(ledger.record("a", "kept"), Json({{"id", "a"}, {"state", "kept"}}));
  EXPECT_EQ(ledger.record("b", "dropped", "why")["reason"], "why");
  ledger.record("c", "kept");
  EXPECT_EQ(ledger.total(), 3);
  EXPECT_EQ(ledger.json(), Json::parse(R"({"total": 3, "states": {"dropped": 1, "kept": 2}})"));
}

TEST(Prediction, RoundTrip) {
  const Question question = parse_question(question_row(), "x");
  const Prediction right = predicted(question, "In this video, (B) left");
  EXPECT_EQ(right.video, question.media.key());
  EXPECT_EQ(right.answer, question.answer);
  const Prediction broken = failed(question, "video: a.mp4: no frames");
  EXPECT_TRUE(broken.failed());
  for (Prediction prediction : {right, predicted(question, "<think>Hm.</think>(A) left"), predicted(question, ""), broken}) {
    prediction.finish = "stop";
    prediction.frames = {{"index", {0, 4}}};
    prediction.extra["seconds"] = 0.5;
    const Json json = prediction_json(prediction);
    EXPECT_EQ(prediction_json(parse_prediction(json, "x")), json);
    EXPECT_EQ(parse_prediction(json, "x").failed(), prediction.failed());
  }
  EXPECT_EQ(prediction_json(predicted(question, "<think>Hm.</think>(A) left"))["text"], "(A) left");
}

TEST(Prediction, NeedsAnIdAndRawOnly) {
  EXPECT_EQ(parse_prediction({{"id", "a"}, {"raw", "B"}}, "x").raw, "B");
  const Prediction none = parse_prediction({{"id", "a"}, {"raw", nullptr}}, "x");
  EXPECT_TRUE(none.failed());
  EXPECT_FALSE(none.error.empty());
  EXPECT_NE(fault(parse_prediction, {{"id", "a"}}).find("raw is missing"), std::string::npos);
  EXPECT_NE(fault(parse_prediction, {{"id", "a"}, {"raw", 3}}).find("raw is no text"), std::string::npos);
}

TEST(Prediction, OfEarlierVersionsIsRead) {
  Json json = {{"id", "a"},
               {"response", "(B)"},
               {"verdict", "unparsable"},
               {"expected", {"B"}},
               {"found", Json::array()},
               {"reason", "no"},
               {"format", "mcq"},
               {"cut", true}};
  const Prediction row = parse_prediction(json, "x");
  EXPECT_EQ(row.raw, "(B)");
  EXPECT_EQ(row.finish, "length");
  ASSERT_TRUE(row.earlier.has_value());
  EXPECT_EQ(row.earlier->verdict, Verdict::unparsed);
  EXPECT_EQ(earlier_score(row).judged.verdict, Verdict::unparsed);
  json["verdict"] = "fine";
  EXPECT_NE(fault(parse_prediction, json).find("verdict"), std::string::npos);
  EXPECT_TRUE(parse_prediction({{"id", "a"}, {"error", "video: broken"}, {"format", "mcq"}}, "x").failed());
}

TEST(Scored, IsMadeOfQuestionsAndPredictionsAlone) {
  const Question question = parse_question(question_row(), "x");
  const std::vector<Question> questions = {question};
  const Scorer& ours = scorers().front();
  const auto verdict = [&](const Prediction& prediction) {
    const Scored row = score_predictions(ours, questions, {prediction}).at(0);
    EXPECT_EQ(scored_json(parse_scored(scored_json(row), "x")), scored_json(row));
    return verdict_name(row.judged.verdict) + std::string(row.value ? " " + std::to_string(*row.value).substr(0, 3) : "");
  };
  EXPECT_EQ(verdict(predicted(question, "In this video, (B) left")), "right 1.0");
  EXPECT_EQ(verdict(predicted(question, "nothing of it")), "unparsed 0.0");
  EXPECT_EQ(verdict(failed(question, "video: broken")), "failed");
  EXPECT_TRUE(score_predictions(ours, questions, {}).empty());
  Prediction other = predicted(question, "x");
  other.question = "Another text?";
  EXPECT_THROW(score_predictions(ours, questions, {other}), Error);
  other = predicted(question, "x");
  other.id = "another";
  EXPECT_THROW(score_predictions(ours, questions, {other}), Error);
  EXPECT_THROW(score_predictions(ours, questions, {predicted(question, "x"), predicted(question, "y")}), Error);
}

TEST(Prediction, ATornLastLineIsLeftOut) {
  const test::TempDir dir;
  const Question question = parse_question(question_row(), "x");
  const std::string line = prediction_json(predicted(question, "B")).dump() + "\n";
  const auto file = dir.write("predictions.jsonl", line + line.substr(0, 20));
  int64_t complete = 0;
  EXPECT_EQ(read_predictions(file, &complete).size(), 1u);
  EXPECT_EQ(complete, static_cast<int64_t>(line.size()));
  EXPECT_THROW(read_predictions(file), Error);
  EXPECT_TRUE(read_predictions(dir.write("cut.jsonl", line.substr(0, 20)), &complete).empty());
  EXPECT_EQ(complete, 0);
}

TEST(EachRow, EndsBetweenTwoRowsWhenAStopWasAskedFor) {
  for (const char* text : {"{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n", "[{\"n\": 1}, {\"n\": 2}, {\"n\": 3}]",
                           "{\"rows\": [{\"n\": 1}, {\"n\": 2}, {\"n\": 3}]}"}) {
    int64_t seen = 0;
    std::vector<BadRow> bad;
    const auto stop_at_the_second = [&](const Json&, const std::string&) {
      if (++seen == 2) set_stop_signal(SIGTERM);
    };
    EXPECT_THROW(each_row(text, "rows", &bad, stop_at_the_second), Stopped) << text;
    set_stop_signal(0);
    EXPECT_EQ(seen, 2) << text;
    EXPECT_TRUE(bad.empty());
  }
}

// Once a video called `a 5` was the frame 5 of `a`.
TEST(Media, TheKeyTellsFrameNumbersFromNames) {
  Media named, numbered;
  named.video = "a 5";
  numbered.video = "a";
  numbered.frame_indices = {5};
  EXPECT_NE(named.key(), numbered.key());
  Media both = numbered;
  both.frame_indices = {5, 0};
  EXPECT_NE(both.key(), numbered.key());
}

}  // namespace
}  // namespace rrpo::rows
