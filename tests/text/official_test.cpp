#include "rrpo/text/official.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "rrpo/text/chat.h"
#include "rrpo/text/token_diff.h"
#include "rrpo/util/json_file.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::text {
namespace {

using Ids = std::vector<int64_t>;

const Tokenizer& toy() {
  static const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  return *tokenizer;
}

const Json& golden() {
  static const Json file = read_json(test::source_file("tests/golden/spans/golden.json"), "test");
  return file;
}

const ChatTemplate& authors() {
  for (const ChatTemplate& known : chat_templates()) {
    if (known.name == "authors") return known;
  }
  throw std::runtime_error("no prompt form of the authors");
}

void expect_same(const std::string& what, const Ids& ours, const Ids& theirs) {
  EXPECT_EQ(ours, theirs);
  test::expect_same({"compat official", test::original(golden(), "pritamqu/RRPO"), what}, ours == theirs, what);
}

/// Their whole conversation: ids, labels (-100: none) and signs, put together from our parts.
struct Conversation {
  Ids ids, labels, signs;
  std::string unmarked;

  void add_prompt(const Ids& part, bool to_answer) {
    const Ids places = official_labels(toy(), part, to_answer);
    for (int64_t i = 0; i < static_cast<int64_t>(part.size()); ++i) {
      const int64_t id = part[static_cast<size_t>(i)];
      ids.push_back(id);
      labels.push_back(std::find(places.begin(), places.end(), i) == places.end() ? -100 : id);
      signs.push_back(0);
    }
  }
  void add_video() {
    ids.push_back(-200);
    labels.push_back(-100);
    signs.push_back(0);
  }
  void add_answer(const OfficialAnswer& answer) {
    ids.insert(ids.end(), answer.answer.ids.begin(), answer.answer.ids.end());
    labels.insert(labels.end(), answer.answer.ids.begin(), answer.answer.ids.end());
    signs.insert(signs.end(), answer.answer.phrase.begin(), answer.answer.phrase.end());
    unmarked = answer.unmarked;
  }
};

Conversation conversation(const std::string& question, const Json& side) {
  const auto tagged = side["tagged"].get<std::string>();
  const MarkedText answer = parse_mask_tags(tagged, side["plain"].get<std::string>(), "golden");
  const PromptIds prompt = encode_prompt(toy(), authors(), question);
  Conversation out;
  out.add_prompt(prompt.before, false);
  out.add_video();
  out.add_prompt(prompt.after, true);
  out.add_answer(official_answer(toy(), answer, "golden"));
  return out;
}

/// The question as our rows have it.
std::string question_of(const Json& pair) {
  auto question = pair["question"].get<std::string>();
  const std::string image = "<image>";
  question.erase(question.find(image), image.size());
  return question.substr(question.find_first_not_of('\n'), question.find_last_not_of('\n') + 1);
}

TEST(Official, MarksLabelsAndDropsAreTheirs) {
  int64_t dropped = 0;
  for (const Json& pair : golden()["pairs"]) {
    bool drops = false;
    for (const char* name : {"chosen", "rejected"}) {
      SCOPED_TRACE(pair["name"].get<std::string>() + ", " + name);
      const Conversation ours = conversation(question_of(pair), pair[name]);
      expect_same("ids of whole conversations", ours.ids, pair[name]["ids"].get<Ids>());
      expect_same("labels of whole conversations", ours.labels, pair[name]["labels"].get<Ids>());
      expect_same("marks of whole conversations", ours.signs, pair[name]["signs"].get<Ids>());
      drops = drops || !ours.unmarked.empty();
    }
    test::expect_same({"compat official", test::original(golden(), "pritamqu/RRPO"), "which pairs are dropped"},
                      drops == pair["dropped"].get<bool>(), pair["name"]);
    dropped += drops ? 1 : 0;
  }
  EXPECT_GE(golden()["pairs"].size(), 30u);
  EXPECT_GE(dropped, 8);
}

TEST(Official, SaysWhyNothingIsMarked) {
  const auto why = [](const std::string& tagged, const std::string& plain) {
    return official_answer(toy(), parse_mask_tags(tagged, plain, "x"), "x").unmarked;
  };
  EXPECT_EQ(why("It is <MASK> red </MASK>.", "It is red."), "");
  EXPECT_EQ(why("It is red.", "It is red."), "it has no tags");
  EXPECT_EQ(why("It is <MASK> </MASK> red", "It is red"), "no token lies between its tags");
  EXPECT_NE(why("(<MASK> D </MASK>) left", "(D) left").find("tokens"), std::string::npos);
}

TEST(Official, RefusesWhatItCannotReproduce) {
  EXPECT_THROW(official_answer(toy(), {"\nred", {{1, 4}}}, "x"), Error);
  EXPECT_THROW(official_answer(toy(), {"  \nred", {{3, 6}}}, "x"), Error);
  EXPECT_NO_THROW(official_answer(toy(), {"red\n", {{0, 3}}}, "x"));
}

/// [-100] * before, the answer, and [-100] up to `size`.
Ids padded(const Ids& answer, int64_t before, size_t size) {
  Ids out(static_cast<size_t>(before), -100);
  out.insert(out.end(), answer.begin(), answer.end());
  out.resize(size, -100);
  return out;
}

TEST(Difference, MarksOfTokensAreVideoChat2s) {
  for (const Json& row : golden()["diff"]) {
    SCOPED_TRACE(row.dump());
    const Ids a = row["a"].get<Ids>(), b = row["b"].get<Ids>();
    const auto before = row["before"].get<int64_t>();
    const size_t size = static_cast<size_t>(before) + std::max(a.size(), b.size()) + row["after"].get<size_t>();
    const DifferenceMarks marks = difference_marks(padded(a, before, size), padded(b, before, size));
    const auto inside = [&](const Ids& all, const Ids& answer) {
      return Ids(all.begin() + before, all.begin() + before + static_cast<int64_t>(answer.size()));
    };
    const auto theirs = row["signs"].get<std::vector<Ids>>();
    expect_same("marks by VideoChat2's diff_lib", inside(marks.a, a), theirs[0]);
    expect_same("marks by VideoChat2's diff_lib", inside(marks.b, b), theirs[1]);
    const auto count = [](const Ids& all) {
      return all.size() - static_cast<size_t>(std::count(all.begin(), all.end(), 0));
    };
    const bool outside = count(marks.a) + count(marks.b) > count(inside(marks.a, a)) + count(inside(marks.b, b));
    EXPECT_EQ(outside, row["outside"].get<bool>());
  }
}

}  // namespace
}  // namespace rrpo::text
