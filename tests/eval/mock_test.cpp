// Mock models on the benchmarks that ask for a letter: TVBench, MVBench, Video-MME, MLVU, LongVideoBench.
#include <gtest/gtest.h>

#include <algorithm>

#include "mock_models.h"

namespace rrpo::eval::mock {
namespace {

constexpr const char* kNoScene = "Scene change: No, Locations: None";
constexpr const char* kStatement = "The answer is B";

// Which letter is right, as the scorers have it. `@` is no option's.
using Truth = std::function<bool(const Question&, const std::string& letter)>;

bool any_key(const Question& question, const std::string& letter) {
  const std::vector<std::string>& keys = question.item.keys;
  return std::find(keys.begin(), keys.end(), letter) != keys.end();
}
bool last_key(const Question& question, const std::string& letter) {
  return !question.item.keys.empty() && question.item.keys.back() == letter;
}
bool first_key(const Question& question, const std::string& letter) {
  return !question.item.keys.empty() && question.item.keys.front() == letter;
}
bool first_or_last(const Question& question, const std::string& letter) {
  return first_key(question, letter) || last_key(question, letter);
}

/// A scorer that reads `letter` out of the reply. Where no option has it nothing was read.
Rule reads(const std::string& letter, const Truth& truth) {
  return [letter, truth](const Question& question) {
    const auto is_it = [&](const rows::Option& option) { return option.key == letter; };
    const auto& options = question.options;
    const bool there = std::any_of(options.begin(), options.end(), is_it);
    return there ? right_if(truth(question, letter)) : Verdict::unparsed;
  };
}
/// One that does not look whether an option has the letter.
Rule takes(const std::string& letter, const Truth& truth) {
  return [letter, truth](const Question& question) { return right_if(truth(question, letter)); };
}

/// The letter in brackets, or bare; of options with one text the last. The text where no option is the answer.
Model oracle(bool brackets) {
  return [brackets](const Question& question) {
    if (question.item.keys.empty()) return question.item.text;
    return brackets ? "(" + question.item.keys.back() + ")" : question.item.keys.back();
  };
}

/// What one scorer makes of the constant replies.
struct Constants {
  std::string scorer;
  Truth truth;          ///< for `A` and `(B)`, which all read
  Rule statement;       ///< `The answer is B`
  Rule yes, no, scene;  ///< no option's letter is in these
  Rule empty;
  Rule bracket = reads("B", truth);
};

void expect_constants(const World& world, const Constants& one) {
  world.expect(says("A"), one.scorer, reads("A", one.truth));
  world.expect(says("(B)"), one.scorer, one.bracket);
  world.expect(says(kStatement), one.scorer, one.statement);
  world.expect(says("yes"), one.scorer, one.yes);
  world.expect(says("no"), one.scorer, one.no);
  world.expect(says(kNoScene), one.scorer, one.scene);
  world.expect(says(""), one.scorer, one.empty);
}

/// The reply but for `A`, `(B)` and the statement is not read.
Constants unread(const std::string& scorer, const Truth& truth, const Rule& statement, Verdict verdict = Verdict::unparsed) {
  return {scorer, truth, statement, all(verdict), all(verdict), all(verdict), all(verdict)};
}

const Rule kUnparsed = all(Verdict::unparsed), kWrong = all(Verdict::wrong), kRight = all(Verdict::right);

/// lmms-eval takes an answer of TVBench that is a number for the place of an option, from 0 on.
bool lmms_place(const Question& question, const std::string& letter) {
  const std::string& answer = question.item.text;
  const bool number = !answer.empty() && answer.find_first_not_of("0123456789") == std::string::npos;
  if (!number) return first_key(question, letter);
  const size_t last = question.options.size() - 1, place = std::stoul(answer);
  return place <= last + 1 && letter == question.options[std::min(place, last)].key;
}

TEST(MockModels, TvBench) {
  const World world("tvbench");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  world.expect_served_by({"ours", "strict", "rrpo", "rrpo_longvu", "official", "lmms"});
  expect_constants(world, unread("ours", any_key, reads("B", any_key)));
  expect_constants(world, unread("strict", any_key, kUnparsed));
  // The first letter of whatever word: The, yes, no, Scene.
  expect_constants(world, {"rrpo", last_key, kWrong, kWrong, kWrong, kWrong, kUnparsed});
  expect_constants(world, unread("rrpo_longvu", last_key, reads("B", last_key)));
  expect_constants(world, unread("lmms", lmms_place, reads("B", lmms_place)));
  // The notebook: an empty reply is part of any `(b)`, and so right; `the` is part of none.
  expect_constants(world, {"official", last_key, kUnparsed, kUnparsed, kUnparsed, kUnparsed, kRight});

  const Model knows = oracle(true);
  for (const char* scorer : {"ours", "strict", "rrpo", "rrpo_longvu", "official"}) world.expect(knows, scorer, kRight);
  // Not right under lmms: counts that are taken for places, and the text that two options have, of which it takes the first.
  world.expect(knows, "lmms",
               [](const Question& question) { return right_if(lmms_place(question, question.item.keys.back())); });
}

TEST(MockModels, MvBench) {
  const World world("mvbench");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  world.expect_served_by({"ours", "strict", "rrpo", "rrpo_longvu", "official", "vlmeval", "lmms"});
  // One question has one option only: a B is read there by rrpo alone, which asks no option.
  Constants rrpo = {"rrpo", last_key, kWrong, kWrong, kWrong, kWrong, kUnparsed};
  rrpo.bracket = takes("B", last_key);
  expect_constants(world, rrpo);
  expect_constants(world, unread("ours", any_key, reads("B", any_key)));
  expect_constants(world, unread("strict", any_key, kUnparsed));
  expect_constants(world, unread("rrpo_longvu", last_key, reads("B", last_key)));
  expect_constants(world, {"official", last_key, kUnparsed, kUnparsed, kUnparsed, kUnparsed, kRight});
  // VLMEvalKit has the notebook's rule in front of its own: empty replies are right, and the others are inferred.
  expect_constants(world, {"vlmeval", first_or_last, reads("B", first_or_last), kUnparsed, kUnparsed, kUnparsed, kRight});
  // lmms-eval leaves empty replies out, so that a silent model has no number at all.
  expect_constants(world,
                   {"lmms", first_key, reads("B", first_key), kUnparsed, kUnparsed, kUnparsed, all(Verdict::dropped)});

  const Model knows = oracle(true);
  for (const char* scorer : {"ours", "strict", "rrpo", "rrpo_longvu", "official", "vlmeval", "lmms"})
    world.expect(knows, scorer, kRight);
  // Half of the replies are empty. The same replies are all right for three scorers, and half right for the others.
  const Model half = world.in_turn(knows, says(""));
  for (const char* scorer : {"official", "vlmeval"}) world.expect(half, scorer, kRight);
  world.expect(half, "lmms", world.in_turn(kRight, all(Verdict::dropped)));
  EXPECT_EQ(world.scores(half, "lmms").overall.value, 1);
  for (const char* scorer : {"ours", "strict", "rrpo", "rrpo_longvu"})
    world.expect(half, scorer, world.in_turn(kRight, kUnparsed));
}

TEST(MockModels, VideoMme) {
  const World world("videomme");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  world.expect_served_by({"ours", "strict", "rrpo", "rrpo_longvu", "lmms", "vlmeval"});
  const Rule dropped = all(Verdict::dropped), b = reads("B", any_key);
  expect_constants(world, unread("ours", any_key, b));
  expect_constants(world, unread("strict", any_key, kUnparsed));
  // The authors' script takes what stands before the letter away, and leaves replies without one out.
  for (const char* scorer : {"rrpo", "rrpo_longvu"}) expect_constants(world, unread(scorer, any_key, b, Verdict::dropped));
  for (const char* scorer : {"lmms", "vlmeval"}) expect_constants(world, unread(scorer, any_key, b));

  const Model knows = oracle(false), half = world.in_turn(knows, says("I cannot see it."));
  for (const char* scorer : {"ours", "strict", "rrpo", "rrpo_longvu", "lmms", "vlmeval"})
    world.expect(knows, scorer, kRight);
  // A model that says nothing on every other question: the authors' accuracy is that of the rest.
  for (const char* scorer : {"rrpo", "rrpo_longvu"}) {
    world.expect(half, scorer, world.in_turn(kRight, dropped));
    EXPECT_EQ(world.scores(half, scorer).overall.value, 1);
  }
  for (const char* scorer : {"ours", "strict", "lmms", "vlmeval"}) {
    world.expect(half, scorer, world.in_turn(kRight, kUnparsed));
    EXPECT_EQ(world.scores(half, scorer).overall.value, 0.5);
  }
}

TEST(MockModels, Mlvu) {
  const World world("mlvu");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  world.expect_served_by({"ours", "strict", "rrpo", "rrpo_longvu", "official", "lmms", "vlmeval"});
  // Of 2_needle/0 no option is the answer, for a blank; of 6_anomaly_reco/0 the right option says `No`; of 3_ego/1 the right
  // option is empty, as in two rows of the real files.
  const std::string needle = "mlvu/2_needle/0", anomaly = "mlvu/6_anomaly_reco/0", ego = "mlvu/3_ego/1";
  const Rule no_is_said = but(kUnparsed, {{anomaly, Verdict::right}});
  const Rule none_is_said = but(no_is_said, {{"mlvu/3_ego/0", Verdict::wrong}});  // it has `none` among its options
  expect_constants(world, {"ours", any_key, reads("B", any_key), kUnparsed, no_is_said, none_is_said, kUnparsed});
  expect_constants(world, unread("strict", any_key, kUnparsed));
  expect_constants(world, {"rrpo", last_key, kWrong, kWrong, kWrong, kWrong, kUnparsed});
  expect_constants(world, unread("rrpo_longvu", last_key, reads("B", last_key)));
  expect_constants(world, unread("official", last_key, kUnparsed));
  expect_constants(world, unread("lmms", first_key, reads("B", first_key)));
  // VLMEvalKit looks for the one option whose text is in the reply, and an empty text is in any that is short enough, the
  // empty reply among them (as a text; where its table of predictions makes a number of it, the script ends).
  const Rule b = reads("B", first_or_last), stated = reads("B", first_key);
  const Rule empty_text = but(kUnparsed, {{ego, Verdict::right}});
  expect_constants(world, {"vlmeval", first_or_last, stated, empty_text,
                           but(kUnparsed, {{ego, Verdict::right}, {anomaly, Verdict::right}}), none_is_said, empty_text, b});

  // The oracle says `(B)`, and the text of the answer that no option has. The authors' script makes `(@) It moves` of that
  // answer and reads an I in both: right there, and so is any other reply that begins with an I.
  const Model knows = oracle(true);
  world.expect(knows, "rrpo", kRight);
  world.expect(says("I see"), "rrpo", but(kWrong, {{needle, Verdict::right}}));
  for (const char* scorer : {"strict", "official", "vlmeval", "rrpo_longvu"})
    world.expect(knows, scorer, but(kRight, {{needle, Verdict::unparsed}}));
  world.expect(knows, "ours", but(kRight, {{needle, Verdict::wrong}}));
  // Of options with one text lmms-eval takes the first, and the oracle named the last.
  world.expect(knows, "lmms", [&](const Question& question) {
    if (question.id == needle) return Verdict::unparsed;
    return right_if(question.item.keys.size() == 1);
  });
}

TEST(MockModels, LongVideoBench) {
  const World world("longvideobench");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  world.expect_served_by({"ours", "strict", "rrpo", "rrpo_longvu", "lmms", "vlmeval"});
  const Rule b = reads("B", any_key);
  // `None` is the right option of one question.
  const Rule none_is_said = but(kUnparsed, {{"longvideobench/val/Qq1Qq1Qq1Qq_3", Verdict::right}});
  expect_constants(world, {"ours", any_key, b, kUnparsed, kUnparsed, none_is_said, kUnparsed});
  expect_constants(world, unread("strict", any_key, kUnparsed));
  for (const char* scorer : {"rrpo", "rrpo_longvu"})
    expect_constants(world, {scorer, any_key, kWrong, kWrong, kWrong, kWrong, kUnparsed});
  // lmms-eval draws one of the options where it reads none: shown apart, and not right.
  expect_constants(world, unread("lmms", any_key, b, Verdict::random));
  expect_constants(world, unread("vlmeval", any_key, b));

  const Model knows = oracle(false), half = world.in_turn(knows, says("Hm."));
  for (const char* scorer : {"ours", "strict", "rrpo", "rrpo_longvu", "lmms", "vlmeval"})
    world.expect(knows, scorer, kRight);
  world.expect(half, "lmms", world.in_turn(kRight, all(Verdict::random)));
  EXPECT_EQ(world.scores(half, "lmms").overall.value, 0.5);
}

}  // namespace
}  // namespace rrpo::eval::mock
