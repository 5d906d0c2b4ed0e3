#include "rrpo/gen/pairs.h"

#include <algorithm>

#include "rrpo/gen/perturbation.h"
#include "rrpo/gen/rewrite.h"
#include "rrpo/gen/select.h"
#include "rrpo/io/atomic.h"
#include "rrpo/rows/ledger.h"
#include "rrpo/util/table.h"

namespace rrpo::gen {

namespace {

/// What every pair of a run says about its making.
Json made_of(const GenConfig& config) {
  Json steps = Json::array();
  const Json& perturb = config.gen.perturb;
  for (const PerturbStep& step : parse_perturbations(perturb.is_array() ? perturb : Json::array({perturb}))) {
    steps.push_back(step.settings);
  }
  return {{"perturbation", {{"steps", steps}}}, {"seed", config.seed}};
}

rows::Pair pair_of(const GenConfig& config, const rows::Question& question, const Response& response,
                   const rows::Judged& judged, Rewritten sides, const Json& made) {
  rows::Pair pair;
  pair.id = question.id;
  pair.media = question.media;
  pair.question = question.question;
  pair.chosen = std::move(sides.chosen);
  pair.rejected = std::move(sides.rejected);
  const bool named = question.extra.contains("source") && question.extra["source"].is_string();
  pair.source = named ? question.extra["source"].get<std::string>() : "rrpo-gen";
  pair.extra["made"] = made;
  Json& own = pair.extra["made"];
  own["response"] = response.text;
  own["judge"] = config.gen.judge;
  own["expected"] = judged.expected;
  own["found"] = judged.found;
  own["rewrite"] = config.gen.rewrite;
  pair.extra["format"] = question.format;
  if (!question.tags.empty()) pair.extra["tags"] = question.tags;
  return pair;
}

/// A pair before the selection, and the number of its question.
struct Open {
  size_t question = 0;
  rows::Pair pair;
};

/// Judges one response; a wrong one that can be rewritten is appended to `open`.
Fate judge_one(const GenConfig& config, const rows::Question& question, const Responses& responses, const Json& made,
               size_t number, std::vector<Open>& open, std::vector<Candidate>& candidates) {
  const auto found = responses.find(question.id);
  expect(found != responses.end(), "a question without a response");
  const Response& response = found->second;
  if (!response.fault.empty()) return {"failed", response.fault};
  const rows::Judged judged = rows::judge(question, response.text);
  if (judged.verdict == rows::Verdict::right) return {"right", ""};
  if (judged.verdict == rows::Verdict::unparsable)
    return {"unparsable", response.finished ? judged.reason : judged.reason + " (cut at gen.max_new_tokens)"};
  Rewritten sides = find_row(rewrites(), config.gen.rewrite)->apply(question, judged, response.text);
  if (!sides.reason.empty()) return {"dropped_rewrite", sides.reason};
  candidates.push_back({question.id, question.format, judged.expected.front() == "yes"});
  open.push_back({number, pair_of(config, question, response, judged, std::move(sides), made)});
  return {"pair", ""};
}

}  // namespace

PairSet make_pairs(const GenConfig& config, const std::vector<rows::Question>& questions, const Responses& responses) {
  PairSet out;
  std::vector<Open> open;
  std::vector<Candidate> candidates;
  const Json made = made_of(config);
  for (size_t i = 0; i < questions.size(); ++i) {
    out.fates.push_back(judge_one(config, questions[i], responses, made, i, open, candidates));
  }
  const std::vector<Selection> selection =
      select(candidates, {config.gen.balance, config.gen.max_per_format, static_cast<uint64_t>(config.seed)});
  for (size_t i = 0; i < open.size(); ++i) {
    Fate& fate = out.fates[open[i].question];
    if (selection[i] == Selection::kept) out.pairs.push_back(std::move(open[i].pair));
    if (selection[i] == Selection::dropped_balance)
      fate = {"dropped_balance",
              candidates[i].yes ? "more pairs with yes than with no" : "more pairs with no than with yes"};
    if (selection[i] == Selection::dropped_limit) fate = {"dropped_limit", "gen.max_per_format is reached"};
  }
  return out;
}

void write_pairs(const PairSet& set, const std::vector<rows::Question>& questions, const std::filesystem::path& out) {
  std::string pairs, lines;
  for (const rows::Pair& pair : set.pairs) pairs += json_line(rows::pair_json(pair)) + "\n";
  rows::Ledger ledger;
  for (size_t i = 0; i < questions.size(); ++i) {
    Json line = ledger.record(questions[i].id, set.fates[i].state, set.fates[i].reason);
    line["format"] = questions[i].format;
    lines += json_line(line) + "\n";
  }
  io::write_file(out / "ledger.jsonl", lines);
  io::write_file(out / "pairs.jsonl", pairs);
}

report::Table fate_table(const PairSet& set, const std::vector<rows::Question>& questions) {
  const std::vector<std::string> states = {
      "pair", "right", "unparsable", "failed", "dropped_rewrite", "dropped_balance", "dropped_limit"};
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
  for (const std::string& state : states) {
    if (state == "pair" || counts["all"].contains(state)) table.header.push_back(state);
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
