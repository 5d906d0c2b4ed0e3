// Mock models on the benchmarks that ask for more than a letter: TempCompass, VideoHallucer, VidHalluc.
#include <gtest/gtest.h>

#include <set>

#include "mock_models.h"

namespace rrpo::eval::mock {
namespace {

constexpr const char* kNoScene = "Scene change: No, Locations: None";
const std::vector<std::string> kUnreadable = {"", "A", "(B)", "The answer is B"};

bool has_option(const Question& question, const std::string& key) {
  const auto is_it = [&](const rows::Option& option) { return option.key == key; };
  return std::any_of(question.options.begin(), question.options.end(), is_it);
}
bool is_true(const Question& question, const std::string& key) {
  const std::vector<std::string>& keys = question.item.keys;
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// TempCompass
// ---------------------------------------------------------------------------------------------------------------

/// What is made of each task.
struct Forms {
  Rule choice, yes_no, caption, writing;
};
Rule by_format(const Forms& forms) {
  return [forms](const Question& question) {
    if (question.format == "mcq") return forms.choice(question);
    if (question.format == "yesno") return forms.yes_no(question);
    return question.format == "caption_match" ? forms.caption(question) : forms.writing(question);
  };
}

/// A scorer of TempCompass: `none` is its verdict where no rule matches, `writing` that on captions.
struct Kind {
  std::string name;
  Rule none, writing;
};
const Rule kUnparsed = all(Verdict::unparsed), kUnjudged = all(Verdict::unjudged), kRight = all(Verdict::right);
const Rule kNotServed = [](const Question&) { return std::optional<Verdict>(); };
const Kind kOurs = {"ours", kUnparsed, kUnjudged}, kStrict = {"strict", kUnparsed, kNotServed},
           kRrpo = {"rrpo", kUnjudged, kUnjudged};
/// The publisher's rules. VLMEvalKit without a judge: what no rule matches is wrong.
const std::vector<Kind> kRules = {{"official", kUnjudged, kUnjudged},
                                  {"rrpo_longvu", kUnjudged, kUnjudged},
                                  {"lmms", kUnjudged, kUnjudged},
                                  {"vlmeval", kUnparsed, kUnjudged}};

/// The first character of the published line is the letter: not where the line begins with a blank.
Rule line_begins_with(char letter) {
  return [letter](const Question& question) { return right_if(question.item.text.front() == letter); };
}
/// The letter names an option; `none` where no option has it.
Rule names(const std::string& key, const Rule& none) {
  return [key, none](const Question& question) {
    return has_option(question, key) ? right_if(is_true(question, key)) : none(question);
  };
}
Rule word(const std::string& said) {
  return [said](const Question& question) { return right_if(is_true(question, said)); };
}

void expect_nothing_matches(const World& world, const std::string& reply, const Kind& kind) {
  world.expect(says(reply), kind.name, by_format({kind.none, kind.none, kind.none, kind.writing}));
}

const std::string kBlankLine = "tempcompass/multi-choice/7000001/direction/1";  // its answer is ` C. to the right`

TEST(MockForms, TempCompassByLetters) {
  const World world("tempcompass");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  world.expect_served_by({"ours", "strict", "rrpo", "rrpo_longvu", "official", "lmms", "vlmeval"});
  for (const Kind& kind : {kOurs, kStrict}) {
    for (const auto& [reply, key] : {std::pair("A", "A"), std::pair("(B)", "B")})
      world.expect(says(reply), kind.name,
                   by_format({names(key, kind.none), kind.none, names(key, kind.none), kind.writing}));
  }
  world.expect(says("The answer is B"), "ours",
               by_format({names("B", kUnparsed), kUnparsed, names("B", kUnparsed), kUnjudged}));
  expect_nothing_matches(world, "The answer is B", kStrict);
  // Letters are the rules' own, letters in brackets are nobody's: they go to the judge.
  for (const Kind& kind : kRules) {
    world.expect(says("A"), kind.name, by_format({line_begins_with('A'), kind.none, names("A", kind.none), kind.writing}));
    for (const char* reply : {"(B)", "The answer is B", "", kNoScene}) expect_nothing_matches(world, reply, kind);
  }
  // The authors' scripts put the brackets there, so that a bare letter goes to the judge as well.
  for (const char* reply : {"A", "B", "(B)", "The answer is B", "", kNoScene}) expect_nothing_matches(world, reply, kRrpo);
}

TEST(MockForms, TempCompassByWords) {
  const World world("tempcompass");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  std::vector<Kind> kinds = kRules;
  kinds.insert(kinds.end(), {kOurs, kStrict, kRrpo});
  for (const Kind& kind : kinds) {
    for (const std::string reply : {"yes", "no"})
      world.expect(says(reply), kind.name, by_format({kind.none, word(reply), kind.none, kind.writing}));
    // A word that begins with no is one for every script, and for no reader.
    const bool reader = kind.name == "ours" || kind.name == "strict";
    world.expect(says("Noise"), kind.name, by_format({kind.none, reader ? kind.none : word("no"), kind.none, kind.writing}));
  }
}

/// The published line, and yes or no.
std::string line(const Question& question) { return question.format == "caption_gen" ? "It moves." : question.item.text; }
std::string letter(const Question& question) {
  return question.format == "caption_gen" ? "It moves." : question.item.keys.front();
}

TEST(MockForms, TempCompassOracles) {
  const World world("tempcompass");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  const Rule all_right = by_format({kRight, kRight, kRight, kUnjudged});
  world.expect(line, "ours", all_right);
  world.expect(letter, "ours", all_right);
  world.expect(letter, "strict", by_format({kRight, kRight, kRight, kNotServed}));
  world.expect(line, "strict", by_format({kUnparsed, kRight, kUnparsed, kNotServed}));
  // No reply is right about a line that begins with a blank where replies are stripped; a letter is nowhere.
  const Rule but_one = by_format({but(kRight, {{kBlankLine, Verdict::wrong}}), kRight, kRight, kUnjudged});
  for (const char* scorer : {"official", "rrpo", "rrpo_longvu"}) world.expect(line, scorer, but_one);
  for (const char* scorer : {"lmms", "vlmeval"}) world.expect(line, scorer, all_right);
  for (const Kind& kind : kRules) world.expect(letter, kind.name, but_one);
  // The authors' brackets leave of the letters the captions that have numbers.
  const Rule numbered = [](const Question& question) {
    return question.item.keys.front() == "1" ? Verdict::right : Verdict::unjudged;
  };
  world.expect(letter, "rrpo", by_format({kUnjudged, kRight, numbered, kUnjudged}));
}

// A mean of fewer tasks says so, and one of all tasks needs a judge.
TEST(MockForms, TempCompassSaysWhichTasksCount) {
  const World world("tempcompass");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  const auto weighting = [&](const Model& model, const rows::Aids& aids) {
    return world.scores(model, "rrpo", aids).overall.weighting;
  };
  EXPECT_TRUE(weighting(line, {}).ends_with("; without captioning, where no reply counts"));
  EXPECT_TRUE(weighting(says("yes"), {})
                  .ends_with("; without multi-choice, caption_matching, captioning, where no reply "
                             "counts"));
  rows::Aids aids;
  aids.judge = [](const Question& question, const std::string&) {
    return rows::Judged{question.format == "mcq" ? Verdict::wrong : Verdict::right, {}, {}, ""};
  };
  EXPECT_EQ(weighting(says("(B)"), aids).find("without"), std::string::npos);
  expect_number(3.0 / 4, world.scores(says("(B)"), "rrpo", aids).overall.value);
}

// VideoHallucer
// -------------------------------------------------------------------------------------------------------------

/// What its scripts print; NaN: nothing.
struct PairNumbers {
  double accuracy, basic, hallucination, yes_diff, no_diff, false_positives, hallucination_score, micro;
};
void expect_pairs(const Scores& scores, const PairNumbers& numbers) {
  expect_number(numbers.accuracy, scores.overall.value);
  expect_number(numbers.basic, extra(scores, "basic_accuracy"));
  expect_number(numbers.hallucination, extra(scores, "halluc_accuracy"));
  expect_number(numbers.yes_diff, extra(scores, "yes_diff"));
  expect_number(numbers.no_diff, extra(scores, "no_diff"));
  expect_number(numbers.false_positives, extra(scores, "false_positive_ratio"));
  expect_number(numbers.hallucination_score, extra(scores, "hallucination_score"));
  expect_number(numbers.micro, extra(scores, "micro"));
}
const PairNumbers kNoPairs = {kNone, kNone, kNone, kNone, kNone, kNone, kNone, kNone};

const std::vector<std::string> kPairScorers = {"ours", "strict", "official", "rrpo", "rrpo_longvu"};
bool is_script(const std::string& scorer) { return scorer != "ours" && scorer != "strict"; }

TEST(MockForms, VideoHallucer) {
  const World world("videohallucer");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  world.expect_served_by(kPairScorers);
  const PairNumbers no = {0, 0, 1, -0.5, 0.5, 0, kNone, 0};  // the score of hallucination divides by nothing
  for (const std::string& scorer : kPairScorers) {
    SCOPED_TRACE(scorer);
    expect_pairs(world.expect_verdicts(says("yes"), scorer, word("yes")), {0, 1, 0, 0.5, -0.5, 1, 1, 0});
    expect_pairs(world.expect_verdicts(says("No."), scorer, word("no")), no);
    const Model oracle = [](const Question& question) { return question.item.keys.front(); };
    expect_pairs(world.expect_verdicts(oracle, scorer, kRight), {1, 1, 1, 0, 0, 0, 0, 1});
    for (const std::string& reply : kUnreadable)
      expect_pairs(world.expect_verdicts(says(reply), scorer, kUnparsed), kNoPairs);
    // The scripts look for the word anywhere: a quoted no is one, and whoever says both is right about everything, though
    // he has said yes to every hallucination.
    const bool script = is_script(scorer), reads_no = scorer != "strict";
    expect_pairs(world.expect_verdicts(says(kNoScene), scorer, reads_no ? word("no") : kUnparsed), reads_no ? no : kNoPairs);
    expect_pairs(world.expect_verdicts(says("yes or no"), scorer, script ? kRight : kUnparsed),
                 script ? PairNumbers{1, 1, 1, 0, 0, 0, 1, 1} : kNoPairs);
  }
}

// Taken in by the first pair of each subset: subsets weigh alike, whatever their size.
TEST(MockForms, VideoHallucerWeighsSubsets) {
  const World world("videohallucer");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  const auto taken_in = [](const Question& question) { return question.item.source.at("index") == 0; };
  const Model gullible = [&](const Question& question) { return taken_in(question) ? "Yes" : question.item.keys.front(); };
  std::map<std::string, std::pair<int64_t, int64_t>> subsets;  // not taken in, all
  int64_t pairs = 0, slips = 0;
  for (const Question& question : world.questions()) {
    if (question.item.role != "basic") continue;
    subsets[question.item.subset].first += taken_in(question) ? 0 : 1;
    subsets[question.item.subset].second += 1;
    slips += taken_in(question) ? 1 : 0;
    ++pairs;
  }
  double macro = 0;
  for (const auto& [name, own] : subsets) macro += ratio(own.first, own.second) / static_cast<double>(subsets.size());
  ASSERT_EQ(subsets.size(), 5u);
  ASSERT_GT(std::abs(macro - ratio(pairs - slips, pairs)), 0.01);
  const double slip = ratio(slips, 2 * pairs);
  for (const std::string& scorer : kPairScorers) {
    SCOPED_TRACE(scorer);
    const Scores scores = world.scores(gullible, scorer);
    expect_pairs(scores, {macro, 1, macro, slip, -slip, 1, ratio(slips, pairs), ratio(pairs - slips, pairs)});
    EXPECT_EQ(scores.all.groups, pairs);
    EXPECT_EQ(scores.all.right_groups, pairs - slips);
    EXPECT_EQ(scores.all.right, 2 * pairs - slips);
    EXPECT_EQ(scores.all.wrong, slips);
  }
}

}  // namespace
}  // namespace rrpo::eval::mock
