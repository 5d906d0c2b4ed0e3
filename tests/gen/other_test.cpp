// Pairs with a second clip: the frames that misled the model, or a clip of another truth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>

#include "data/tiny_world.h"
#include "rrpo/data/media.h"
#include "rrpo/gen/lens.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/gen/rewrite.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::gen {
namespace {

using testing::HasSubstr;

GenConfig config_of(const test::TinyWorld& world, const std::string& other) {
  GenConfig config;
  config.model.path = world.model();
  config.gen.questions = world.questions();
  config.gen.video_root = world.root();
  config.gen.max_new_tokens = 2;
  config.gen.other = other;
  config.seed = 11;
  config.device = "cpu";
  config.threads = 1;
  return config;
}

/// What the world's model is shown, and another answer than the true one in the place of what it says.
Responses misled(const GenConfig& config, const std::vector<rows::Question>& questions, const test::TinyWorld& world) {
  Collected heard = collect_responses(config, questions, world / "responses.jsonl");
  for (auto& [id, said] : heard.responses)
    said.samples[0] = {"It is grey.", true, said.samples[0].frames, said.samples[0].pixels};
  return heard.responses;
}

/// As `made.pixels` names frames.
std::string pixels_of(const video::Frames& frames) {
  char text[20];
  std::snprintf(text, sizeof text, "%016" PRIx64,
                hash64({reinterpret_cast<const char*>(frames.rgb.data()), frames.rgb.size()}));
  return text;
}

/// The frames of a view as a reader of the row makes them.
video::Frames shown(const rows::View& view, const GenConfig& config, uint64_t seed) {
  const video::Frames frames = data::read_media(view.media, config.gen.video_root, config.video);
  return video::perturb(frames, video::row_perturbations(view.perturb, "other.perturb"), seed, view.media.key());
}

TEST(Other, APerturbedViewShowsTheFramesThatMisledTheModel) {
  const test::TinyWorld world;
  const GenConfig config = config_of(world, "perturbed");
  const std::vector<rows::Question> questions = rows::read_questions(world.questions());
  const PairSet set = make_pairs(config, questions, misled(config, questions, world));
  ASSERT_EQ(set.pairs.size(), questions.size()) << fate_json(set);
  for (const rows::Pair& made : set.pairs) {
    const rows::Pair pair = rows::parse_pair(Json::parse(json_line(rows::pair_json(made))), "pairs.jsonl:1");
    ASSERT_TRUE(pair.other);
    EXPECT_FALSE(pair.other_chosen);
    EXPECT_EQ(pair.other->media.key(), pair.media.key());
    EXPECT_EQ(pair.other->perturb, pair.extra["made"]["perturbation"]["steps"]);
    EXPECT_EQ(pair.other->seed, 11u);
    EXPECT_EQ(pixels_of(shown(*pair.other, config, pair.other->seed)), pair.extra["made"]["pixels"]);
    EXPECT_NE(pixels_of(shown(*pair.other, config, 12)), pair.extra["made"]["pixels"]);
  }
}

// The model erred on the clean clip: what it saw is no other clip.
TEST(Other, AnErrorOnTheCleanClipTakesTheListOfTheRun) {
  const test::TinyWorld world;
  GenConfig config = config_of(world, "perturbed");
  config.gen.require = {"wrong_on_clean"};
  config.gen.perturb = "reverse";
  const std::vector<rows::Question> questions = rows::read_questions(world.questions());
  const PairSet set = make_pairs(config, questions, misled(config, questions, world));
  ASSERT_EQ(set.pairs.size(), questions.size());
  for (const rows::Pair& pair : set.pairs) {
    EXPECT_TRUE(pair.extra["made"]["perturbation"]["steps"].empty());
    ASSERT_TRUE(pair.other);
    EXPECT_EQ(pair.other->perturb[0]["name"], "reverse");
    const video::Frames clean = data::read_media(pair.media, config.gen.video_root, config.video);
    EXPECT_EQ(pixels_of(clean), pair.extra["made"]["pixels"]);
    EXPECT_NE(pixels_of(shown(*pair.other, config, pair.other->seed)), pair.extra["made"]["pixels"]);
  }
}

rows::Question question_from(const char* text) { return rows::parse_question(Json::parse(text), "questions.jsonl:1"); }

rows::Question way() {
  return question_from(R"({"id": "w", "video": "a.mp4", "question": "Which way?", "answer": "Look: it goes far left.",
    "format": "short", "slots": [{"span": [18, 22], "values": ["left", "right"]}], "spans": [[14, 22]], "style": "Look: ",
    "other": {"video": "b.mp4"}, "other_answer": "Look: it goes far right."})");
}

