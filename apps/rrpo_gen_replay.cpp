// `rrpo-gen replay`: one pair of a run made again, byte for byte.
#include <algorithm>
#include <set>

#include "app_parts.h"
#include "app_record.h"
#include "app_streams.h"
#include "rrpo/data/answers.h"
#include "rrpo/gen/judgements.h"
#include "rrpo/io/atomic.h"
#include "rrpo/util/lines.h"
#include "rrpo/util/log.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"
#include "rrpo_gen_commands.h"
#include "rrpo_gen_earlier.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

/// A line of a JSONL file.
struct Line {
  Json json;
  std::string bytes;
  int64_t number = 0;
  std::string place;  ///< `file:line`
};

/// The line of `file` whose `id` is `id`; number 0 where there is none.
Line line_of(const fs::path& file, const std::string& id) {
  Line found;
  each_line(file, "data", [&](std::string_view bytes, int64_t number) {
    if (bytes.find_first_not_of(" \t\r") == std::string_view::npos) return;
    const std::string place = file.string() + ":" + std::to_string(number);
    const Json json = parse_json(bytes, "data", place);
    if (json.is_object() && json.value("id", Json()) == id) found = {json, std::string(bytes), number, place};
  });
  return found;
}

/// The pair's line; where the question has none, Error(input) says what became of it.
Line original_of(const EarlierRun& run, const std::string& id) {
  if (run.config.gen.shard)
    throw Error(Fault::input, "gen", run.folder.string() + ": is a shard, which makes no pairs",
                "replay from the merged run");
  Line pair = line_of(run.folder / "pairs.jsonl", id);
  if (pair.number > 0) return pair;
  const Line fate = line_of(run.folder / "ledger.jsonl", id);
  const std::string fix = "give the id of a line of " + (run.folder / "pairs.jsonl").string();
  if (fate.number == 0)
    throw Error(Fault::input, "gen", (run.folder / "ledger.jsonl").string() + ": no question '" + printable(id) + "'", fix);
  const std::string reason = fate.json.value("reason", "");
  throw Error(Fault::input, "gen",
              fate.place + ": '" + printable(id) + "' has no pair: " + fate.json.value("state", "") +
                  (reason.empty() ? "" : " (" + reason + ")"),
              fix);
}

/// The question, and all that are asked in one pass with it: its video's, or those of its block of videos.
struct Asked {
  rows::Question question;
  std::vector<rows::Question> together;
};

Asked asked_with(const gen::GenConfig& config, const std::string& id) {
  Asked asked;
  const std::vector<rows::Question> questions = rows::read_questions(config.gen.questions);
  const rows::Question* question = nullptr;
  for (const rows::Question& one : questions) question = one.id == id ? &one : question;
  if (question == nullptr)
    throw Error(Fault::input, "gen", config.gen.questions.string() + ": no question '" + printable(id) + "'",
                "gen.questions=FILE as it was for the run");
  asked.question = *question;
  asked.together = data::block_with(questions, question->media, config.gen.together);
  return asked;
}

/// Paths of the values that differ, `made.response`.
std::string differing_values(const Json& before, const Json& now) {
  constexpr size_t kMost = 6;
  std::vector<std::string> paths;
  std::set<std::string> known;
  for (const Json& change : Json::diff(before, now)) {
    std::string path = change.at("path").get<std::string>().substr(1);
    std::replace(path.begin(), path.end(), '/', '.');
    if (known.insert(path).second) paths.push_back(path);
  }
  if (paths.empty()) return "only in how it is written";
  const bool more = paths.size() > kMost;
  paths.resize(std::min(paths.size(), kMost));
  return join(paths) + (more ? ", …" : "");
}

/// Why the replayed pair is another one; empty when its bytes are the same.
std::string difference_of(const Line& original, const gen::PairSet& set) {
  if (set.pairs.empty()) {
    const gen::Fate& fate = set.fates.front();
    return "no pair now: " + fate.state + (fate.reason.empty() ? "" : " (" + fate.reason + ")");
  }
  const Json now = rows::pair_json(set.pairs.front());
  if (json_line(now) == original.bytes) return "";
  return differing_values(original.json, now);
}

/// What balancing and limits drop, only the whole run can say; the ledger has said that this pair is kept.
gen::PairSet pair_of(gen::GenConfig config, const rows::Question& question, const gen::Responses& responses,
                     const judge::Judgements& judgements) {
  config.gen.balance = false;
  config.gen.max_per_format = nullptr;
  return gen::make_pairs(config, {question}, responses, judgements);
}

int conclude_replay(const Invocation& call, const EarlierRun& run, const Line& original, const gen::PairSet& set,
                    io::RunRecord& record) {
  if (!set.pairs.empty()) {
    const std::string line = json_line(rows::pair_json(set.pairs.front())) + "\n";
    io::write_file(call.out / "pairs.jsonl", line);
    print(line);
  }
  const std::string difference = difference_of(original, set);
  const int exit_code = difference.empty() ? 0 : static_cast<int>(Fault::budget);
  Json summary = {{"id", call.words.at("--id")}, {"same_bytes", difference.empty()}, {"as", original.place}};
  const Json ended = record.end(exit_code, summary);
  const std::string changed = join(changed_inputs(run.record.value("inputs", Json()), ended.at("inputs")));
  if (!changed.empty()) log_warning("changed since the run: " + changed);
  print((difference.empty() ? "same bytes as " : "differs from ") + printable(original.place) + "\n");
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (!difference.empty())
    throw Error(Fault::budget, "gen", original.place + ": differs: " + difference,
                changed.empty() ? "replay on the kind of machine and device of the run" : "restore " + changed);
  return exit_code;
}

int carry_out(const Invocation& call, const EarlierRun& run, const Line& original, const Asked& asked,
              io::RunRecord& record) {
  const gen::Collected collected = gen::collect_responses(run.config, asked.together, call.out / "responses.jsonl");
  if (!collected.complete) {
    record.end(128 + stop_signal());
    return finish({{"stopped", true}, {"out", call.out.string()}}, 128 + stop_signal());
  }
  const judge::Judgements judgements = gen::recorded_judgements(run.config, run.folder);
  return conclude_replay(call, run, original, pair_of(run.config, asked.question, collected.responses, judgements), record);
}

}  // namespace

int run_replay(const Invocation& call) {
  const EarlierRun run = read_earlier(call.words.at("RUN_DIR"), read_config<Places>(call.sources));
  const std::string& id = call.words.at("--id");
  std::vector<fs::path> files = io::model_files(run.config.model.path, run.config.model.adapter);
  files.push_back(run.config.gen.questions);
  io::Inputs inputs = take_inputs(call, files);
  const Line original = original_of(run, id);
  const Asked asked = asked_with(run.config, id);
  if (call.dry_run) return finish({{"id", id}, {"questions", asked.together.size()}, {"as", original.place}}, 0);
  refuse_input_as_out(call, {run.folder});
  const io::OutputFolder folder(call.out, call.existing, claim_of(call, {"responses.jsonl", "pairs.jsonl"}));
  io::RunHead head =
      run_head(call, folder, config_json(run.config), std::move(inputs), "responses.jsonl", {.fields = places_fields()});
  keep(head, model_folders(run.config.model));
  keep(head, media_of(asked.together, gen::media_root(run.config.gen)));
  head.keep.push_back(run.folder);
  prove_readable(call, run.config.model, run.config.device);
  io::RunRecord record(folder.path(), std::move(head));
  return with_record(call, record, [&] { return carry_out(call, run, original, asked, record); });
}

}  // namespace rrpo::apps
