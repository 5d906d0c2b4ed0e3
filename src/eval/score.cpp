#include "rrpo/eval/score.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "rrpo/util/error.h"
#include "rrpo/util/table.h"

namespace rrpo::eval {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? kNone : static_cast<double>(part) / static_cast<double>(whole);
}

int64_t& counter(Counts& counts, const rows::Scored* scored) {
  if (scored == nullptr) return counts.missing;
  switch (scored->judged.verdict) {
    case rows::Verdict::right:
      return counts.right;
    case rows::Verdict::wrong:
      return counts.wrong;
    case rows::Verdict::failed:
      return counts.failed;
    case rows::Verdict::unjudged:
      return counts.unjudged;
    case rows::Verdict::dropped:
      return counts.dropped;
    case rows::Verdict::random:
      return counts.guessed;
    default:
      return counts.unparsed;
  }
}

void count(Counts& counts, const rows::Question& question, const rows::Scored* scored) {
  ++counts.questions;
  ++counter(counts, scored);
  if (question.format != "open" || question.slots.empty() || (scored != nullptr && !scored->counts())) return;
  counts.slots += static_cast<int64_t>(question.slots.size());
  if (scored == nullptr) return;
  const rows::Judged& judged = scored->judged;
  for (size_t i = 0; i < judged.found.size() && i < judged.expected.size(); ++i) {
    if (judged.found[i] == judged.expected[i]) ++counts.right_slots;
  }
}

/// JSON knows no NaN: null.
Json number(double value) { return std::isnan(value) ? Json() : Json(value); }

Json counts_json(const Counts& counts) {
  Json json = {{"n", counts.questions},   {"answered", counts.answered()}, {"right", counts.right},
               {"wrong", counts.wrong},   {"unparsed", counts.unparsed},   {"unjudged", counts.unjudged},
               {"failed", counts.failed}, {"missing", counts.missing},     {"accuracy", number(counts.accuracy())}};
  if (counts.dropped > 0) json["dropped"] = counts.dropped;
  if (counts.guessed > 0) json["random"] = counts.guessed;
  if (counts.groups > 0) {
    json["pairs"] = counts.groups;
    json["right_pairs"] = counts.right_groups;
    json["pair_accuracy"] = number(counts.group_accuracy());
  }
  if (counts.slots > 0) {
    json["slots"] = counts.slots;
    json["right_slots"] = counts.right_slots;
    json["slot_share"] = number(counts.slot_share());
  }
  return json;
}

Json groups_json(const std::vector<Counts>& groups) {
  Json json = Json::object();
  for (const Counts& counts : groups) json[counts.name] = counts_json(counts);
  return json;
}

}  // namespace

double Counts::accuracy() const { return answered() == 0 ? kNone : ratio(right, questions - failed - unjudged - dropped); }
double Counts::group_accuracy() const {
  return answered() == 0 || groups == 0 ? kNone : group_points / static_cast<double>(groups);
}
double Counts::slot_share() const { return answered() == 0 ? kNone : ratio(right_slots, slots); }
double Counts::score() const { return slots > 0 ? slot_share() : groups > 0 ? group_accuracy() : accuracy(); }

double Scores::mean_over_types() const {
  double sum = 0;
  int64_t groups = 0;
  for (const Counts& counts : types.empty() ? formats : types) {
    if (std::isnan(counts.score())) continue;
    sum += counts.score();
    ++groups;
  }
  return groups == 0 ? kNone : sum / static_cast<double>(groups);
}

namespace {

/// A part of the questions: its counts, and the questions themselves for what counts in groups.
struct Part {
  std::string name;
  std::vector<Marked> marked;
};

void add_to(std::vector<Part>& parts, const std::string& name, const Marked& one) {
  auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& part) { return part.name == name; });
  if (found == parts.end()) found = parts.insert(parts.end(), Part{name, {}});
  found->marked.push_back(one);
}

Counts counts_of(const std::string& name, const std::vector<Marked>& marked) {
  Counts counts;
  counts.name = name;
  std::vector<Marked> together;
  for (const Marked& one : marked) {
    count(counts, *one.question, one.scored);
    if (!one.question->item.rule.empty()) together.push_back(one);
  }
  for (const Unit& unit : units_of(together)) {
    counts.groups += unit.counts ? 1 : 0;
    counts.right_groups += unit.counts && unit.value == 1 ? 1 : 0;
    counts.group_points += unit.counts ? unit.value : 0;
  }
  return counts;
}

std::vector<Counts> counts_of(const std::vector<Part>& parts) {
  std::vector<Counts> out;
  for (const Part& part : parts) out.push_back(counts_of(part.name, part.marked));
  return out;
}

/// What a question is listed under: its task, or its tags.type.
std::string type_of(const rows::Question& question) {
  if (!question.item.task.empty()) return question.item.task;
  return question.tags.contains("type") && question.tags["type"].is_string() ? question.tags["type"].get<std::string>() : "";
}

