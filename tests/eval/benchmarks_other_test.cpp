// TempCompass and Video-MME: what their publishers' files become, how their questions are asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/eval/benchmarks/entries.h"
#include "../../src/eval/benchmarks/videomme.h"
#include "releases.h"
#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::eval {
namespace {

using rows::Question;
using test::TempDir;
using test_release::fault;
using test_release::hash;
using test_release::read;
using test_release::with_id;
using testing::ElementsAre;
using testing::HasSubstr;

Json golden(const std::string& name) { return read_json(test::source_file("tests/golden/prompts.json"), "data").at(name); }

void expect_same_when_read_again(const Released& released) {
  for (const Question& question : released.questions) {
    const Json row = rows::question_json(question);
    EXPECT_EQ(rows::question_json(rows::parse_question(row, "q.jsonl:1")), row);
  }
}

Json asked(const std::string& question, const std::string& answer) { return {{"question", question}, {"answer", answer}}; }

/// Its repository's form, one video of which is there.
void write_tempcompass(const TempDir& folder) {
  const Json choices = {
      {"v1",
       {{"speed", {asked("Which? \nA. fast\n B. slow\nC.both", " B. slow"), asked("How?\nA. so", "A. no")}},
        {"order", {asked("First?\nA. this\nB. that", "A. this")}}}}};
  const Json yes_no = {{"v1", {{"speed", {asked("Fast?", "yes"), asked("Slow?", "no"), asked("Slow?", "no")}}}}};
  const Json captions = {{"v1",
                          {{"speed",
                            {asked("Which?\nCaption A: It: runs.\nCaption B: It walks.", "Caption A: It: runs."),
                             asked("Which?\nOption 1: Fast.\nOption 2: Slow.", "Option 2: Slow.")}}}}};
  const Json captioning = {{"v1", {{"speed", {asked("Write.\nInformation A: {}\nGenerated Caption:", "A. fast")}}}}};
  folder.write("questions/multi-choice.json", choices.dump());
  folder.write("questions/yes_no.json", yes_no.dump());
  folder.write("questions/caption_matching.json", captions.dump());
  folder.write("questions/captioning.json", captioning.dump());
  folder.write("meta_info.json", R"({"v1": {"eval_dim": {"speed": {"type": "absolute speed"}, "order": null}}})");
  folder.write("videos/v1.mp4", "x");
}

TEST(TempCompass, OptionsComeOutOfTheQuestion) {
  const TempDir folder;
  write_tempcompass(folder);
  Release release(folder.path());
  const Released released = benchmark_tempcompass().read(release);
  EXPECT_TRUE(release.missing_media().empty());
  const Question& choice = with_id(released, "tempcompass/multi-choice/v1/speed/0");
  EXPECT_EQ(choice.format, "mcq");
  EXPECT_TRUE(choice.item.options_inline);
  EXPECT_EQ(choice.item.text, " B. slow") << "as published";
  EXPECT_THAT(choice.item.keys, ElementsAre("B"));
  ASSERT_EQ(choice.options.size(), 3U);
  EXPECT_EQ(choice.options[1].text, "slow");
  EXPECT_EQ(choice.options[2].key, "C");
  EXPECT_EQ(choice.options[2].text, "both");
  EXPECT_EQ(choice.item.axes, (Json{{"aspect", "speed"}, {"fine_aspect", "absolute speed"}}));
  EXPECT_EQ(with_id(released, "tempcompass/multi-choice/v1/order/0").item.axes.at("fine_aspect"), "order");
  EXPECT_THAT(with_id(released, "tempcompass/yes_no/v1/speed/0").item.keys, ElementsAre("yes"));
  const std::map<std::string, int64_t> odd = {
      {"odd_option_line", 2}, {"line_with_outer_blanks", 1}, {"duplicate_question", 1}, {"answer_not_among_candidates", 1}};
  EXPECT_EQ(released.odd, odd);
  expect_same_when_read_again(released);
}

TEST(TempCompass, CaptionsHaveLettersOrNumbersAndTheJudgeGetsTheFirstQuestion) {
  const TempDir folder;
  write_tempcompass(folder);
  const Released released = read(benchmark_tempcompass(), folder);
  const Question& letters = with_id(released, "tempcompass/caption_matching/v1/speed/0");
  EXPECT_EQ(letters.format, "caption_match");
  EXPECT_EQ(letters.item.text, "Caption A: It: runs.");
  EXPECT_THAT(letters.item.keys, ElementsAre("A"));
  EXPECT_EQ(letters.options[0].text, "It: runs.");
  EXPECT_THAT(with_id(released, "tempcompass/caption_matching/v1/speed/1").item.keys, ElementsAre("2"));
  const Question& caption = with_id(released, "tempcompass/captioning/v1/speed/0");
  EXPECT_EQ(caption.format, "caption_gen");
  EXPECT_TRUE(caption.options.empty());
  EXPECT_EQ(caption.item.aux, (Json{{"mc_question", "Which? \nA. fast\n B. slow\nC.both"}, {"mc_answer", " B. slow"}}));
  EXPECT_THAT(released.notes.front(), HasSubstr("1 rows have another answer"));
}

TEST(TempCompass, TheHubsTablesBecomeTheSameRows) {
  const TempDir folder;
  const auto line = [](const std::string& aspect, Json row) {
    row["video_id"] = "v1";
    row["dim"] = aspect;
    return row.dump() + "\n";
  };
  const std::string name = "/test-00000-of-00001.jsonl";
  folder.write("multi-choice" + name, line("speed", asked("Which?\nA. fast\nB. slow", "A. fast")) +
                                          line("order", asked("First?\nA. this\nB. that", "B. that")) +
                                          line("speed", asked("How?\nA. so\nB. not so", "B. not so")));
  folder.write("yes_no" + name, line("speed", asked("Fast?", "yes")));
  folder.write("caption_matching" + name, line("speed", asked("?\nOption 1: a\nOption 2: b", "Option 1: a")));
  EXPECT_THAT(fault(benchmark_tempcompass(), folder), HasSubstr("captioning/test-00000-of-00001.jsonl"))
      << "another task's table has the same name";
  Json caption = asked("Write.", "A. fast");
  caption["mc_question"] = "Own?\nA. fast";
  caption["mc_answer"] = "A. own";
  folder.write("captioning" + name, line("speed", caption));
  const Released released = read(benchmark_tempcompass(), folder);
  EXPECT_EQ(released.questions.size(), 6U);
  EXPECT_EQ(with_id(released, "tempcompass/multi-choice/v1/speed/1").item.keys, std::vector<std::string>{"B"});
  EXPECT_EQ(with_id(released, "tempcompass/captioning/v1/speed/0").item.aux.at("mc_answer"), "A. own");
  EXPECT_FALSE(with_id(released, "tempcompass/yes_no/v1/speed/0").item.axes.contains("fine_aspect"));
  EXPECT_THAT(released.notes.front(), HasSubstr("meta_info.json is not there"));
}

TEST(TempCompass, RefusesWhatIsNotItsFile) {
  const TempDir empty, parquet, broken;
  EXPECT_THAT(fault(benchmark_tempcompass(), empty), HasSubstr("3 data:"));
  parquet.write("multi-choice/test-00000-of-00001.parquet", "PAR1");
  EXPECT_THAT(fault(benchmark_tempcompass(), parquet), HasSubstr("scripts/parquet_to_jsonl.py"));
  write_tempcompass(broken);
  broken.write("questions/yes_no.json", "[1]");
  EXPECT_THAT(fault(benchmark_tempcompass(), broken), HasSubstr("is no TempCompass file"));
  broken.write("questions/yes_no.json", R"({"v1": {"speed": [{"question": "Fast?"}]}})");
  EXPECT_THAT(fault(benchmark_tempcompass(), broken), HasSubstr("questions/yes_no.json#v1.speed[0]: has no text 'answer'"));
}

TEST(TempCompass, IsAskedAsTheScriptsAskIt) {
  for (const std::string task : {"multi-choice", "yes_no", "caption_matching", "captioning"}) {
    const Json made = golden("tempcompass/" + task);
    Question question;
    question.item.task = task;
    question.question = made.at("row").at("question").get<std::string>();
    EXPECT_EQ(made.at("sha256").size(), 4U);
    for (const auto& [profile, expected] : made.at("sha256").items())
      EXPECT_EQ(hash(benchmark_tempcompass().ask(profile, question)), expected.get<std::string>()) << task << profile;
  }
}

Json mme_row(const std::string& id, const std::string& video, const std::string& answer) {
  return {{"video_id", id.substr(0, 3)},
          {"duration", "short"},
          {"domain", "Knowledge"},
          {"sub_category", "Law"},
          {"url", ""},
          {"videoID", video},
          {"question_id", id},
          {"task_type", "OCR Problems"},
          {"question", "What?"},
          {"options", {"A. One.", "B. Two.", "C. Two.", "D. Four."}},
          {"answer", answer}};
}

void write_videomme(const TempDir& folder, const std::vector<Json>& rows) {
  std::string lines;
  for (const Json& row : rows) lines += row.dump() + "\n";
  folder.write("videomme/test-00000-of-00001.jsonl", lines);
}

TEST(VideoMme, KeepsThePublishedLetterWhereItsTextStandsTwice) {
  const TempDir folder;
  write_videomme(folder, {mme_row("001-1", "-a", "C"), mme_row("001-2", "-a", "A"), mme_row("002-1", "b", "E")});
  folder.write("subtitle/-a.srt", "");
  folder.write("data/b.mkv", "x");
  Release release(folder.path());
  const Released released = benchmark_videomme().read(release);
  const Question& first = with_id(released, "videomme/videomme/001-1");
  EXPECT_THAT(first.item.keys, ElementsAre("C"));
  EXPECT_EQ(first.options[2].text, "Two.");
  EXPECT_EQ(first.item.subtitles, (rows::Subtitles{"srt", "subtitle/-a.srt", 0}));
  EXPECT_EQ(first.item.axes,
            (Json{{"duration", "short"}, {"domain", "Knowledge"}, {"sub_category", "Law"}, {"task_type", "OCR Problems"}}));
  EXPECT_FALSE(with_id(released, "videomme/videomme/002-1").item.subtitles);
  EXPECT_EQ(with_id(released, "videomme/videomme/002-1").media.video, "data/b.mkv");
  EXPECT_THAT(release.missing_media(), ElementsAre("data/-a.mp4"));
  const std::map<std::string, int64_t> odd = {
      {"answer_twice", 1}, {"equal_candidates", 1}, {"answer_not_among_candidates", 1}, {"missing_subtitles", 1}};
  EXPECT_EQ(released.odd, odd);
  EXPECT_EQ(released.notes.front(), "2 videos: 2 short");
  expect_same_when_read_again(released);
}

TEST(VideoMme, OptionsWithoutTheirLettersAreAskedAsPublished) {
  const TempDir folder;
  Json row = mme_row("001-1", "a", "B");
  row["options"] = {"One.", "B. Two.", "C.Three.", "D. Four."};
  write_videomme(folder, {row});
  const Released released = read(benchmark_videomme(), folder);
  EXPECT_EQ(released.odd.at("option_without_letter"), 1);
  EXPECT_EQ(released.questions[0].options[1].text, "Two.");
  EXPECT_THAT(benchmark_videomme().ask("rrpo-llava", released.questions[0]).text,
              HasSubstr(".\nOne.\nB. Two.\nC.Three.\nD. Four.\n"));
}

TEST(VideoMme, TheSecondVersionIsRefusedByName) {
  const TempDir empty, columns, options, ids, parquet;
  EXPECT_THAT(fault(benchmark_videomme(), empty), HasSubstr("holds no videomme/test-00000-of-00001.jsonl"));
  Json row = mme_row("001-1", "a", "B");
  row["group_type"] = "logic";
  write_videomme(columns, {row});
  EXPECT_THAT(fault(benchmark_videomme(), columns), HasSubstr("is Video-MME-v2"));
  row = mme_row("001-1", "a", "H");
  row["options"] = "A. 1\nB. 2\nC. 3\nD. 4\nE. 5\nF. 6\nG. 7\nH. 8";
  options.write("test.jsonl", row.dump() + "\n");
  EXPECT_THAT(fault(benchmark_videomme(), options), HasSubstr("is Video-MME-v2"));
  write_videomme(ids, {mme_row("001-1", "a", "B"), mme_row("001-4", "a", "B")});
  EXPECT_THAT(fault(benchmark_videomme(), ids), HasSubstr("3 data:"));
  EXPECT_THAT(fault(benchmark_videomme(), ids), HasSubstr("is Video-MME-v2"));
  parquet.write("videomme/test-00000-of-00001.parquet", "PAR1");
  EXPECT_THAT(fault(benchmark_videomme(), parquet), HasSubstr("scripts/parquet_to_jsonl.py"));
}

Question mme_question(const Json& row) {
  Question question;
  question.question = row.at("question").get<std::string>();
  for (const Json& option : row.at("options")) {
    const auto text = option.get<std::string>();
    question.options.push_back({text.substr(0, 1), text.substr(3)});
  }
  return question;
}

TEST(VideoMme, IsAskedAsTheScriptsAskIt) {
  for (const std::string name : {"videomme", "videomme/subtitles", "videomme/no_cue", "videomme/no_subtitles"}) {
    const Json made = golden(name), row = made.at("row");
    const Question question = mme_question(row);
    std::optional<std::string> cues;
    if (row.at("cues").is_string()) cues = row.at("cues").get<std::string>();
    EXPECT_EQ(made.at("sha256").size(), 4U);
    for (const auto& [profile, expected] : made.at("sha256").items()) {
      const Asking asking = row.at("with_subtitles").get<bool>() ? ask_videomme_with_subtitles(profile, question, cues)
                                                                 : benchmark_videomme().ask(profile, question);
      EXPECT_EQ(hash(asking), expected.get<std::string>()) << name << " " << profile;
    }
  }
}

}  // namespace
}  // namespace rrpo::eval
