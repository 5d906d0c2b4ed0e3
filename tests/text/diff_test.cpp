#include "rrpo/text/diff.h"

#include <gtest/gtest.h>

namespace rrpo::text {
namespace {

std::string shown(std::string text, const std::vector<ByteRange>& ranges) {
  for (size_t i = ranges.size(); i-- > 0;) {
    text.insert(static_cast<size_t>(ranges[i].end), "*");
    text.insert(static_cast<size_t>(ranges[i].begin), "*");
  }
  return text;
}

std::string marks(const std::string& a, const std::string& b) {
  const WordDifference words = differing_words(a, b);
  return shown(a, words.a) + " | " + shown(b, words.b);
}

TEST(Difference, CaseAndOuterPunctuationDoNotDiffer) {
  EXPECT_EQ(marks("A dog runs.", "a dog, runs"), "A dog runs. | a dog, runs");
  EXPECT_EQ(marks("A big dog runs.", "A cat runs fast."), "A *big dog* runs. | A *cat* runs *fast*.");
  EXPECT_EQ(marks("", "x"), " | *x*");
  EXPECT_EQ(marks("(A) left", "(B) left"), "*(A)* left | *(B)* left");
}

TEST(Difference, InsertionsAreMarkedOnOneSide) {
  EXPECT_EQ(marks("The man walks slowly.", "The man walks."), "The man walks *slowly*. | The man walks.");
  EXPECT_EQ(marks("dog", "A very big dog"), "dog | *A very big* dog");
}

TEST(Difference, ChineseIsComparedByCharacter) {
  EXPECT_EQ(marks("他关上门。", "他打开门。"), "他*关上*门。 | 他*打开*门。");
  EXPECT_EQ(marks("他用iPhone 打电话，", "他用iPad 打电话!"), "他用*iPhone* 打电话， | 他用*iPad* 打电话*!*");
}

TEST(Difference, BytesBeforeTheBodyAreNotCompared) {
  const WordDifference words = differing_words("Well, yes", "So, no", 6, 4);
  EXPECT_EQ(words.a, (std::vector<ByteRange>{{6, 9}}));
  EXPECT_EQ(words.b, (std::vector<ByteRange>{{4, 6}}));
}

TEST(Difference, OfVeryLongTextsEverythingDiffers) {
  std::string text;
  for (int i = 0; i < 2001; ++i) text += "a ";
  EXPECT_EQ(differing_words(text, "a").a, (std::vector<ByteRange>{{0, 4001}}));
  EXPECT_TRUE(differing_words(text.substr(2), text.substr(2)).a.empty());
}

TEST(Difference, BrokenUtf8IsPassedThrough) { EXPECT_EQ(marks("a \xff", "b \xfe"), "*a* \xff | *b* \xfe"); }

}  // namespace
}  // namespace rrpo::text
