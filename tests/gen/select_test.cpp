#include "rrpo/gen/select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace rrpo::gen {
namespace {

std::vector<Candidate> candidates(int yes, int no, int open) {
  std::vector<Candidate> out;
  for (int i = 0; i < yes; ++i) out.push_back({"y" + std::to_string(i), "yesno", "yes"});
  for (int i = 0; i < no; ++i) out.push_back({"n" + std::to_string(i), "yesno", "no"});
  for (int i = 0; i < open; ++i) out.push_back({"o" + std::to_string(i), "open"});
  return out;
}

/// `limit` 0: none.
SelectRules rules(bool balance, int64_t limit, uint64_t seed) {
  SelectRules out{.balance_yesno = balance, .seed = seed};
  if (limit > 0) out.limits = {{"yesno", limit}, {"open", limit}, {"mcq", limit}};
  return out;
}

/// Kept candidates by the first letter of their id.
std::map<char, int> kept(const std::vector<Candidate>& rows, const SelectRules& rules) {
  const std::vector<Selection> selection = select(rows, rules);
  std::map<char, int> counts;
  for (size_t i = 0; i < rows.size(); ++i) counts[rows[i].id[0]] += selection[i] == Selection::kept;
  return counts;
}

using Counts = std::map<char, int>;

TEST(Select, BalancesYesNoByTheTrueAnswer) {
  EXPECT_EQ(kept(candidates(9, 4, 5), rules(true, 0, 1)), (Counts{{'y', 4}, {'n', 4}, {'o', 5}}));
  EXPECT_EQ(kept(candidates(9, 4, 5), rules(false, 0, 1)), (Counts{{'y', 9}, {'n', 4}, {'o', 5}}));
}

TEST(Select, LimitsEachFormat) {
  EXPECT_EQ(kept(candidates(9, 4, 5), rules(true, 6, 1)), (Counts{{'y', 3}, {'n', 3}, {'o', 5}}));
  EXPECT_EQ(kept(candidates(9, 4, 5), rules(false, 3, 1))['o'], 3);
}

TEST(Select, BalancesTheTrueLetters) {
  std::vector<Candidate> rows;
  const auto add = [&](char letter, int64_t options, int count) {
    for (int i = 0; i < count; ++i)
      rows.push_back({letter + std::to_string(options) + std::to_string(i), "mcq", std::string(1, letter), options});
  };
  add('A', 4, 7);
  add('B', 4, 3);
  add('D', 4, 5);  // C is never true
  add('A', 2, 2);
  add('B', 2, 9);
  const SelectRules letters{.balance_letters = true, .seed = 1};
  EXPECT_EQ(kept(rows, letters), (Counts{{'A', 3 + 2}, {'B', 3 + 2}, {'D', 3}}));
  EXPECT_EQ(kept(rows, {.balance_letters = true, .limits = {{"mcq", 10}}, .seed = 1}),
            (Counts{{'A', 4}, {'B', 4}, {'D', 2}}));
  EXPECT_EQ(kept(rows, rules(true, 0, 1)), (Counts{{'A', 9}, {'B', 12}, {'D', 5}}));
}

TEST(Select, OneSideAloneIsBalancedToNothing) { EXPECT_EQ(kept(candidates(3, 0, 0), rules(true, 0, 1))['y'], 0); }

TEST(Select, NamesTheReason) {
  const std::vector<Selection> selection = select(candidates(3, 1, 0), rules(true, 0, 1));
  EXPECT_EQ(std::count(selection.begin(), selection.end(), Selection::dropped_balance), 2);
}

TEST(Select, DependsOnIdsAndNotOnTheirOrder) {
  std::vector<Candidate> rows = candidates(9, 4, 5), reversed(rows.rbegin(), rows.rend());
  const SelectRules limited = rules(true, 4, 3);
  std::vector<Selection> there = select(rows, limited), back = select(reversed, limited);
  std::reverse(back.begin(), back.end());
  EXPECT_EQ(there, back);
  EXPECT_NE(select(rows, rules(true, 4, 4)), there);
}

}  // namespace
}  // namespace rrpo::gen