std::string marked(const rows::Question& question, const std::string& answer) {
  const text::MarkedText marked = mark_other(question, answer);
  EXPECT_EQ(marked.text, answer);
  std::string out;
  for (const text::ByteRange& span : marked.spans)
    out += "[" + answer.substr(static_cast<size_t>(span.begin), static_cast<size_t>(span.end - span.begin)) + "]";
  return out;
}

TEST(Other, ATwinBringsItsOwnRightAnswerMarkedAsAChosenOneIs) {
  GenConfig config;
  config.gen.other = "twin";
  rows::Question plain = way();
  plain.id = "plain";
  plain.other.reset();
  plain.other_answer.clear();
  const Responses said = {{"w", {{{"It goes far right."}}}}, {"plain", {{{"it goes far right"}}}}};
  const PairSet set = make_pairs(config, {way(), plain}, said);
  ASSERT_EQ(set.pairs.size(), 2u);
  const rows::Pair& pair = set.pairs[0];
  ASSERT_TRUE(pair.other && pair.other_chosen);
  EXPECT_EQ(pair.other->media.video, "b.mp4");
  EXPECT_EQ(pair.other_chosen->text, "Look: it goes far right.");
  EXPECT_EQ(pair.other_chosen->spans, (std::vector<text::ByteRange>{{14, 23}}));  // the key phrase, as in
  EXPECT_EQ(pair.chosen.spans, (std::vector<text::ByteRange>{{14, 22}}));         // the chosen answer
  EXPECT_FALSE(set.pairs[1].other || set.pairs[1].other_chosen);
  config.gen.other = "none";
  EXPECT_FALSE(make_pairs(config, {way()}, said).pairs[0].other);
}

TEST(Other, MarksOfEveryFormat) {
  EXPECT_EQ(marked(way(), "Look: it goes far right."), "[far right]");
  EXPECT_EQ(marked(way(), "Look: it rests."), "[rests]");  // of another form: the words that differ
  const rows::Question exist = question_from(R"({"id": "e", "video": "a.mp4", "question": "Is there a dog?",
    "answer": "Yes, there is a dog.", "format": "yesno", "slots": [{"span": [0, 3], "values": ["Yes", "No"]},
    {"span": [14, 15], "values": ["a", "no"]}]})");
  EXPECT_EQ(marked(exist, "No, there is no dog."), "[No][no]");
  const rows::Question bare = question_from(R"({"id": "b", "video": "a.mp4", "question": "Is there a dog?", "answer": "Yes",
    "format": "yesno"})");
  EXPECT_EQ(marked(bare, "No"), "[No]");
  const rows::Question choice = question_from(R"j({"id": "m", "video": "a.mp4", "question": "Which? (A) up (B) left",
    "answer": "left (B)", "format": "mcq", "options": [{"key": "A", "text": "up"}, {"key": "B", "text": "left"}]})j");
  EXPECT_EQ(marked(choice, "up (A)"), "[up (A)]");
  EXPECT_EQ(marked(choice, "It is (A)"), "[It is (A)]");
  const rows::Question thing = question_from(R"({"id": "t", "video": "a.mp4", "question": "What?", "answer": "a red car",
    "format": "short"})");
  EXPECT_EQ(marked(thing, "a blue car"), "[a blue car]");
  const rows::Question open = question_from(R"({"id": "o", "video": "a.mp4", "question": "What?",
    "answer": "The dog runs after a ball.", "format": "open"})");
  EXPECT_EQ(marked(open, "The cat runs after a mouse."), "[cat][mouse]");
}

