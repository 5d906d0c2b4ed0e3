#include "rrpo/rows/scored.h"

#include <map>
#include <utility>

#include "rrpo/rows/row_reader.h"
#include "rrpo/rows/scene.h"

namespace rrpo::rows {
namespace {

[[noreturn]] void mismatch(const std::string& id, const std::string& problem) {
  throw Error(Fault::input, "data", "predictions: question '" + printable(id) + "' " + problem,
              "use the predictions of this question file");
}

/// Half of what both scenes count (VidHalluc's eval_sth.py); nothing where a similarity is not known.
std::optional<double> description_value(const Question& question, const std::string& reply, const Similarities& known) {
  if (!read_scene_reply(reply).changes || question.item.keys != std::vector<std::string>{"yes"}) return 0;
  const auto said = scene_pair(read_scene_reply(reply).locations);
  const auto truth = scene_pair(question.item.aux.value("locations", ""));
  if (!said || !truth) return 0;
  const auto from = known.of(said->from, truth->from), to = known.of(said->to, truth->to);
  if (!from || !to) return std::nullopt;
  return (scene_score(*from) + scene_score(*to)) / 2;
}

std::optional<double> value_of(const Question& question, const Judged& judged) {
  if (judged.verdict == Verdict::failed || judged.verdict == Verdict::unjudged || judged.verdict == Verdict::dropped)
    return std::nullopt;
  if (question.format != "open" || question.slots.empty() || judged.found.empty())
    return judged.verdict == Verdict::right ? 1 : 0;
  double right = 0;
  for (size_t i = 0; i < judged.found.size() && i < judged.expected.size(); ++i)
    right += judged.found[i] == judged.expected[i] ? 1 : 0;
  return right / static_cast<double>(question.slots.size());
}

/// The scorer's verdict; a judge's where it asks for one and somebody has judged.
Judged verdict_on(const Scorer& scorer, const Question& question, const std::string& reply, const Aids& aids) {
  Judged judged = scorer.apply(question, reply);
  if (judged.verdict != Verdict::unjudged || !aids.judge) return judged;
  return aids.judge(question, reply).value_or(std::move(judged));
}

Scored score_one(const Scorer& scorer, const Question& question, const Prediction& prediction, const Aids& aids) {
  Scored out;
  out.id = question.id;
  out.scorer = scorer.name;
  out.judged = prediction.failed() ? Judged{Verdict::failed, true_values(question), {}, prediction.error}
                                   : verdict_on(scorer, question, *prediction.raw, aids);
  out.value = value_of(question, out.judged);
  if (question.format == "scene_change" && prediction.raw)
    out.value = description_value(question, *prediction.raw, aids.similarities);
  out.question = question.question;
  out.answer = question.answer;
  out.format = question.format;
  out.video = question.media.key();
  out.tags = question.tags;
  out.task = question.item.task;
  if (question.item.rule == "all") out.group = question.item.group;
  out.said = prediction.raw.value_or("");
  return out;
}

}  // namespace

std::vector<Scored> score_predictions(const Scorer& scorer, const std::vector<Question>& questions,
                                      const std::vector<Prediction>& predictions, const Aids& aids) {
  std::map<std::string, const Prediction*> by_id;
  for (const Prediction& prediction : predictions) {
    if (!by_id.emplace(prediction.id, &prediction).second) mismatch(prediction.id, "was answered twice");
  }
  std::vector<Scored> out;
  for (const Question& question : questions) {
    const auto found = by_id.find(question.id);
    if (found == by_id.end()) continue;
    const Prediction& said = *found->second;
    if ((!said.question.empty() && said.question != question.question) ||
        (!said.answer.empty() && said.answer != question.answer))
      mismatch(question.id, "had another text or another true answer when it was asked");
    out.push_back(score_one(scorer, question, said, aids));
    by_id.erase(found);
  }
  if (!by_id.empty()) mismatch(by_id.begin()->first, "is not in the question file");
  return out;
}

Scored earlier_score(const Prediction& prediction) {
  Scored out;
  out.id = prediction.id;
  out.scorer = "earlier";
  if (prediction.failed()) {
    out.judged = {Verdict::failed, {}, {}, prediction.error};
  } else {
    out.judged = prediction.earlier.value_or(Judged{Verdict::unjudged, {}, {}, "no verdict"});
  }
  out.question = prediction.question;
  out.answer = prediction.answer;
  out.format = prediction.format;
  out.video = prediction.video;
  out.tags = prediction.tags;
  out.said = prediction.raw.value_or("");
  return out;
}

Scored parse_scored(const Json& json, std::string_view place) {
  RowReader row(json, place);
  Scored out;
  out.id = row.id("id");
  out.scorer = row.text("scorer");
  const std::string name = row.text("verdict");
  const auto verdict = verdict_of(name);
  if (!verdict) row.fail("verdict", "is '" + printable(name) + "'", "use right, wrong or unparsed");
  out.judged = {*verdict, row.texts("expected"), row.texts("found"), row.text_or("reason", "")};
  out.value = row.number("value");
  out.question = row.text_or("question", "");
  out.answer = row.text_or("answer", "");
  out.format = row.text_or("format", "");
  out.video = row.text_or("video", "");
  if (const Json* tags = row.find("tags")) out.tags = *tags;
  out.task = row.text_or("task", "");
  out.group = row.text_or("pair_id", "");
  out.said = row.text_or("raw", "");
  return out;
}

Json scored_json(const Scored& scored) {
  Json out = {{"id", scored.id}, {"scorer", scored.scorer}, {"verdict", verdict_name(scored.judged.verdict)}};
  out["found"] = scored.judged.found;
  out["value"] = scored.value ? Json(*scored.value) : Json();
  out["expected"] = scored.judged.expected;
  if (!scored.judged.reason.empty()) out["reason"] = scored.judged.reason;
  out["question"] = scored.question;
  out["answer"] = scored.answer;
  out["raw"] = scored.judged.verdict == Verdict::failed ? Json() : Json(scored.said);
  out["format"] = scored.format;
  out["video"] = scored.video;
  if (!scored.task.empty()) out["task"] = scored.task;
  if (!scored.group.empty()) out["pair_id"] = scored.group;
  if (!scored.tags.empty()) out["tags"] = scored.tags;
  return out;
}

}  // namespace rrpo::rows
