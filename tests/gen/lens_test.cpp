#include "rrpo/gen/lens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace rrpo::gen {
namespace {

rows::Pair pair_of(const std::string& chosen, const std::string& rejected) {
  rows::Pair pair;
  pair.id = "p";
  pair.media.video = "a.mp4";
  pair.question = "What?";
  pair.chosen = text::parse_mask_tags(chosen, "x");
  pair.rejected = text::parse_mask_tags(rejected, "x");
  return pair;
}

std::string difference(const std::string& chosen, const std::string& rejected) {
  static const std::unique_ptr<text::Tokenizer> toy = text::open_tokenizer(test::source_file("data/toy/tokenizer"));
  return official_difference(pair_of(chosen, rejected), *toy);
}

TEST(Lens, SaysHowTheOfficialMarksDiffer) {
  EXPECT_EQ(difference("It moves <MASK> left </MASK>.", "It moves <MASK> up </MASK>."),
            "chosen: the same marks; rejected: the same marks");
  // A space that is a token of its own inside a phrase has no visible byte.
  EXPECT_EQ(difference("It moves <MASK> left  up </MASK>.", "It moves <MASK> up </MASK>."),
            "chosen: also \" \"; rejected: the same marks");
  EXPECT_THAT(difference("(<MASK> D </MASK>) left", "It moves <MASK> up </MASK>."),
              testing::StartsWith("dropped by the official code because of chosen: without its tags"));
  EXPECT_EQ(difference("It moves <MASK> left </MASK>.", "It moves."),
            "dropped by the official code because of rejected: it has no tags");
}

TEST(Lens, TextShowsTheDifferenceOnlyWhereAskedFor) {
  ShowConfig config;
  config.model.path = test::source_file("data/toy/tokenizer");
  const std::vector<rows::Pair> pairs = {pair_of("It moves <MASK> left </MASK>.", "It moves <MASK> up </MASK>."),
                                         pair_of("\nleft", "up")};
  EXPECT_EQ(lens_text(config, pairs, false).find("official"), std::string::npos);
  config.compat = "official";
  const std::string text = lens_text(config, pairs, false);
  EXPECT_THAT(text, testing::HasSubstr("It moves [left]."));
  EXPECT_THAT(text, testing::HasSubstr("  official  chosen: the same marks; rejected: the same marks\n"));
  EXPECT_THAT(text, testing::HasSubstr("  official  not reproduced: data: p: chosen: the answer begins with a line break"));
}

}  // namespace
}  // namespace rrpo::gen
