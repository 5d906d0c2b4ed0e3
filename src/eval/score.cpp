#include "rrpo/eval/score.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "rrpo/util/error.h"

namespace rrpo::eval {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? kNone : static_cast<double>(part) / static_cast<double>(whole);
}

Counts& named(std::vector<Counts>& list, const std::string& name) {
  for (Counts& counts : list) {
    if (counts.name == name) return counts;
  }
  list.emplace_back().name = name;
  return list.back();
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

double Counts::accuracy() const { return answered() == 0 ? kNone : ratio(right, questions - failed - unjudged); }
double Counts::slot_share() const { return answered() == 0 ? kNone : ratio(right_slots, slots); }
double Counts::score() const { return slots > 0 ? slot_share() : accuracy(); }

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

Scores score(const rows::Scorer& scorer, const std::vector<rows::Question>& questions,
             const std::vector<rows::Scored>& verdicts) {
  std::map<std::string, const rows::Scored*> by_id;
  for (const rows::Scored& scored : verdicts)
    expect(by_id.emplace(scored.id, &scored).second, "one verdict of a scorer per question");
  Scores scores;
  scores.scorer = scorer.name;
  scores.revision = scorer.revision;
  scores.all.name = "all";
  std::set<std::string> videos;
  for (const rows::Question& question : questions) {
    const auto found = by_id.find(question.id);
    const rows::Scored* scored = found == by_id.end() ? nullptr : found->second;
    count(scores.all, question, scored);
    count(named(scores.formats, question.format), question, scored);
    if (question.tags.contains("type") && question.tags["type"].is_string())
      count(named(scores.types, question.tags["type"].get<std::string>()), question, scored);
    videos.insert(question.media.key());
  }
  scores.videos = static_cast<int64_t>(videos.size());
  return scores;
}

Json scores_json(const std::vector<Scores>& all) {
  Json json = Json::object();
  for (const Scores& scores : all) {
    Json own = counts_json(scores.all);
    own["revision"] = scores.revision;
    own["videos"] = scores.videos;
    own["overall"] = {{"name", "accuracy"},
                      {"value", number(scores.all.accuracy())},
                      {"weighting", "every question alike: right / (n - failed - unjudged)"}};
    own["tasks"] = groups_json(scores.types);
    own["groups"] = {{"format", groups_json(scores.formats)}};
    own["extra"] = {{"mean_over_types", number(scores.mean_over_types())}};
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
