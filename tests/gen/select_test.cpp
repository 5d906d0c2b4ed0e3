#include "rrpo/gen/select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace rrpo::gen {
namespace {

std::vector<Candidate> candidates(int yes, int no, int open) {
  std::vector<Candidate> out;
  for (int i = 0; i < yes; ++i) out.push_back({"y" + std::to_string(i), "yesno", true});
  for (int i = 0; i < no; ++i) out.push_back({"n" + std::to_string(i), "yesno", false});
  for (int i = 0; i < open; ++i) out.push_back({"o" + std::to_string(i), "open", false});
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
  EXPECT_EQ(kept(candidates(9, 4, 5), {.balance = true, .max_per_format = {}, .seed = 1}),
            (Counts{{'y', 4}, {'n', 4}, {'o', 5}}));
  EXPECT_EQ(kept(candidates(9, 4, 5), {.balance = false, .max_per_format = {}, .seed = 1}),
            (Counts{{'y', 9}, {'n', 4}, {'o', 5}}));
}

TEST(Select, LimitsEachFormat) {
  EXPECT_EQ(kept(candidates(9, 4, 5), {.balance = true, .max_per_format = 6, .seed = 1}),
            (Counts{{'y', 3}, {'n', 3}, {'o', 5}}));
  EXPECT_EQ(kept(candidates(9, 4, 5), {.balance = false, .max_per_format = 3, .seed = 1})['o'], 3);
}

TEST(Select, NamesTheReason) {
  const std::vector<Selection> selection = select(candidates(3, 1, 0), {.balance = true, .max_per_format = {}, .seed = 1});
  EXPECT_EQ(std::count(selection.begin(), selection.end(), Selection::dropped_balance), 2);
}

TEST(Select, DependsOnIdsAndNotOnTheirOrder) {
  std::vector<Candidate> rows = candidates(9, 4, 5), reversed(rows.rbegin(), rows.rend());
  const SelectRules rules{.balance = true, .max_per_format = 4, .seed = 3};
  std::vector<Selection> there = select(rows, rules), back = select(reversed, rules);
  std::reverse(back.begin(), back.end());
  EXPECT_EQ(there, back);
  EXPECT_NE(select(rows, {.balance = true, .max_per_format = 4, .seed = 4}), there);
}

}  // namespace
}  // namespace rrpo::gen
