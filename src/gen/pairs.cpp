#include "rrpo/gen/pairs.h"

#include <algorithm>

#include "rrpo/gen/judge.h"
#include "rrpo/gen/perturbation.h"
#include "rrpo/gen/rewrite.h"
#include "rrpo/gen/select.h"
#include "rrpo/io/atomic.h"
#include "rrpo/rows/ledger.h"

namespace rrpo::gen {

namespace {

/// What every pair of a run says about its making.
Json made_of(const GenConfig& config) {
  Json steps = Json::array();
  if (requires_of(config.gen, "wrong_on_perturbed")) {
    for (const PerturbStep& step : parse_perturbations(perturb_list(config.gen))) steps.push_back(step.settings);
  }
  Json made = {{"perturbation", {{"steps", steps}}}, {"seed", config.seed}};
  if (config.gen.temperature > 0) {
    made["samples"] = config.gen.samples;
    made["temperature"] = config.gen.temperature;
    made["top_p"] = config.gen.top_p;
  }
  made["max_new_tokens"] = config.gen.max_new_tokens;
  made["require"] = config.gen.require;
  return made;
}

/// A mistake, the number of the first sample that makes it, and in how many it is made.
struct Mistake {
  size_t sample = 0;
  int64_t times = 1;
  rows::Judged judged;
};

/// One question on its way to a pair: what was said to it, and the dialogues about it with a language model.
class Case {
 public:
  Case(const GenConfig& config, const rows::Question& question, const Said& said, const QuestionJudgements* judgements)
      : gen_(config.gen), question_(question), said_(said) {
    const char* on = requires_of(gen_, "wrong_on_perturbed") ? "perturbed" : "clean";
    for (size_t i = 0; i < said.samples.size(); ++i) talks_.emplace_back(gen_.llm, judgements, on, static_cast<int64_t>(i));
    talks_.emplace_back(gen_.llm, judgements, "clean", 0);
  }

  const rows::Question& question() const { return question_; }
  const Said& said() const { return said_; }
  const Judge& judge() const { return judge_of(gen_, question_.format); }
  const Rewrite& rewrite() const { return rewrite_of(gen_, question_.format); }
  /// The language model's part in what became of sample `i`.
  const Dialogue& talk(size_t i) const { return talks_[i]; }
  /// The dialogue that lacks a reply, nullptr where none does.
  const Dialogue* silent() const {
    const auto found = std::find_if(talks_.begin(), talks_.end(), [](const Dialogue& talk) { return talk.silent(); });
    return found == talks_.end() ? nullptr : &*found;
  }

  rows::Judged judge_sample(size_t i) { return judge().apply(question_, said_.samples[i].text, talks_[i]); }
  rows::Judged judge_clean() { return judge().apply(question_, said_.clean->text, talks_.back()); }
  Rewritten rewrite_sample(size_t i, const rows::Judged& judged) {
    return rewrite().apply(question_, judged, said_.samples[i].text, talks_[i]);
  }