std::vector<Axis> axes_of(const std::vector<Marked>& marked) {
  std::vector<std::pair<std::string, std::vector<Part>>> axes;
  const auto add = [&](const std::string& axis, const std::string& value, const Marked& one) {
    auto found = std::find_if(axes.begin(), axes.end(), [&](const auto& entry) { return entry.first == axis; });
    if (found == axes.end()) found = axes.insert(axes.end(), {axis, {}});
    add_to(found->second, value, one);
  };
  for (const Marked& one : marked) {
    const rows::Item& item = one.question->item;
    if (!item.subset.empty() && !item.axes.contains("subset")) add("subset", item.subset, one);
    for (const auto& [axis, value] : item.axes.items()) add(axis, value.get<std::string>(), one);
  }
  std::vector<Axis> out;
  for (const auto& [name, parts] : axes) out.push_back({name, counts_of(parts)});
  return out;
}

/// Where all questions are of one benchmark.
const Benchmark* benchmark_of(const std::vector<Marked>& marked) {
  const Benchmark* one = marked.empty() ? nullptr : find_row(benchmarks(), marked.front().question->item.benchmark);
  const auto other = [&](const Marked& mark) { return one == nullptr || mark.question->item.benchmark != one->name; };
  return std::any_of(marked.begin(), marked.end(), other) ? nullptr : one;
}

/// The tasks of which no reply counts: a mean over tasks is one of the others, and says so.
std::string left_out(Overall rule, const std::vector<Counts>& tasks) {
  if (rule != Overall::tasks && rule != Overall::tasks_labelled) return "";
  std::string names;
  for (const Counts& task : tasks) {
    if (task.questions == task.failed + task.unjudged + task.dropped) names += (names.empty() ? "" : ", ") + task.name;
  }
  return names.empty() ? "" : "; without " + names + ", where no reply counts";
}

Headline headline_of(const Benchmark* benchmark, const Scores& scores, const std::vector<Marked>& marked) {
  Headline out;
  out.weighting = "every question alike: right / (n - failed - unjudged)";
  const Overall rule = benchmark == nullptr ? Overall::questions : benchmark->overall;
  if (benchmark != nullptr) {
    out.name = benchmark->name;
    out.weighting = benchmark->weighting + left_out(rule, scores.types);
  }
  const bool read = scores.all.answered() > 0;  // without an answer there is no number, and none beside it
  out.value = read ? overall_value(rule, marked) : kNone;
  out.interval = read ? overall_interval(rule, marked) : Interval{kNone, kNone};
  return out;
}

}  // namespace

Scores score(const rows::Scorer& scorer, const std::vector<rows::Question>& questions,
             const std::vector<rows::Scored>& verdicts) {
  std::map<std::string, const rows::Scored*> by_id;
  for (const rows::Scored& scored : verdicts)
    expect(by_id.emplace(scored.id, &scored).second, "one verdict of a scorer per question");
  std::vector<Marked> marked;
  std::vector<Part> formats, types;
  std::set<std::string> videos;
  for (const rows::Question& question : questions) {
    const auto found = by_id.find(question.id);
    marked.push_back({&question, found == by_id.end() ? nullptr : found->second});
    add_to(formats, question.format, marked.back());
    if (const std::string type = type_of(question); !type.empty()) add_to(types, type, marked.back());
    videos.insert(question.media.key());
  }
  Scores scores;
  scores.scorer = scorer.name;
  scores.revision = scorer.revision;
  scores.all = counts_of("all", marked);
  scores.formats = counts_of(formats);
  scores.types = counts_of(types);
  scores.axes = axes_of(marked);
  scores.videos = static_cast<int64_t>(videos.size());
  const Benchmark* benchmark = benchmark_of(marked);
  if (benchmark != nullptr) scores.kind = "task";
  scores.overall = headline_of(benchmark, scores, marked);
  if (benchmark != nullptr) scores.extra = extra_values(benchmark->overall, marked);
  if (scores.all.answered() == 0) {
    for (Json& value : scores.extra) value = Json();
  }
  return scores;
}

Json scores_json(const std::vector<Scores>& all) {
  Json json = Json::object();
  for (const Scores& scores : all) {
    Json own = counts_json(scores.all);
    own["revision"] = scores.revision;
    own["videos"] = scores.videos;
    const Headline& overall = scores.overall;
    own["overall"] = {{"name", overall.name},
                      {"value", number(overall.value)},
                      {"interval", {number(overall.interval.low), number(overall.interval.high)}},
                      {"weighting", overall.weighting}};
    own["tasks"] = groups_json(scores.types);
    own["groups"] = {{"format", groups_json(scores.formats)}};
    for (const Axis& axis : scores.axes) own["groups"][axis.name] = groups_json(axis.groups);
    own["extra"] = scores.extra;
    own["extra"]["mean_over_types"] = number(scores.mean_over_types());
    json[scores.scorer] = std::move(own);
  }
  return json;
}

Json summary_json(const Scores& scores) {
  const Counts& all = scores.all;
  return {{"questions", all.questions},
          {"answered", all.answered()},
          {"unparsed", all.unparsed},
          {"unjudged", all.unjudged},
          {"failed", all.failed},
          {"missing", all.missing},
          {"correct", all.right},
          {"accuracy", number(all.accuracy())},
          {"videos", scores.videos},
          {"scorer", scores.scorer},
          {"mean_over_types", number(scores.mean_over_types())}};
}

}  // namespace rrpo::eval