std::string refusal(const GenConfig& config, const std::vector<rows::Question>& questions) {
  try {
    check_twins(config, questions);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    return error.what();
  }
  return "";
}

TEST(Other, TwinsThatAreNotThereAreNamedBeforeAnythingIsAsked) {
  const test::TinyWorld world;
  const GenConfig config = config_of(world, "twin");
  std::vector<rows::Question> questions = rows::read_questions(world.questions());
  EXPECT_THAT(refusal(config, questions), HasSubstr("no question names another clip"));
  EXPECT_EQ(refusal(config_of(world, "perturbed"), questions), "");
  questions[1].other.emplace().media.frames = {"2-0.png", "2-1.png"};
  EXPECT_EQ(refusal(config, questions), "");
  questions[1].other->perturb = Json::array({"msk"});
  EXPECT_THAT(refusal(config, questions), HasSubstr("questions.jsonl:2: data: other.perturb[0].name: \"msk\" is none of"));
  questions[2].other.emplace().media.video = "gone.mp4";
  questions[1].other.reset();
  EXPECT_THAT(refusal(config, questions), testing::AllOf(HasSubstr("questions.jsonl:3: "), HasSubstr("gone.mp4")));
  EXPECT_EQ(refusal(config_of(world, "none"), questions), "");
  EXPECT_EQ(count_twins(questions), 1);
}

TEST(Other, SettingsThatGiveNoOtherClipAreRefused) {
  GenFields gen;
  gen.other = "twins";
  EXPECT_THROW(gen.check("gen"), Error);
  gen.other = "perturbed";
  gen.check("gen");
  gen.perturb = Json::array();
  EXPECT_THROW(gen.check("gen"), Error);
}

// One page: the other clip as the model sees it, and the right answer there.
TEST(Other, ThePageShowsTheOtherClip) {
  const test::TinyWorld world;
  ShowConfig config;
  config.video_root = world.root();
  rows::Pair pair = rows::parse_pair(test::TinyWorld::pair(0, 0), "x");
  const auto figures = [&] {
    const std::string page = lens_page(config, world / "pairs.jsonl", {pair});
    size_t count = 0;
    for (size_t at = page.find("<img"); at != std::string::npos; at = page.find("<img", at + 1)) ++count;
    return std::pair(page, count);
  };
  EXPECT_EQ(figures().second, 1u);
  pair.other = rows::View{pair.media, Json::array({"reverse"}), 3};
  pair.other_chosen = text::MarkedText{"It is white.", {{6, 11}}};
  pair.reference.emplace().media.frames = {"1-0.png", "1-1.png"};
  const auto [page, count] = figures();
  EXPECT_EQ(count, 3u);
  EXPECT_THAT(page, HasSubstr("the other clip, perturbed (reverse)"));
  EXPECT_THAT(page, HasSubstr("the clip that the reference is asked about"));
  EXPECT_THAT(page, HasSubstr("chosen about the other clip"));
  // What the model saw when it erred is drawn once.
  pair.reference.reset();
  pair.extra["made"] = {{"perturbation", {{"steps", {"reverse"}}}}, {"seed", 3}};
  EXPECT_EQ(figures().second, 2u);
  EXPECT_THAT(figures().first, HasSubstr("what the model saw when it was asked; the other clip of the pair"));
  pair.extra["made"]["seed"] = 4;
  EXPECT_EQ(figures().second, 3u);
  const std::string text = lens_text(config, {pair}, false);
  EXPECT_THAT(text, HasSubstr("  other     {\"perturb\":[\"reverse\"],\"seed\":3}\n  there     It is [white].\n"));
}

}  // namespace
}  // namespace rrpo::gen
