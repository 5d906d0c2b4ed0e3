#include "rrpo/eval/score.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "rrpo/util/error.h"

namespace rrpo::eval {

namespace {

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(part) / static_cast<double>(whole);
}

Counts& named(std::vector<Counts>& list, const std::string& name) {
  for (Counts& counts : list) {
    if (counts.name == name) return counts;
  }
  list.emplace_back().name = name;
  return list.back();
}

void count(Counts& counts, const rows::Question& question, const rows::Prediction& prediction) {
  ++counts.questions;
  const bool given = !prediction.failed();
  const rows::Verdict verdict = prediction.judged.verdict;
  if (!given) {
    ++counts.failed;
  } else if (verdict != rows::Verdict::right && verdict != rows::Verdict::wrong) {
    ++counts.unparsed;
  } else {
    ++(verdict == rows::Verdict::right ? counts.right : counts.wrong);
  }
  if (question.format != "open" || question.slots.empty()) return;
  counts.slots += static_cast<int64_t>(question.slots.size());
  if (!given) return;
  for (size_t i = 0; i < prediction.judged.found.size(); ++i) {
    if (prediction.judged.found[i] == prediction.judged.expected[i]) ++counts.right_slots;
  }
}

[[noreturn]] void mismatch(const std::string& id, const std::string& problem) {
  throw Error(Fault::input, "data", "predictions: question '" + id + "' " + problem,
              "use the predictions of this question file");
}

Json counts_json(const Counts& counts) {
  Json json = {{"questions", counts.questions}, {"answered", counts.answered()}, {"unparsed", counts.unparsed},
               {"failed", counts.failed},       {"correct", counts.right},       {"accuracy", counts.accuracy()}};
  if (counts.slots > 0) {
    json["slots"] = counts.slots;
    json["right_slots"] = counts.right_slots;
    json["slot_share"] = counts.slot_share();
  }
  return json;
}

Json groups_json(const std::vector<Counts>& groups) {
  Json json = Json::object();
  for (const Counts& counts : groups) json[counts.name] = counts_json(counts);
  return json;
}

}  // namespace

double Counts::accuracy() const { return ratio(right, questions); }
double Counts::slot_share() const { return ratio(right_slots, slots); }
double Counts::score() const { return slots > 0 ? slot_share() : accuracy(); }

double Scores::mean_over_types() const {
  const std::vector<Counts>& groups = types.empty() ? formats : types;
  double sum = 0;
  for (const Counts& counts : groups) sum += counts.score();
  return sum / static_cast<double>(groups.size());
}

Scores score(const std::vector<rows::Question>& questions, const std::vector<rows::Prediction>& predictions) {
  std::map<std::string, const rows::Prediction*> by_id;
  for (const rows::Prediction& prediction : predictions) {
    if (!by_id.emplace(prediction.id, &prediction).second) mismatch(prediction.id, "was answered twice");
  }
  Scores scores;
  scores.all.name = "all";
  std::set<std::string> videos;
  for (const rows::Question& question : questions) {
    const auto found = by_id.find(question.id);
    if (found == by_id.end()) mismatch(question.id, "has no prediction");
    const rows::Prediction& prediction = *found->second;
    count(scores.all, question, prediction);
    count(named(scores.formats, question.format), question, prediction);
    if (question.tags.contains("type") && question.tags["type"].is_string())
      count(named(scores.types, question.tags["type"].get<std::string>()), question, prediction);
    videos.insert(question.media.key());
    by_id.erase(found);
  }
  if (!by_id.empty()) mismatch(by_id.begin()->first, "is not in the question file");
  scores.videos = static_cast<int64_t>(videos.size());
  return scores;
}

Json scores_json(const Scores& scores) {
  Json json = counts_json(scores.all);
  json["videos"] = scores.videos;
  json["mean_over_types"] = scores.mean_over_types();
  json["by_format"] = groups_json(scores.formats);
  json["by_type"] = groups_json(scores.types);
  return json;
}

}  // namespace rrpo::eval
