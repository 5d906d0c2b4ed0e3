#include "rrpo/eval/overall.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "overall_groups.h"
#include "rrpo/rows/reply.h"

namespace rrpo::eval {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

bool is_right(const Marked& one) { return one.scored != nullptr && one.scored->right(); }
bool counts(const Marked& one) { return one.scored == nullptr || one.scored->counts(); }
bool is_grouped(const rows::Item& item) { return !item.rule.empty() && !item.group.empty(); }

double ratio(double part, double whole) { return whole == 0 ? kNone : part / whole; }

std::vector<Marked> with_task(const std::vector<Marked>& marked, const std::string& task) {
  std::vector<Marked> out;
  std::copy_if(marked.begin(), marked.end(), std::back_inserter(out),
               [&](const Marked& one) { return one.question->item.task == task; });
  return out;
}

/// The unweighted mean of share_right() over the parts of `units` by `part`; NaN where no part has one.
template <class Part>
double mean_share(const std::vector<Unit>& units, Part part) {
  std::map<std::string, std::vector<Unit>> parts;
  for (const Unit& unit : units) parts[part(unit)].push_back(unit);
  double sum = 0;
  int64_t count = 0;
  for (const auto& [name, own] : parts) {
    const double share = share_right(own);
    if (std::isnan(share)) continue;
    sum += share;
    ++count;
  }
  return ratio(sum, static_cast<double>(count));
}

double mean_over_tasks(const std::vector<Marked>& marked) {
  std::map<std::string, std::vector<Marked>> tasks;
  for (const Marked& one : marked) tasks[one.question->item.task].push_back(one);
  double sum = 0;
  int64_t count = 0;
  for (const auto& [task, own] : tasks) {
    const double share = share_right(units_of(own));
    if (std::isnan(share)) continue;
    sum += share;
    ++count;
  }
  return ratio(sum, static_cast<double>(count));
}

double mean_of_parts(const std::vector<Marked>& marked) {
  const double bqa = share_right(units_of(with_task(marked, "bqa")));
  const double mcq = share_right(units_of(with_task(marked, "mcq")));
  return (bqa + mcq + scene_scores_of(with_task(marked, "sth")).overall) / 3;
}

/// The pairs of which both halves count: (basic, hallucination).
std::vector<std::pair<Marked, Marked>> pairs_of(const std::vector<Marked>& marked) {
  std::map<std::string, std::pair<Marked, Marked>> pairs;
  for (const Marked& one : marked) {
    auto& pair = pairs[one.question->item.group];
    if (one.question->item.role == "basic") pair.first = one;
    if (one.question->item.role == "hallucination") pair.second = one;
  }
  std::vector<std::pair<Marked, Marked>> out;
  for (const auto& [name, pair] : pairs) {
    const auto& [basic, lie] = pair;
    if (basic.question != nullptr && lie.question != nullptr && counts(basic) && counts(lie)) out.push_back(pair);
  }
  return out;
}

/// Of the pairs whose basic half is right, the share whose other reply says yes.
double hallucination_score(const std::vector<std::pair<Marked, Marked>>& pairs) {
  double basic = 0, taken_in = 0;
  for (const auto& [truth, lie] : pairs) {
    if (!is_right(truth)) continue;
    basic += 1;
    if (lie.scored == nullptr) continue;
    taken_in += rows::says_word(lie.scored->said, "yes") ? 1 : 0;
  }
  return ratio(taken_in, basic);
}

Json number(double value) { return std::isnan(value) ? Json() : Json(value); }

/// Unweighted mean over subsets of one half's accuracy.
double half_accuracy(const std::vector<std::pair<Marked, Marked>>& pairs, bool basic) {
  std::map<std::string, std::pair<double, double>> subsets;  // right, all
  for (const auto& [truth, lie] : pairs) {
    auto& [right, all] = subsets[truth.question->item.subset];
    right += is_right(basic ? truth : lie) ? 1 : 0;
    all += 1;
  }
  double sum = 0;
  for (const auto& [name, own] : subsets) sum += own.first / own.second;
  return ratio(sum, static_cast<double>(subsets.size()));
}

Json pair_values(const std::vector<Marked>& marked) {
  const auto pairs = pairs_of(marked);
  std::vector<std::pair<bool, bool>> right;
  for (const auto& [truth, lie] : pairs) right.emplace_back(is_right(truth), is_right(lie));
  const Bias bias = bias_of(right);
  return {{"basic_accuracy", number(half_accuracy(pairs, true))},
          {"halluc_accuracy", number(half_accuracy(pairs, false))},
          {"hallucination_score", number(hallucination_score(pairs))},
          {"yes_diff", number(bias.yes_diff)},
          {"no_diff", number(bias.no_diff)},
          {"false_positive_ratio", number(bias.false_positive_ratio)},
          {"micro", number(share_right(units_of(marked)))}};
}

Json part_values(const std::vector<Marked>& marked) {
  const rows::SceneScores scene = scene_scores_of(with_task(marked, "sth"));
  return {{"bqa", number(share_right(units_of(with_task(marked, "bqa"))))},
          {"mcq", number(share_right(units_of(with_task(marked, "mcq"))))},
          {"mcc", number(scene.mcc)},
          {"classification", number(scene.classification)},
          {"description", number(scene.description)},
          {"sth_overall", number(scene.overall)}};
}

}  // namespace

