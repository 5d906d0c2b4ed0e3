#include "rrpo/gen/pairs.h"

#include <algorithm>

#include "case.h"
#include "other.h"
#include "rrpo/gen/select.h"
#include "rrpo/io/atomic.h"
#include "rrpo/rows/ledger.h"

namespace rrpo::gen {

namespace {

/// What every pair of a run says about its making.
Json made_of(const GenConfig& config) {
  const Json steps = requires_of(config.gen, "wrong_on_perturbed") ? perturb_settings(config.gen) : Json::array();
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
  if (one.gen().samples > 1) {
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
  if (!prompts.empty()) own["llm"] = {{"model", one.gen().llm.chat.model}, {"prompts", prompts}};
  pair.extra["format"] = question.format;
  if (!question.tags.empty()) pair.extra["tags"] = question.tags;
  add_other(config, question, pair);
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

Case case_of(const GenConfig& config, const rows::Question& question, const Responses& responses,
             const judge::Judgements& judgements) {
  const auto said = responses.find(question.id);
  expect(said != responses.end(), "a question without a response");
  const auto judged = judgements.find(question.id);
  return {config.gen, question, said->second, judged == judgements.end() ? nullptr : &judged->second};
}

std::string balance_reason(const Candidate& candidate) {
  if (candidate.format == "yesno")
    return candidate.truth == "yes" ? "more pairs with yes than with no" : "more pairs with no than with yes";
  return "more pairs whose true letter is " + candidate.truth + " than with another letter";
}

}  // namespace

const std::vector<std::string>& final_states() {
  static const std::vector<std::string> states = {"asked",           "pair",         "right",         "unparsed",
                                                  "failed",          "unjudged",     "dropped_clean", "dropped_rewrite",
                                                  "dropped_balance", "dropped_limit"};
  return states;
}

std::optional<judge::Prompt> next_prompt(const GenConfig& config, const rows::Question& question, const Said& said,
                                         const judge::QuestionJudgements& judgements) {
  Case one(config.gen, question, said, &judgements);
  end_of(one);
  return one.silent() == nullptr ? std::nullopt : one.silent()->missing();
}

PairSet make_pairs(const GenConfig& config, const std::vector<rows::Question>& questions, const Responses& responses,
                   const judge::Judgements& judgements) {
  PairSet out;
  std::vector<Open> open;
  std::vector<Candidate> candidates;
  const Json made = made_of(config);
  for (size_t i = 0; i < questions.size(); ++i) {
    Case one = case_of(config, questions[i], responses, judgements);
    End end = end_of(one);
    out.fates.push_back(end.fate);
    if (end.fate.state != "pair") continue;
    candidates.push_back(candidate_of(questions[i], end.mistake.judged));
    open.push_back({i, pair_of(config, one, end.mistake, std::move(end.sides), made)});
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