 private:
  const GenFields& gen_;
  const rows::Question& question_;
  const Said& said_;
  std::vector<Dialogue> talks_;  ///< one per sample, and one about the response to the clean video
};

/// What the samples of one question come to.
struct Verdicts {
  std::vector<Mistake> mistakes;  ///< the most frequent first, then by sample
  bool right = false;             ///< some sample is right
  std::string unparsable;         ///< why the first sample that cannot be judged cannot
};

std::string unparsable_reason(const rows::Judged& judged, const Response& response) {
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
    if (judged.verdict == rows::Verdict::unparsable && out.unparsable.empty())
      out.unparsable = unparsable_reason(judged, samples[i]);
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
std::string clean_objection(const GenFields& gen, Case& one) {
  if (!one.said().clean) return "";
  const rows::Judged judged = one.judge_clean();
  if (judged.verdict == rows::Verdict::unparsable)
    return "unparsable on the clean video: " + unparsable_reason(judged, *one.said().clean);
  const char* wanted = requires_of(gen, "right_on_clean") ? "right" : "wrong";
  const std::string is = rows::verdict_name(judged.verdict);
  return is == wanted ? "" : is + " on the clean video";
}

rows::Pair pair_of(const GenConfig& config, const Case& one, const Mistake& mistake, Rewritten sides, const Json& made) {
  const rows::Question& question = one.question();
  const Said& said = one.said();
  rows::Pair pair;
  pair.id = question.id;
  pair.media = question.media;
  pair.question = question.question;
  pair.chosen = std::move(sides.chosen);
  pair.rejected = std::move(sides.rejected);
  const bool named = question.extra.contains("source") && question.extra["source"].is_string();
  pair.source = named ? question.extra["source"].get<std::string>() : "rrpo-gen";
  const Response& response = said.samples[mistake.sample];
  pair.extra["made"] = made;
  Json& own = pair.extra["made"];
  own["frames"] = response.frames;
  own["pixels"] = response.pixels;
  if (config.gen.samples > 1) {
    own["sample"] = mistake.sample;
    own["times"] = mistake.times;
  }
  own["response"] = response.text;
  if (said.clean) own["clean_response"] = said.clean->text;
  own["judge"] = one.judge().name;
  own["expected"] = mistake.judged.expected;
  own["found"] = mistake.judged.found;
  own["rewrite"] = one.rewrite().name;
  const std::vector<std::string>& prompts = one.talk(mistake.sample).prompts();
  if (!prompts.empty()) own["llm"] = {{"model", config.gen.llm.chat.model}, {"prompts", prompts}};
  pair.extra["format"] = question.format;
  if (!question.tags.empty()) pair.extra["tags"] = question.tags;
  return pair;
}

/// A pair before the selection, and the number of its question.
struct Open {
  size_t question = 0;
  rows::Pair pair;
};

Candidate candidate_of(const rows::Question& question, const rows::Judged& judged) {
  const bool has_truth = question.format == "yesno" || question.format == "mcq";
  return {question.id, question.format, has_truth ? judged.expected.front() : "",
          static_cast<int64_t>(question.options.size())};
}

Fate unjudged(const Dialogue& talk) { return {"unjudged", talk.fault().empty() ? "no reply is on record" : talk.fault()}; }

/// Where one question ends, and the most frequent mistake that can be rewritten, if it ends as a pair.
struct End {
  Fate fate;
  Mistake mistake{};
  Rewritten sides{};
};

End end_of(const GenConfig& config, Case& one) {
  if (!one.said().fault.empty()) return {{"failed", one.said().fault}};
  const Verdicts verdicts = judge_samples(one);
  if (one.silent() != nullptr) return {unjudged(*one.silent())};
  if (verdicts.mistakes.empty()) return {verdicts.right ? Fate{"right", ""} : Fate{"unparsable", verdicts.unparsable}};
  const std::string objection = clean_objection(config.gen, one);
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

/// Judges the responses to one question; its pair, if there is one, is appended to `open`.
Fate judge_one(const GenConfig& config, const rows::Question& question, const Responses& responses,
               const Judgements& judgements, const Json& made, size_t number, std::vector<Open>& open,
               std::vector<Candidate>& candidates) {
  const auto found = responses.find(question.id);
  expect(found != responses.end(), "a question without a response");
  const auto heard = judgements.find(question.id);
  Case one(config, question, found->second, heard == judgements.end() ? nullptr : &heard->second);
  End end = end_of(config, one);
  if (end.fate.state == "pair") {
    candidates.push_back(candidate_of(question, end.mistake.judged));
    open.push_back({number, pair_of(config, one, end.mistake, std::move(end.sides), made)});
  }
  return end.fate;
}

std::string balance_reason(const Candidate& candidate) {
  if (candidate.format == "yesno")
    return candidate.truth == "yes" ? "more pairs with yes than with no" : "more pairs with no than with yes";
  return "more pairs whose true letter is " + candidate.truth + " than with another letter";
}

}  // namespace

const std::vector<std::string>& final_states() {
  static const std::vector<std::string> states = {"asked",           "pair",         "right",         "unparsable",
                                                  "failed",          "unjudged",     "dropped_clean", "dropped_rewrite",
                                                  "dropped_balance", "dropped_limit"};
  return states;
}

std::optional<Prompt> next_prompt(const GenConfig& config, const rows::Question& question, const Said& said,
                                  const QuestionJudgements& judgements) {
  Case one(config, question, said, &judgements);
  end_of(config, one);
  return one.silent() == nullptr ? std::nullopt : one.silent()->missing();
}

PairSet make_pairs(const GenConfig& config, const std::vector<rows::Question>& questions, const Responses& responses,
                   const Judgements& judgements) {
  PairSet out;
  std::vector<Open> open;
  std::vector<Candidate> candidates;
  const Json made = made_of(config);
  for (size_t i = 0; i < questions.size(); ++i) {
    out.fates.push_back(judge_one(config, questions[i], responses, judgements, made, i, open, candidates));
  }
  const std::vector<Selection> selection =
      select(candidates, {balances(config.gen, "yesno"), balances(config.gen, "letters"), format_limits(config.gen),
                          static_cast<uint64_t>(config.seed)});
  for (size_t i = 0; i < open.size(); ++i) {
    Fate& fate = out.fates[open[i].question];
    if (selection[i] == Selection::kept) out.pairs.push_back(std::move(open[i].pair));
    if (selection[i] == Selection::dropped_balance) fate = {"dropped_balance", balance_reason(candidates[i])};
    if (selection[i] == Selection::dropped_limit) fate = {"dropped_limit", "gen.max_per_format is reached"};
  }
  return out;
}

void write_ledger(const std::vector<Fate>& fates, const std::vector<rows::Question>& questions,
                  const std::filesystem::path& out) {
  std::string lines;
  rows::Ledger ledger;
  for (size_t i = 0; i < questions.size(); ++i) {
    Json line = ledger.record(questions[i].id, fates[i].state, fates[i].reason);
    line["format"] = questions[i].format;
    lines += json_line(line) + "\n";
  }
  io::write_file(out / "ledger.jsonl", lines);
}

void write_pairs(const PairSet& set, const std::vector<rows::Question>& questions, const std::filesystem::path& out) {
  std::string pairs;
  for (const rows::Pair& pair : set.pairs) pairs += json_line(rows::pair_json(pair)) + "\n";
  write_ledger(set.fates, questions, out);
  io::write_file(out / "pairs.jsonl", pairs);
}

report::Table fate_table(const PairSet& set, const std::vector<rows::Question>& questions) {
  std::vector<std::string> formats;
  std::map<std::string, std::map<std::string, int64_t>> counts;
  for (size_t i = 0; i < questions.size(); ++i) {
    const std::string& format = questions[i].format;
    if (std::find(formats.begin(), formats.end(), format) == formats.end()) formats.push_back(format);
    for (const std::string& row : {format, std::string("all")}) {
      ++counts[row][set.fates[i].state];
      ++counts[row]["questions"];
    }
  }
  formats.emplace_back("all");
  report::Table table{{"format", "questions"}, {}};
  for (const std::string& state : final_states()) {
    const bool always = state == "pair" && !counts["all"].contains("asked");
    if (always || counts["all"].contains(state)) table.header.push_back(state);
  }
  for (const std::string& format : formats) {
    std::vector<std::string> row = {format};
    for (size_t i = 1; i < table.header.size(); ++i) row.push_back(std::to_string(counts[format][table.header[i]]));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Json fate_json(const PairSet& set) {
  rows::Ledger ledger;
  for (const Fate& fate : set.fates) ledger.record("", fate.state);
  return ledger.json();
}

}  // namespace rrpo::gen