std::vector<Unit> units_of(const std::vector<Marked>& marked) {
  std::vector<Unit> units;
  std::vector<std::vector<Marked>> members;
  std::map<std::string, size_t> groups;
  for (const Marked& one : marked) {
    const rows::Item& item = one.question->item;
    const bool grouped = is_grouped(item);
    const auto [at, is_new] = grouped ? groups.try_emplace(item.group, units.size()) : std::pair(groups.end(), true);
    if (is_new) {
      units.push_back({grouped ? item.group : one.question->id, item.subset, one.question->media.key()});
      members.emplace_back();
    }
    const size_t place = grouped ? at->second : units.size() - 1;
    members[place].push_back(one);
    units[place].counts = units[place].counts && counts(one);
  }
  for (size_t i = 0; i < units.size(); ++i) {
    const Marked& first = members[i].front();
    units[i].value = is_grouped(first.question->item) ? group_value(members[i]) : is_right(first) ? 1 : 0;
  }
  return units;
}

double share_right(const std::vector<Unit>& units) {
  double sum = 0;
  int64_t all = 0;
  for (const Unit& unit : units) {
    if (!unit.counts) continue;
    ++all;
    sum += unit.value;
  }
  return ratio(sum, static_cast<double>(all));
}

double overall_value(Overall rule, const std::vector<Marked>& marked) {
  switch (rule) {
    case Overall::tasks:
    case Overall::tasks_labelled:
      return mean_over_tasks(marked);
    case Overall::subsets:
      return mean_share(units_of(marked), [](const Unit& unit) { return unit.subset; });
    case Overall::parts:
      return mean_of_parts(marked);
    default:
      return share_right(units_of(marked));
  }
}

Json extra_values(Overall rule, const std::vector<Marked>& marked) {
  if (rule == Overall::subsets) return pair_values(marked);
  if (rule == Overall::parts) return part_values(marked);
  if (rule == Overall::grouped) return grouped_values(marked);
  if (rule == Overall::pairs) return pairs_values(marked);
  if (rule == Overall::matched) return matched_values(marked, mean_over_tasks(marked));
  const bool by_task = rule == Overall::tasks || rule == Overall::tasks_labelled;
  return by_task ? Json{{"micro", number(share_right(units_of(marked)))}}
                 : Json{{"macro_tasks", number(mean_over_tasks(marked))}};
}

Interval overall_interval(Overall rule, const std::vector<Marked>& marked) {
  std::map<std::string, int64_t> groups;
  for (const Marked& one : marked) {
    const auto next = static_cast<int64_t>(groups.size()) % kJackknifeGroups;
    groups.try_emplace(one.question->media.key(), next);
  }
  const int64_t count = std::min(static_cast<int64_t>(groups.size()), kJackknifeGroups);
  std::vector<double> values;
  for (int64_t left_out = 0; left_out < count; ++left_out) {
    std::vector<Marked> rest;
    for (const Marked& one : marked) {
      if (groups.at(one.question->media.key()) != left_out) rest.push_back(one);
    }
    values.push_back(overall_value(rule, rest));
  }
  const double value = overall_value(rule, marked);
  double mean = 0, squares = 0;
  for (const double one : values) mean += one / static_cast<double>(count);
  for (const double one : values) squares += (one - mean) * (one - mean);
  if (count < 2 || std::isnan(value) || std::isnan(mean)) return {kNone, kNone};
  const double reach = 1.96 * std::sqrt(squares * static_cast<double>(count - 1) / static_cast<double>(count));
  return {std::max(0.0, value - reach), std::min(1.0, value + reach)};
}

rows::SceneScores scene_scores_of(const std::vector<Marked>& marked) {
  rows::SceneCounts scenes;
  for (const Marked& one : marked) {
    if (!counts(one)) continue;
    const bool truth = one.question->item.keys == std::vector<std::string>{"yes"};
    (truth ? (is_right(one) ? scenes.true_yes : scenes.missed) : (is_right(one) ? scenes.true_no : scenes.false_yes)) += 1;
    if (truth && is_right(one)) scenes.description += 2 * one.scored->value.value_or(kNone);
  }
  if (scenes.true_yes + scenes.missed + scenes.false_yes + scenes.true_no == 0) return {kNone, kNone, kNone, kNone};
  return rows::scene_scores(scenes);
}

Bias bias_of(const std::vector<std::pair<bool, bool>>& pairs) {
  double yes = 0, no = 0, wrong = 0, false_positives = 0;
  for (const auto& [basic, lie] : pairs) {
    yes += (basic ? 1 : 0) + (basic && !lie ? 1 : 0);
    no += (lie ? 1 : 0) + (lie && !basic ? 1 : 0);
    wrong += (basic ? 0 : 1) + (lie ? 0 : 1);
    false_positives += basic && !lie ? 1 : 0;
  }
  const auto count = static_cast<double>(pairs.size());
  return {ratio(yes - count, 2 * count), ratio(no - count, 2 * count), wrong == 0 ? 0 : false_positives / wrong};
}

}  // namespace rrpo::eval
