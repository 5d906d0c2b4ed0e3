#include "case.h"

#include <algorithm>

namespace rrpo::gen {
namespace {

/// What the samples of one question come to.
struct Verdicts {
  std::vector<Mistake> mistakes;  ///< the most frequent first, then by sample
  bool right = false;             ///< some sample is right
  std::string unparsed;           ///< why the first sample that cannot be judged cannot
};

/// Neither right nor wrong.
bool is_unread(const rows::Judged& judged) {
  return judged.verdict != rows::Verdict::right && judged.verdict != rows::Verdict::wrong;
}

std::string unparsed_reason(const rows::Judged& judged, const Response& response) {
  return response.finished ? judged.reason : judged.reason + " (cut at gen.max_new_tokens)";
}

/// True where two wrong responses say the same: as the rules read them, or, where these read nothing, word for word.
bool same_mistake(const std::vector<Response>& samples, const Mistake& a, const rows::Judged& judged, size_t sample) {
  return a.judged.found == judged.found && (!judged.found.empty() || samples[a.sample].text == samples[sample].text);
}

/// Ends at the first response that the language model has not judged.
Verdicts judge_samples(Case& one) {
  const std::vector<Response>& samples = one.said().samples;
  Verdicts out;
  for (size_t i = 0; i < samples.size(); ++i) {
    rows::Judged judged = one.judge_sample(i);
    if (one.silent() != nullptr) return out;
    if (judged.verdict == rows::Verdict::right) out.right = true;
    if (is_unread(judged) && out.unparsed.empty()) out.unparsed = unparsed_reason(judged, samples[i]);
    if (judged.verdict != rows::Verdict::wrong) continue;
    const auto same = std::find_if(out.mistakes.begin(), out.mistakes.end(),
                                   [&](const Mistake& mistake) { return same_mistake(samples, mistake, judged, i); });
    if (same == out.mistakes.end()) {
      out.mistakes.push_back({i, 1, std::move(judged)});
    } else {
      ++same->times;
    }
  }
  std::stable_sort(out.mistakes.begin(), out.mistakes.end(),
                   [](const Mistake& a, const Mistake& b) { return a.times > b.times; });
  return out;
}

/// Why the response to the clean video rules the pair out; empty where it does not.
std::string clean_objection(Case& one) {
  if (!one.said().clean) return "";
  const rows::Judged judged = one.judge_clean();
  if (is_unread(judged)) return "unparsed on the clean video: " + unparsed_reason(judged, *one.said().clean);
  const char* wanted = requires_of(one.gen(), "right_on_clean") ? "right" : "wrong";
  const std::string is = rows::verdict_name(judged.verdict);
  return is == wanted ? "" : is + " on the clean video";
}

Fate unjudged(const judge::Dialogue& talk) {
  return {"unjudged", talk.fault().empty() ? "no reply is on record" : talk.fault()};
}

}  // namespace

Case::Case(const GenFields& gen, const rows::Question& question, const Said& said,
           const judge::QuestionJudgements* judgements)
    : gen_(gen), question_(question), said_(said) {
  const char* on = requires_of(gen_, "wrong_on_perturbed") ? "perturbed" : "clean";
  for (size_t i = 0; i < said.samples.size(); ++i)
    talks_.emplace_back(gen_.llm.chat, judgements, on, static_cast<int64_t>(i));
  talks_.emplace_back(gen_.llm.chat, judgements, "clean", 0);
}

const judge::Dialogue* Case::silent() const {
  const auto found = std::find_if(talks_.begin(), talks_.end(), [](const judge::Dialogue& talk) { return talk.silent(); });
  return found == talks_.end() ? nullptr : &*found;
}

rows::Judged Case::judge_response(const Response& response, judge::Dialogue& talk) {
  rows::Judged judged = judge().apply(question_, response.text, talk);
  const bool phrase = question_.format == "short";  // the rest may say something else
  if (response.finished || !phrase || judged.verdict != rows::Verdict::wrong) return judged;
  return {rows::Verdict::unparsed, judged.expected, {}, "the response ends before it can be called wrong"};
}

rows::Judged Case::judge_sample(size_t i) { return judge_response(said_.samples[i], talks_[i]); }

rows::Judged Case::judge_clean() { return judge_response(*said_.clean, talks_.back()); }

Rewritten Case::rewrite_sample(size_t i, const rows::Judged& judged) {
  if (!said_.samples[i].finished && rewrite().name == "raw") return {{}, {}, "the response is cut at gen.max_new_tokens"};
  return rewrite().apply(question_, judged, said_.samples[i].text, gen_.llm, talks_[i]);
}

End end_of(Case& one) {
  if (!one.said().fault.empty()) return {{"failed", one.said().fault}};
  const Verdicts verdicts = judge_samples(one);
  if (one.silent() != nullptr) return {unjudged(*one.silent())};
  if (verdicts.mistakes.empty()) return {verdicts.right ? Fate{"right", ""} : Fate{"unparsed", verdicts.unparsed}};
  const std::string objection = clean_objection(one);
  if (one.silent() != nullptr) return {unjudged(*one.silent())};
  if (!objection.empty()) return {{"dropped_clean", objection}};
  std::string reason;
  for (const Mistake& mistake : verdicts.mistakes) {
    Rewritten sides = one.rewrite_sample(mistake.sample, mistake.judged);
    if (one.silent() != nullptr) return {unjudged(*one.silent())};
    if (sides.reason.empty()) return {{"pair", ""}, mistake, std::move(sides)};
    if (reason.empty()) reason = sides.reason;
  }
  return {{"dropped_rewrite", reason}};
}

}  // namespace rrpo::gen
