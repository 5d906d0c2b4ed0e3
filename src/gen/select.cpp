#include "rrpo/gen/select.h"

#include <algorithm>
#include <optional>

#include "rrpo/util/random.h"

namespace rrpo::gen {

namespace {

using Numbers = std::vector<size_t>;

/// Candidates that are to be equally many, by truth.
using Sides = std::map<std::string, Numbers>;

/// Marks all but the first `keep` of `members` as dropped.
void drop_rest(const Numbers& members, int64_t keep, Selection why, std::vector<Selection>& out) {
  for (size_t i = 0; i < members.size(); ++i) {
    if (static_cast<int64_t>(i) >= keep && out[members[i]] == Selection::kept) out[members[i]] = why;
  }
}

bool balanced(const std::string& format, const SelectRules& rules) {
  return (format == "yesno" && rules.balance_yesno) || (format == "mcq" && rules.balance_letters);
}

/// One entry for yesno; for mcq one for each number of options.
std::map<int64_t, Sides> sides_of(const std::string& format, const Numbers& members,
                                  const std::vector<Candidate>& candidates) {
  std::map<int64_t, Sides> sets;
  if (format == "yesno") sets[0] = {{"yes", {}}, {"no", {}}};
  for (const size_t i : members) sets[candidates[i].options][candidates[i].truth].push_back(i);
  return sets;
}

void balance(const std::map<int64_t, Sides>& sets, std::optional<int64_t> limit, std::vector<Selection>& out) {
  int64_t classes = 0;
  for (const auto& [options, sides] : sets) classes += static_cast<int64_t>(sides.size());
  for (const auto& [options, sides] : sets) {
    size_t fewest = out.size();
    for (const auto& [truth, members] : sides) fewest = std::min(fewest, members.size());
    for (const auto& [truth, members] : sides) {
      drop_rest(members, static_cast<int64_t>(fewest), Selection::dropped_balance, out);
      if (limit) drop_rest(members, *limit / classes, Selection::dropped_limit, out);
    }
  }
}

}  // namespace

std::vector<Selection> select(const std::vector<Candidate>& candidates, const SelectRules& rules) {
  std::vector<Selection> out(candidates.size(), Selection::kept);
  std::map<std::string, Numbers> formats;
  for (size_t i = 0; i < candidates.size(); ++i) formats[candidates[i].format].push_back(i);
  for (auto& [format, members] : formats) {
    std::sort(members.begin(), members.end(), [&](size_t a, size_t b) {
      const auto rank = [&](size_t i) { return std::pair(hash64(candidates[i].id, rules.seed), candidates[i].id); };
      return rank(a) < rank(b);
    });
    const auto found = rules.limits.find(format);
    const std::optional<int64_t> limit = found == rules.limits.end() ? std::nullopt : std::optional(found->second);
    if (balanced(format, rules)) {
      balance(sides_of(format, members, candidates), limit, out);
    } else if (limit) {
      drop_rest(members, *limit, Selection::dropped_limit, out);
    }
  }
  return out;
}

}  // namespace rrpo::gen
