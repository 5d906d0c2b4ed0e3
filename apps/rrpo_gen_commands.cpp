#include "rrpo_gen_commands.h"

#include <thread>

#include "app_decode.h"
#include "app_record.h"
#include "app_shard.h"
#include "app_shared.h"
#include "rrpo/data/answers.h"
#include "rrpo/data/media.h"
#include "rrpo/gen/judgements.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/gen/scenes.h"
#include "rrpo/gen/shard.h"
#include "rrpo/policy/hub.h"
#include "rrpo/util/log.h"
#include "rrpo/util/stop.h"
#include "rrpo_gen_earlier.h"
#include "rrpo_gen_result.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

Json plan(const gen::GenConfig& config, const std::vector<rows::Question>& questions) {
  const std::vector<data::VideoQuestions> videos = data::group_by_video(questions);
  for (const data::VideoQuestions& video : videos)
    data::media_files(video.media, gen::media_root(config.gen), config.video.follow_links);
  policy::open_shapes(config.model, config.device);
  Json plan = {{"questions", questions.size()},
               {"videos", videos.size()},
               {"frames", config.video.frames},
               {"max_new_tokens", config.gen.max_new_tokens}};
  if (const int64_t unread = count_unread(config, questions); unread > 0) plan["open_without_judge"] = unread;
  if (config.gen.other == "twin") plan["with_other"] = gen::count_twins(questions);
  const gen::LlmFields& llm = config.gen.llm;
  const int64_t prompts = gen::most_prompts(config.gen, questions);
  if (prompts > 0)
    plan["llm"] = {{"model", llm.chat.model},
                   {"requests_at_most", llm.replay.empty() ? prompts : 0},
                   {"tries_each_at_most", llm.chat.retries + 1}};
  return plan;
}

/// Throws Error where the replies to be replayed cannot be read, or would be removed first.
void check_replay(const Invocation& call, const fs::path& replay) {
  if (replay.empty()) return;
  std::error_code absent;
  if (call.existing == io::Existing::overwrite && fs::equivalent(replay, call.out / "judgements.jsonl", absent))
    bad_usage("--overwrite would remove gen.llm.replay=" + replay.string(), "another --out, or --resume");
  judge::read_judgements(replay, /*faults=*/true);
}

/// Asks what is open, has it judged and makes the pairs. `all` is the number of questions of the whole run.
int carry_out(const Invocation& call, const gen::GenConfig& config, const std::vector<rows::Question>& questions, size_t all,
              io::RunRecord& record) {
  const gen::Collected collected = gen::collect_responses(config, questions, call.out / "responses.jsonl");
  const gen::Responses& responses = collected.responses;
  judge::CollectedJudgements heard;
  if (collected.complete) heard = gen::collect_judgements(config, questions, responses, call.out / "judgements.jsonl");
  if (!heard.complete) {
    const Json counts = {{"questions", questions.size()}, {"responses", responses.size()}};
    record.set_counts(counts);
    record.end(128 + stop_signal());
    return finish({{"stopped", true}, {"responses", responses.size()}, {"out", call.out.string()}}, 128 + stop_signal());
  }
  if (config.gen.shard) return conclude_shard(call, config, questions, all, responses, record);
  return conclude_pairs(call, config, questions, responses, heard.judgements, record);
}

io::Claim gen_claim(const Invocation& call) {
  return claim_of(call, {"responses.jsonl", "judgements.jsonl", "ledger.jsonl", "pairs.jsonl", "report.html"});
}

int run_one(const Invocation& typed) {
  auto config = read_config<gen::GenConfig>(typed.sources);
  policy::find_models(config.model);
  const Invocation call = placed(typed, config.gen.shard, "gen.shard");
  std::vector<fs::path> files = io::model_files(config.model.path, config.model.adapter);
  files.push_back(config.gen.questions);
  if (!config.gen.llm.replay.empty()) files.push_back(config.gen.llm.replay);
  io::Inputs inputs = take_inputs(call, files);
  std::vector<rows::Question> questions = rows::read_questions(config.gen.questions);
  if (questions.empty())
    throw Error(Fault::input, "data", config.gen.questions.string() + ": holds no question",
                "write one JSON object per line");
  gen::check_twins(config, questions);
  if (const int64_t twins = gen::count_twins(questions); twins > 0 && config.gen.other != "twin")
    log_info(std::to_string(twins) + " questions name another clip, which gen.other=twin puts into their pairs");
  const size_t all = questions.size();
  if (config.gen.shard)
    questions = data::shard_questions(questions, data::parse_shard(*config.gen.shard, "gen.shard"), config.gen.together);
  if (gen::asks_llm(config.gen) && config.gen.llm.replay.empty()) config.gen.llm.chat.check_key("gen.llm");
  warn_of_unread(config, questions);
  if (call.dry_run || decodes(call))
    return finish_plan(call, plan(config, questions),
                       {questions, gen::media_root(config.gen), config.video, config.gen.other == "twin"});
  check_replay(call, config.gen.llm.replay);
  const io::OutputFolder folder(call.out, call.existing, gen_claim(call));
  io::RunHead head = run_head(call, folder, config_json(config), std::move(inputs), "responses.jsonl",
                              {.fields = reach_fields(), .files = {"gen.llm.replay"}, .known = describe<gen::GenConfig>()});
  keep(head, model_folders(config.model));
  note_media(head, call, questions, gen::media_root(config.gen), "responses.jsonl");
  prove_readable(call, config.model, config.device);
  io::RunRecord record(folder.path(), std::move(head));
  return with_record(call, record, [&] { return carry_out(call, config, questions, all, record); });
}

}  // namespace

int run_gen(const Invocation& typed) {
  if (read_config<gen::GenConfig>(typed.sources).gen.shard) return run_one(typed);
  return run_shared(typed, {"gen.shard", gen_claim(typed), run_one, join_shards});
}

int run_scenes(const Invocation& call) {
  const auto config = read_config<gen::ScenesConfig>(call.sources);
  Json summary = {{"kind", config.kind}, {"count", config.count}};
  if (config.twins) summary["twins"] = config.count;
  if (call.dry_run) return finish(summary, 0);
  const io::OutputFolder folder(call.out, call.existing,
                                claim_of(call, {"questions.jsonl", config.kind == "clips" ? "videos" : "frames"}));
  io::RunRecord record(folder.path(), run_head(call, folder, config_json(config), {}, "questions.jsonl"));
  return with_record(call, record, [&] {
    if (!folder.resumed() || !fs::exists(call.out / "questions.jsonl"))
      gen::make_scenes(config, call.out, std::max(1u, std::thread::hardware_concurrency()));
    const bool complete = fs::exists(call.out / "questions.jsonl");
    const int exit_code = complete ? 0 : 128 + stop_signal();
    const Json counts = complete ? gen::scene_counts(config, call.out) : Json{{config.kind, config.count}};
    record.set_counts(counts);
    record.end(exit_code);
    if (counts.contains("with_other")) summary["with_other"] = counts.at("with_other");
    summary["out"] = call.out.string();
    return finish(summary, exit_code);
  });
}

}  // namespace rrpo::apps
