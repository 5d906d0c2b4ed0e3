#include "overall_groups.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "rrpo/rows/group.h"

namespace rrpo::eval {
namespace {

using Kept = std::function<bool(const Marked&)>;

double ratio(double part, double whole) { return whole == 0 ? std::numeric_limits<double>::quiet_NaN() : part / whole; }

/// JSON knows no NaN.
Json number(double value) { return std::isnan(value) ? Json() : Json(value); }

std::vector<Marked> kept(const std::vector<Marked>& marked, const Kept& keep) {
  std::vector<Marked> out;
  std::copy_if(marked.begin(), marked.end(), std::back_inserter(out), keep);
  return out;
}

bool is_right(const Marked& one) { return one.scored != nullptr && one.scored->right(); }
bool counts(const Marked& one) { return one.scored == nullptr || one.scored->counts(); }
bool is_unread(const Marked& one) { return one.scored != nullptr && one.scored->judged.verdict == rows::Verdict::unparsed; }

int64_t points_of(const Marked& one) {
  const std::string& rule = one.question->item.rule;
  const bool by_script =
      one.scored != nullptr && one.scored->scorer == "official" && (rule == "relevance" || rule == "logic");
  return is_right(one) ? 1 : by_script && is_unread(one) ? -1 : 0;
}

std::vector<rows::Member> members_of(const std::vector<Marked>& group) {
  std::vector<rows::Member> out;
  for (const Marked& one : group) out.push_back({one.question->item.role, points_of(one)});
  return out;
}

double value_of(const std::vector<Marked>& group, const std::vector<rows::Member>& members) {
  const rows::Item& item = group.front().question->item;
  return rows::group_value(item.rule, rows::chain_of(item), members);
}

/// The groups of which every question counts.
std::vector<std::vector<Marked>> whole_groups(const std::vector<Marked>& marked) {
  std::map<std::string, std::vector<Marked>> groups;
  for (const Marked& one : marked) groups[one.question->item.group].push_back(one);
  std::vector<std::vector<Marked>> out;
  for (const auto& [name, group] : groups) {
    if (std::all_of(group.begin(), group.end(), counts)) out.push_back(group);
  }
  return out;
}

/// The mean of `value` over the groups.
double mean_of(const std::vector<Marked>& marked, const std::function<double(const std::vector<Marked>&)>& value) {
  double sum = 0, count = 0;
  for (const std::vector<Marked>& group : whole_groups(marked)) {
    sum += value(group);
    count += 1;
  }
  return ratio(sum, count);
}

double accuracy_of(const std::vector<Marked>& marked, const Kept& keep) {
  const std::vector<Marked> own = kept(marked, keep);
  return ratio(static_cast<double>(std::count_if(own.begin(), own.end(), is_right)), static_cast<double>(own.size()));
}

/// The number, were a reply that cannot be read no more than a wrong one.
double without_minus(const std::vector<Marked>& group) {
  std::vector<rows::Member> members = members_of(group);
  for (rows::Member& member : members) member.points = std::max<int64_t>(member.points, 0);
  return value_of(group, members);
}

double linear(const std::vector<Marked>& group) {
  double sum = 0;
  for (const Marked& one : group) sum += static_cast<double>(points_of(one));
  return sum / 4;
}

Kept of_rule(const std::string& rule) {
  return [rule](const Marked& one) { return one.question->item.rule == rule; };
}

Kept of_axis(const std::string& axis, const std::string& value) {
  return [axis, value](const Marked& one) { return one.question->item.axes.value(axis, std::string()) == value; };
}

/// Of the groups of three, the share of pairs with the lie of that role.
double share_of_pairs(const std::vector<Marked>& marked, const std::string& lie) {
  return mean_of(kept(marked,
                      [&](const Marked& one) {
                        const std::string& role = one.question->item.role;
                        return role == lie || role == rows::kTruth;
                      }),
                 group_value);
}

}  // namespace

double group_value(const std::vector<Marked>& group) { return value_of(group, members_of(group)); }

Json grouped_values(const std::vector<Marked>& marked) {
  Json out = Json::object();
  for (const std::string level : {"1", "2", "3"})
    out["level_" + level] = number(mean_of(kept(marked, of_axis("level", level)), group_value));
  const std::vector<Marked> relevance = kept(marked, of_rule("relevance"));
  out["relevance_score"] = number(mean_of(relevance, group_value));
  out["relevance_linear_score"] = number(mean_of(relevance, linear));
  out["logic_score"] = number(mean_of(kept(marked, of_rule("logic")), group_value));
  out["accuracy"] = number(accuracy_of(marked, counts));
  out["accuracy_of_read"] =
      number(accuracy_of(marked, [](const Marked& one) { return one.scored != nullptr && counts(one) && !is_unread(one); }));
  out["total_unread_as_wrong"] = number(mean_of(marked, without_minus));
  return out;
}

Json pairs_values(const std::vector<Marked>& marked) {
  const double in = share_of_pairs(marked, "in_video"), outside = share_of_pairs(marked, "out_video");
  Json out = {{"in_video", number(in)}, {"out_video", number(outside)}, {"difference", number(outside - in)}};
  out["sah_ratio"] = number(ratio(outside - in, 1 - in));
  std::map<std::string, std::vector<Marked>> aspects;
  for (const Marked& one : marked) aspects[one.question->item.axes.value("aspect", std::string())].push_back(one);
  for (const auto& [aspect, own] : aspects) {
    out["in_video/" + aspect] = number(share_of_pairs(own, "in_video"));
    out["out_video/" + aspect] = number(share_of_pairs(own, "out_video"));
  }
  return out;
}

Json matched_values(const std::vector<Marked>& marked, double mean_over_tasks) {
  const std::vector<Marked> own = kept(marked, counts);
  const double unread = static_cast<double>(std::count_if(own.begin(), own.end(), is_unread));
  return {{"macro_tasks", number(mean_over_tasks)},
          {"not_matching", number(ratio(unread, static_cast<double>(own.size())))}};
}

}  // namespace rrpo::eval
