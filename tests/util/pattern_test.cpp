// What Python's `re` says to the same is compared in tests/policy/adapter_parity_test.cpp.
#include "rrpo/util/pattern.h"

#include <gtest/gtest.h>

namespace rrpo {
namespace {

Pattern parsed(const std::string& text) {
  std::string problem;
  const std::optional<Pattern> pattern = Pattern::parse(text, problem);
  EXPECT_TRUE(pattern) << text << ": " << problem;
  return pattern.value_or(Pattern());
}

TEST(Pattern, MatchesWholeNames) {
  EXPECT_EQ(parsed("a.c").fullmatch("abc"), true);
  EXPECT_EQ(parsed("a.c").fullmatch("abcd"), false);
  EXPECT_EQ(parsed("a|ab").fullmatch("ab"), true);
  EXPECT_EQ(parsed("(a|b)+?x{2,3}").fullmatch("abbaxxx"), true);
  EXPECT_EQ(parsed("x{2}").fullmatch("xxx"), false);
  EXPECT_EQ(parsed("a{,2}b").fullmatch("b"), true);
  EXPECT_EQ(parsed("a{b}").fullmatch("a{b}"), true);
  EXPECT_EQ(parsed("[]a-c-]+").fullmatch("]b-"), true);
  EXPECT_EQ(parsed("[^a\\d]").fullmatch("7"), false);
  EXPECT_EQ(parsed("\\.\\w\\D").fullmatch("._x"), true);
  EXPECT_EQ(parsed("(?!b)(?=a).+$").fullmatch("ab"), true);
  EXPECT_EQ(parsed("").fullmatch(""), true);
  EXPECT_EQ(parsed("(a*)*b").fullmatch("aab"), true);
}

TEST(Pattern, SaysWhatItDoesNotRead) {
  for (const char* text : {"(", ")", "a**", "*", "[a", "a\\", "\\b", "(a)\\1", "(?<=a)b", "(?i)a", "a{3,2}", "a{9999}",
                           "[z-a]", "a++", "(?P<x"}) {
    std::string problem;
    EXPECT_FALSE(Pattern::parse(text, problem)) << text;
    EXPECT_FALSE(problem.empty()) << text;
  }
  std::string problem;
  EXPECT_FALSE(Pattern::parse(std::string(3000, 'a'), problem));
  EXPECT_FALSE(Pattern::parse(std::string(300, '('), problem));
}

TEST(Pattern, GivesUpInsteadOfTakingForever) {
  EXPECT_EQ(parsed("((a+)+)+b").fullmatch(std::string(60, 'a')), std::nullopt);
  EXPECT_EQ(parsed("a*").fullmatch(std::string(100'000, 'a')), std::nullopt);
  EXPECT_EQ(parsed("(.*\\.)*q_proj").fullmatch("model.language_model.layers.0.self_attn.v_proj"), false);
}

}  // namespace
}  // namespace rrpo
