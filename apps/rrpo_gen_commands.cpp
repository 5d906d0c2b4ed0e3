#include "rrpo_gen_commands.h"

#include <cstdio>
#include <thread>

#include "app_record.h"
#include "rrpo/data/answers.h"
#include "rrpo/data/media.h"
#include "rrpo/gen/judgements.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/gen/scenes.h"
#include "rrpo/util/stop.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

Json plan(const gen::GenConfig& config, const std::vector<rows::Question>& questions) {
  const std::vector<data::VideoQuestions> videos = data::group_by_video(questions);
  for (const data::VideoQuestions& video : videos) data::media_files(video.media, gen::media_root(config.gen));
  policy::open_policy(config.model, config.device);
  Json plan = {{"questions", questions.size()},
               {"videos", videos.size()},
               {"frames", config.video.frames},
               {"max_new_tokens", config.gen.max_new_tokens}};
  const gen::LlmFields& llm = config.gen.llm;
  const int64_t prompts = gen::most_prompts(config.gen, questions);
  if (prompts > 0)
    plan["llm"] = {{"model", llm.chat.model},
                   {"requests_at_most", llm.replay.empty() ? prompts : 0},
                   {"tries_each_at_most", llm.chat.retries + 1}};
  return plan;
}

/// How many questions ended in a state, and the first of them with its reason.
struct Ended {
  int64_t count = 0;
  std::string first;
};

Ended ended(const gen::PairSet& set, const std::vector<rows::Question>& questions, const std::string& state) {
  Ended out;
  for (size_t i = 0; i < questions.size(); ++i) {
    const gen::Fate& fate = set.fates[i];
    if (fate.state != state || out.count++ > 0) continue;
    out.first = printable(questions[i].id + ": " + fate.reason.substr(0, fate.reason.find("; fix: ")), 180);
  }
  return out;
}

/// The result of a whole run: files, table, record. Throws Error(budget) when questions failed, or more than
/// gen.max_unjudged are unjudged.
int conclude(const Invocation& call, const gen::GenConfig& config, const gen::PairSet& set,
             const std::vector<rows::Question>& questions, io::RunRecord& record) {
  gen::write_pairs(set, questions, call.out);
  const Ended failed = ended(set, questions, "failed"), unjudged = ended(set, questions, "unjudged");
  const bool too_many = unjudged.count > config.gen.max_unjudged;
  const int exit_code = failed.count == 0 && !too_many ? 0 : static_cast<int>(Fault::budget);
  Json summary = {{"questions", questions.size()}, {"pairs", set.pairs.size()}, {"ledger", gen::fate_json(set)}};
  record.set_counts(summary);
  record.end(exit_code);
  std::fputs(report::text_table(gen::fate_table(set, questions)).c_str(), stdout);
  std::printf("\n");
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (failed.count > 0)
    throw Error(Fault::budget, "gen", "videos could not be read (first: " + failed.first + ")",
                "mend them and go on with --resume");
  if (too_many)
    throw Error(Fault::budget, "judge",
                std::to_string(unjudged.count) + " questions are unjudged (first: " + unjudged.first + ")",
                "--resume asks again; gen.max_unjudged=N allows some");
  return exit_code;
}

/// Throws Error where the replies to be replayed cannot be read, or would be removed first.
void check_replay(const Invocation& call, const fs::path& replay) {
  if (replay.empty()) return;
  std::error_code absent;
  if (call.existing == io::Existing::overwrite && fs::equivalent(replay, call.out / "judgements.jsonl", absent))
    bad_usage("--overwrite would remove gen.llm.replay=" + replay.string(), "another --out, or --resume");
  gen::read_judgements(replay, /*faults=*/true);
}

/// Fields that may change between the parts of one run.
const std::vector<std::string> kMovesNoResult = {"threads",
                                                 "device",
                                                 "gen.video_root",
                                                 "gen.max_unjudged",
                                                 "gen.llm.endpoint",
                                                 "gen.llm.key_env",
                                                 "gen.llm.concurrency",
                                                 "gen.llm.timeout_s",
                                                 "gen.llm.retries",
                                                 "gen.llm.backoff_s",
                                                 "gen.llm.max_wait_s",
                                                 "gen.llm.max_reply_bytes",
                                                 "gen.llm.replay"};

}  // namespace

int run_gen(const Invocation& call) {
  const auto config = read_config<gen::GenConfig>(call.sources);
  const std::vector<rows::Question> questions = rows::read_questions(config.gen.questions);
  if (questions.empty())
    throw Error(Fault::input, "data", config.gen.questions.string() + ": holds no question",
                "write one JSON object per line");
  if (call.dry_run) return finish(plan(config, questions), 0);
  check_replay(call, config.gen.llm.replay);
  const io::OutputFolder folder(call.out, call.existing);
  std::vector<fs::path> inputs = io::model_files(config.model.path, config.model.adapter);
  inputs.push_back(config.gen.questions);
  if (!config.gen.llm.replay.empty()) inputs.push_back(config.gen.llm.replay);
  io::RunRecord record(folder.path(),
                       run_head(call, folder, config_json(config), inputs, "responses.jsonl", kMovesNoResult));
  const gen::Collected collected = gen::collect_responses(config, questions, call.out / "responses.jsonl");
  const gen::Responses& responses = collected.responses;
  gen::CollectedJudgements heard;
  if (collected.complete) heard = gen::collect_judgements(config, questions, responses, call.out / "judgements.jsonl");
  if (!heard.complete) {
    const Json counts = {{"questions", questions.size()}, {"responses", responses.size()}};
    record.set_counts(counts);
    record.end(128 + stop_signal());
    return finish({{"stopped", true}, {"responses", responses.size()}, {"out", call.out.string()}}, 128 + stop_signal());
  }
  return conclude(call, config, gen::make_pairs(config, questions, responses, heard.judgements), questions, record);
}

int run_scenes(const Invocation& call) {
  const auto config = read_config<gen::ScenesConfig>(call.sources);
  if (call.dry_run) return finish({{"kind", config.kind}, {"count", config.count}}, 0);
  const io::OutputFolder folder(call.out, call.existing);
  io::RunRecord record(folder.path(), run_head(call, folder, config_json(config), {}, "questions.jsonl"));
  if (!folder.resumed() || !fs::exists(call.out / "questions.jsonl"))
    gen::make_scenes(config, call.out, std::max(1u, std::thread::hardware_concurrency()));
  const bool complete = fs::exists(call.out / "questions.jsonl");
  const int exit_code = complete ? 0 : 128 + stop_signal();
  record.set_counts({{config.kind, config.count}});
  record.end(exit_code);
  return finish({{"kind", config.kind}, {"count", config.count}, {"out", call.out.string()}}, exit_code);
}

}  // namespace rrpo::apps
