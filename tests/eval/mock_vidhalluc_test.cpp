// Mock models on VidHalluc: questions that count together, sets of letters, changes of scene.
#include <gtest/gtest.h>

#include <set>

#include "mock_models.h"

namespace rrpo::eval::mock {
namespace {

const std::vector<std::string> kScorers = {"ours", "strict", "official", "rrpo", "rrpo_longvu"};
constexpr const char* kNoScene = "Scene change: No, Locations: None";

/// The three parts; NaN: there is none.
struct Parts {
  double bqa, mcq, mcc, description;
};
void expect_parts(const Scores& scores, const Parts& parts) {
  const double classification = (parts.mcc + 1) * (parts.mcc + 1) / 4, sth = 0.6 * classification + 0.4 * parts.description;
  expect_number(parts.bqa, extra(scores, "bqa"));
  expect_number(parts.mcq, extra(scores, "mcq"));
  expect_number(parts.mcc, extra(scores, "mcc"));
  expect_number(classification, extra(scores, "classification"));
  expect_number(parts.description, extra(scores, "description"));
  expect_number(sth, extra(scores, "sth_overall"));
  expect_number((parts.bqa + parts.mcq + sth) / 3, scores.overall.value);
}

bool is_yes(const Question& question) { return question.item.keys.front() == "yes"; }

/// The share of bqa's questions of which every clip has the answer `word`.
double questions_all(const World& world, const std::string& word) {
  std::map<std::string, bool> questions;
  for (const Question& question : world.questions()) {
    if (question.item.task != "bqa") continue;
    const auto [at, is_new] = questions.try_emplace(question.item.group, true);
    at->second = at->second && question.item.keys.front() == word;
  }
  int64_t right = 0;
  for (const auto& [group, all_of_it] : questions) right += all_of_it ? 1 : 0;
  return ratio(right, static_cast<int64_t>(questions.size()));
}
/// The share of mcq's questions of which `letter` alone is right.
double only(const World& world, const std::string& letter) {
  int64_t right = 0, all_of_them = 0;
  for (const Question& question : world.questions()) {
    if (question.item.task != "mcq") continue;
    ++all_of_them;
    right += question.item.keys == std::vector<std::string>{letter} ? 1 : 0;
  }
  return ratio(right, all_of_them);
}

/// A verdict for each part.
Rule by_task(const Rule& bqa, const Rule& mcq, const Rule& sth) {
  return [bqa, mcq, sth](const Question& question) {
    if (question.item.task == "bqa") return bqa(question);
    return question.item.task == "mcq" ? mcq(question) : sth(question);
  };
}
const Rule kUnparsed = all(Verdict::unparsed), kRight = all(Verdict::right);
const Rule kYes = [](const Question& question) { return right_if(is_yes(question)); };
const Rule kNo = [](const Question& question) { return right_if(!is_yes(question)); };
Rule letter(const std::string& key) {
  return [key](const Question& question) { return right_if(question.item.keys == std::vector<std::string>{key}); };
}

/// In the forms that are asked for; several letters with `between` between them. Scenes as `scene` tells them.
Model oracle(const std::string& between, const Model& scene) {
  return [between, scene](const Question& question) {
    if (question.item.task == "sth") return is_yes(question) ? scene(question) : std::string(kNoScene);
    std::string letters;
    for (const std::string& key : question.item.keys) letters += (letters.empty() ? "" : between) + key;
    return question.item.task == "bqa" ? question.item.text : letters;
  };
}
std::string true_scene(const Question& question) {
  return "Scene change: Yes, Locations: " + question.item.aux.at("locations").get<std::string>();
}
bool full_stop(const Question& question) { return question.item.aux.at("locations").get<std::string>().ends_with("."); }

/// How many scenes change, and how many of these have a truth that ends with a full stop.
std::pair<int64_t, int64_t> changes(const World& world) {
  std::pair<int64_t, int64_t> out;
  for (const Question& question : world.questions()) {
    if (question.item.task != "sth" || !is_yes(question)) continue;
    ++out.first;
    out.second += full_stop(question) ? 1 : 0;
  }
  return out;
}

TEST(MockForms, VidHallucConstants) {
  const World world("vidhalluc");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  world.expect_served_by(kScorers);
  for (const std::string& scorer : kScorers) {
    SCOPED_TRACE(scorer);
    const bool script = scorer != "ours" && scorer != "strict";
    // A constant has no correlation: 0.6 x 0.25. To the scripts whatever is not yes is no; to the others a reply without a
    // label has missed every truth, which is the correlation of the opposite.
    const Rule label = script ? kNo : kUnparsed;
    const double unread = script ? 0 : -1;
    const auto verdicts = [&](const std::string& reply, const Rule& rule) {
      SCOPED_TRACE(reply);
      return world.expect_verdicts(says(reply), scorer, rule);
    };
    expect_parts(verdicts("yes", by_task(kYes, kUnparsed, kYes)), {questions_all(world, "yes"), 0, 0, 0});
    expect_parts(verdicts("No", by_task(kNo, kUnparsed, kNo)), {questions_all(world, "no"), 0, 0, 0});
    expect_parts(verdicts("A", by_task(kUnparsed, letter("A"), label)), {0, only(world, "A"), unread, 0});
    expect_parts(verdicts("(B)", by_task(kUnparsed, letter("B"), label)), {0, only(world, "B"), unread, 0});
    const bool stated = scorer != "strict";
    const Scores statement = verdicts("The answer is B", by_task(kUnparsed, stated ? letter("B") : kUnparsed, label));
    if (stated) expect_parts(statement, {0, only(world, "B"), unread, 0});
    // An empty reply is a no to the scripts, and nothing to the others.
    const Scores silent = verdicts("", by_task(kUnparsed, kUnparsed, label));
    if (script) expect_parts(silent, {0, 0, 0, 0});
    EXPECT_EQ(std::isnan(silent.overall.value) && std::isnan(extra(silent, "classification")), !script);
    // Only a reader finds the no of this form in a question about clips.
    const bool reader = scorer == "ours";
    expect_parts(verdicts(kNoScene, by_task(reader ? kNo : kUnparsed, kUnparsed, kNo)),
                 {reader ? questions_all(world, "no") : 0, 0, 0, 0});
    // `Yes.` is no yes to the scripts.
    verdicts("Scene change: Yes.", by_task(reader ? kYes : kUnparsed, kUnparsed, script ? kNo : kYes));
  }
}

TEST(MockForms, VidHallucOracles) {
  const World world("vidhalluc");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  const auto [yes, described] = changes(world);
  ASSERT_EQ(yes - described, 1);  // sth/k13: its truth lacks the full stop, so that no description of it is ever right
  for (const std::string& scorer : kScorers) {
    SCOPED_TRACE(scorer);
    expect_parts(world.expect_verdicts(oracle(", ", true_scene), scorer, kRight), {1, 1, 1, ratio(described, yes)});
    // Letters without anything between them are no letters to the scripts.
    const bool script = scorer != "ours" && scorer != "strict";
    const Rule single = [](const Question& question) {
      return question.item.keys.size() == 1 ? Verdict::right : Verdict::unparsed;
    };
    int64_t alone = 0, choices = 0;
    for (const Question& question : world.questions()) {
      choices += question.item.task == "mcq" ? 1 : 0;
      alone += question.item.task == "mcq" && question.item.keys.size() == 1 ? 1 : 0;
    }
    expect_parts(world.expect_verdicts(oracle("", true_scene), scorer, script ? by_task(kRight, single, kRight) : kRight),
                 {1, script ? ratio(alone, choices) : 1, 1, ratio(described, yes)});
  }
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// Another word for one of two scenes: worth what its similarity is on a piece of the logistic curve, and nothing is known of
// it without one.
TEST(MockForms, VidHallucDescriptions) {
  const World world("vidhalluc");
  if (!world.made()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  const Model near = oracle(", ", [](const Question& question) {
    const bool first = question.id == "vidhalluc/sth/k12";  // from a red room to a green room.
    return first ? "Scene change: Yes, Locations: from a crimson hall to a green room." : true_scene(question);
  });
  const auto [yes, described] = changes(world);
  for (const double similarity : {0.4, 0.5, 0.6, 0.75, 0.9}) {
    rows::Aids aids;
    const test::TempDir folder;
    const Json row = {{"a", "a red room"}, {"b", "a crimson hall"}, {"similarity", similarity}};
    aids.similarities = rows::Similarities::read(folder.write("similarities.jsonl", row.dump() + "\n"));
    const double worth = std::max(0.0, (logistic(similarity) - logistic(0.5)) / (logistic(1) - logistic(0.5)));
    const double description = (worth + 1 + 2 * static_cast<double>(described - 1)) / (2 * static_cast<double>(yes));
    for (const std::string& scorer : kScorers) expect_parts(world.scores(near, scorer, aids), {1, 1, 1, description});
  }
  for (const std::string& scorer : kScorers) {
    const Scores scores = world.scores(near, scorer);
    expect_parts(scores, {1, 1, 1, kNone});
    EXPECT_EQ(scores.all.right, scores.all.questions);  // labels and answers are right all the same
  }
}

}  // namespace
}  // namespace rrpo::eval::mock
