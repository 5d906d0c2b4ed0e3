#include "rrpo/gen/select.h"

#include <algorithm>
#include <map>

#include "rrpo/util/random.h"

namespace rrpo::gen {

namespace {

using Numbers = std::vector<size_t>;

/// Marks all but the first `keep` of `members` as dropped.
void drop_rest(const Numbers& members, int64_t keep, Selection why, std::vector<Selection>& out) {
  for (size_t i = 0; i < members.size(); ++i) {
    if (static_cast<int64_t>(i) >= keep && out[members[i]] == Selection::kept) out[members[i]] = why;
  }
}

void balance(const Numbers& members, const std::vector<Candidate>& candidates, const SelectRules& rules,
             std::vector<Selection>& out) {
  Numbers yes, no;
  for (const size_t i : members) (candidates[i].yes ? yes : no).push_back(i);
  const auto fewer = static_cast<int64_t>(std::min(yes.size(), no.size()));
  for (const Numbers& side : {yes, no}) {
    drop_rest(side, fewer, Selection::dropped_balance, out);
    if (rules.max_per_format) drop_rest(side, *rules.max_per_format / 2, Selection::dropped_limit, out);
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
    if (format == "yesno" && rules.balance) {
      balance(members, candidates, rules, out);
    } else if (rules.max_per_format) {
      drop_rest(members, *rules.max_per_format, Selection::dropped_limit, out);
    }
  }
  return out;
}

}  // namespace rrpo::gen
