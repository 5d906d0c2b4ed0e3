// Regular expressions as Python reads them; golden.json of scripts/oracles/adapters.py holds what Python's `re` said.
#include "../../src/model/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/util/json_file.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::model {
namespace {

Pattern parsed(const std::string& text) {
  std::string problem;
  const std::optional<Pattern> pattern = Pattern::parse(text, problem);
  EXPECT_TRUE(pattern) << text << ": " << problem;
  return pattern.value_or(Pattern());
}

TEST(Pattern, MatchesAsPythonDoes) {
  const Json golden = read_json(rrpo::test::source_file("tests/golden/adapters/golden.json"), "test");
  const std::vector<std::string> modules = golden.at("modules");
  int64_t cases = 0;
  for (const Json& row : golden.at("expressions")) {
    const auto text = row.at("pattern").get<std::string>();
    const Pattern pattern = parsed(text);
    for (size_t i = 0; i < modules.size(); ++i, ++cases) {
      rrpo::test::expect_same({"adapters", "re of Python", "modules that a regular expression selects"},
                              pattern.fullmatch(modules[i]) == row.at("matches")[i].get<bool>(), text + " on " + modules[i]);
    }
  }
  EXPECT_EQ(cases, 1148);
}

TEST(Pattern, MatchesWholeNames) {
  EXPECT_EQ(parsed("a.c").fullmatch("abc"), true);
  EXPECT_EQ(parsed("a.c").fullmatch("abcd"), false);
  EXPECT_EQ(parsed("a|ab").fullmatch("ab"), true);
  EXPECT_EQ(parsed("(a|b)+?x{2,3}").fullmatch("abbaxxx"), true);
  EXPECT_EQ(parsed("x{2}").fullmatch("xxx"), false);
  EXPECT_EQ(parsed("[]a-c-]+").fullmatch("]b-"), true);
  EXPECT_EQ(parsed("[^a\\d]").fullmatch("7"), false);
  EXPECT_EQ(parsed("\\.\\w\\D").fullmatch("._x"), true);
  EXPECT_EQ(parsed("(?!b)(?=a).+$").fullmatch("ab"), true);
  EXPECT_EQ(parsed("").fullmatch(""), true);
  EXPECT_EQ(parsed("(a*)*b").fullmatch("aab"), true);
  EXPECT_EQ(parsed("(?i).*_PROJ").fullmatch("q_proj"), true);
  EXPECT_EQ(parsed("(?P<x>a)(?P=x)\\1").fullmatch("aaa"), true);
  EXPECT_EQ(parsed("\\bmodel\\.\\B").fullmatch("model."), true);
  EXPECT_EQ(parsed(".*(?<!x)q").fullmatch("axq"), false);
}

/// What the two languages write differently.
TEST(Pattern, MeansWhatPythonMeans) {
  EXPECT_EQ(parsed("a{,2}b").fullmatch("b"), true);
  EXPECT_EQ(parsed("a{,2}b").fullmatch("aaab"), false);
  EXPECT_EQ(parsed("a{b}").fullmatch("a{b}"), true);
  EXPECT_EQ(parsed("a{,}").fullmatch("a{,}"), false);
  EXPECT_EQ(parsed("a{,}").fullmatch("aaa"), true);
  EXPECT_EQ(parsed("[[:alpha:]").fullmatch("["), true);
  EXPECT_EQ(parsed("[[:alpha:]").fullmatch("b"), false);
  EXPECT_EQ(parsed("a\\Z").fullmatch("a"), true);
  EXPECT_EQ(parsed("a\\Z\\n").fullmatch("a\n"), false);
  EXPECT_EQ(parsed("\\u0061\\x62").fullmatch("ab"), true);
  EXPECT_EQ(parsed("\\v").fullmatch("\n"), false);
  EXPECT_EQ(parsed("\\w").fullmatch("\xC3\xA9"), true);
  EXPECT_EQ(parsed(".").fullmatch("\xC3\xA9"), true);
}

TEST(Pattern, SaysWhatIsNone) {
  for (const char* text : {"(", ")", "a**", "*", "[a", "a\\", "a{3,2}", "a{99999}", "[z-a]", "(?P<x", "x{2}{3}",
                           // What PCRE2 alone knows:
                           "\\Qa\\E", "\\h", "\\K", "\\R", "\\X", "\\C", "\\p{L}", "(*ACCEPT)a", "(?R)", "(?1)(a)",
                           "(?|a|b)", "(?<x>a)", "(?P>x)", "a(?i)b", "(?J)a", "\\g{1}(a)", "\\o{12}", "[\\Qa]"}) {
    std::string problem;
    EXPECT_FALSE(Pattern::parse(text, problem)) << text;
    EXPECT_FALSE(problem.empty()) << text;
  }
  std::string problem;
  EXPECT_FALSE(Pattern::parse(std::string(70'000, 'a'), problem));
  EXPECT_FALSE(Pattern::parse(std::string(300, '('), problem));
  EXPECT_FALSE(Pattern::parse("\xFF", problem));
}

TEST(Pattern, GivesUpInsteadOfTakingForever) {
  EXPECT_EQ(parsed("((a+)+)+[bc]").fullmatch(std::string(60, 'a')), std::nullopt);
  EXPECT_EQ(parsed("(a|b)*c").fullmatch(std::string(1'000'000, 'a') + "c"), std::nullopt);
  EXPECT_EQ(parsed("(.*\\.)*q_proj").fullmatch("model.language_model.layers.0.self_attn.v_proj"), false);
}

}  // namespace
}  // namespace rrpo::model
