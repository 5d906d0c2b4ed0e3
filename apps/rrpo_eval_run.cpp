// The main job of rrpo-eval and its first half: questions to predictions, predictions to numbers.
#include "app_decode.h"
#include "app_parts.h"
#include "app_record.h"
#include "app_shard.h"
#include "app_shared.h"
#include "rrpo/data/answers.h"
#include "rrpo/data/control.h"
#include "rrpo/data/media.h"
#include "rrpo/eval/predict.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/sha256.h"
#include "rrpo/policy/hub.h"
#include "rrpo/util/settings.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"
#include "rrpo_eval_commands.h"
#include "rrpo_eval_result.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

/// A run as it is about to begin.
struct Job {
  Invocation call;
  eval::EvalConfig config;
  eval::QuestionSet set;
  std::optional<JudgePart> judge{};
};

Job job_of(const Invocation& typed) {
  Job job{typed, read_config<eval::EvalConfig>(typed.sources), {}};
  eval::EvalFields& fields = job.config.eval;
  policy::find_models(job.config.model);
  job.call = placed(typed, fields.shard, "eval.shard");
  job.set = eval::read_question_set(fields);
  eval::settle(job.config, job.set.benchmark, given_settings(typed.sources));
  eval::check_profile(job.config, job.set);
  eval::take_part(job.set, fields, static_cast<uint64_t>(job.config.seed));
  return job;
}

std::optional<JudgePart> judge_of(const Job& job) {
  return judge_part(job.call, job.config.eval.judging, "eval.llm", static_cast<uint64_t>(job.config.seed));
}

/// What --dry-run says.
Json plan(const Job& job) {
  const std::vector<data::VideoQuestions> videos = data::group_by_video(job.set.questions);
  for (const data::VideoQuestions& video : videos)
    data::media_files(video.media, job.set.root, job.config.video.follow_links);
  policy::open_shapes(job.config.model, job.config.device);
  Json out = {{"questions", job.set.questions.size()},
              {"videos", videos.size()},
              {"frames", job.config.video.frames},
              {"sampling", job.config.video.sampling},
              {"max_new_tokens", *job.config.eval.max_new_tokens}};
  if (job.set.benchmark != nullptr) out["benchmark"] = job.set.benchmark->name;
  if (job.set.benchmark != nullptr) out["profile"] = job.config.eval.profile;
  if (job.judge) {
    const std::vector<std::string>& named = job.config.eval.scorers;
    const auto scorers = named.empty() ? eval::standard_scorers(job.set.questions) : named;
    const int64_t passes = job.config.eval.controls ? 3 : 1;
    out["llm"] = judge_plan(*job.judge, passes * eval::most_prompts(job.set.questions, scorers));
  }
  return out;
}

std::string title_of(const Job& job) {
  const eval::EvalConfig& config = job.config;
  const std::string on = job.set.benchmark != nullptr ? job.set.benchmark->title : config.eval.questions.string();
  return config.model.path.string() + (config.model.adapter ? " + " + config.model.adapter->string() : "") + " on " + on;
}

/// The passes of a run: the clips as they are asked about, and where the controls are asked for blank and shuffled ones.
struct Pass {
  std::string file;
  Json perturb;
};

std::vector<Pass> passes_of(const eval::EvalConfig& config) {
  std::vector<Pass> passes = {{"predictions.jsonl", perturb_list(config.eval)}};
  if (!config.eval.controls) return passes;
  for (const data::Control& control : data::sight_controls())
    passes.push_back({"predictions-" + control.name + ".jsonl", control.steps});
  return passes;
}

std::vector<std::string> files_of(const eval::EvalConfig& config) {
  std::vector<std::string> files;
  for (const Pass& pass : passes_of(config)) files.push_back(pass.file);
  return files;
}

/// All that a scored run leaves.
std::vector<std::string> results_of(const Job& job) {
  std::vector<std::string> files = files_of(job.config);
  files.insert(files.end(), evaluation_files().begin(), evaluation_files().end());
  const std::vector<std::string> heard = judge_results(job.judge);
  files.insert(files.end(), heard.begin(), heard.end());
  return files;
}

/// Asks what is open in each pass; nothing after a stop signal.
std::optional<std::vector<eval::Predictions>> predict_all(const Job& job, io::RunRecord& record) {
  eval::ModelOnDemand model(job.config.model, job.config.device, job.config.devices);
  std::vector<eval::Predictions> all;
  for (const Pass& pass : passes_of(job.config)) {
    const auto steps = video::parse_perturbations(pass.perturb, "eval.perturb");
    all.push_back(eval::predict(job.config, job.set, steps, model, job.call.out / pass.file));
    if (!all.back().stopped) continue;
    record.set_counts({{"predictions", all.back().rows.size()}, {"questions", job.set.questions.size()}});
    record.end(128 + stop_signal());
    return std::nullopt;
  }
  return all;
}

int stopped(const Job& job) { return finish({{"stopped", true}, {"out", job.call.out.string()}}, 128 + stop_signal()); }

/// The end of a run that leaves predictions only: `rrpo-eval predict`, and a part of a run.
int conclude_predictions(const Job& job, const std::vector<rows::Prediction>& made, io::RunRecord& record) {
  int64_t failed = 0;
  for (const rows::Prediction& row : made) failed += row.failed() ? 1 : 0;
  const int exit_code = failed > 0 ? static_cast<int>(Fault::budget) : 0;
  Json summary = {{"questions", job.set.questions.size()}, {"predictions", made.size()}, {"failed", failed}};
  if (job.config.eval.shard) summary["shard"] = *job.config.eval.shard;
  record.set_counts(summary);
  record.end(exit_code);
  summary["out"] = job.call.out.string();
  finish(summary, exit_code);
  if (failed > 0)
    throw Error(Fault::budget, "eval",
                std::to_string(failed) + " of " + std::to_string(job.set.questions.size()) + " questions failed",
                "predictions.jsonl says why; mend the media and go on with --resume");
  return exit_code;
}

/// Predictions of each pass to numbers and pages.
int score_all(const Job& job, std::vector<std::vector<rows::Prediction>> said, io::RunRecord& record) {
  Scoring scoring{job.config.eval.scorers,
                  job.config.eval.similarities,
                  eval::facts_of(job.config),
                  {title_of(job), config_json(job.config), eval::clips_of(job.config, job.set), job.config.eval.examples}};
  scoring.judge = job.judge;
  if (job.config.eval.controls) scoring.controls = {std::move(said[1]), std::move(said[2])};
  return conclude(job.call, write_evaluation(scoring, job.set.questions, said.front(), job.call.out), record);
}

int carry_out(const Job& job, bool score, io::RunRecord& record) {
  auto made = predict_all(job, record);
  if (!made) return stopped(job);
  if (!score || job.config.eval.shard) return conclude_predictions(job, made->front().rows, record);
  std::vector<std::vector<rows::Prediction>> said;
  for (eval::Predictions& pass : *made) said.push_back(std::move(pass.rows));
  return score_all(job, std::move(said), record);
}

int run_job(const Invocation& typed, bool score) {
  Job job = job_of(typed);
  if (score && !job.config.eval.shard) job.judge = judge_of(job);
  const Invocation& call = job.call;
  const eval::EvalConfig& config = job.config;
  if (call.dry_run || decodes(call)) return finish_plan(call, plan(job), {job.set.questions, job.set.root, config.video});
  std::vector<fs::path> files = io::model_files(config.model.path, config.model.adapter);
  files.insert(files.end(), job.set.files.begin(), job.set.files.end());
  if (!config.eval.similarities.empty()) files.push_back(config.eval.similarities);
  add_replay(job.judge, files);
  io::Inputs inputs = take_inputs(call, files);
  const std::vector<std::string> names = score ? results_of(job) : files_of(config);
  const io::OutputFolder folder(call.out, call.existing, claim_of(call, names));
  io::RunHead head = run_head(call, folder, config_json(config), std::move(inputs), "predictions.jsonl",
                              {.fields = eval_reach_fields(),
                               .files = {"eval.similarities", "eval.llm.replay"},
                               .known = describe<eval::EvalConfig>()});
  keep(head, judge_files(job.judge));
  keep(head, model_folders(config.model));
  note_media(head, call, job.set.questions, job.set.root, "predictions.jsonl");
  prove_readable(call, config.model, config.device);
  io::RunRecord record(folder.path(), std::move(head));
  return with_record(call, record, [&] { return carry_out(job, score, record); });
}

/// A part of a run with its questions.
RunPart read_part(const fs::path& folder, const PartRules& rules) {
  if (!fs::exists(folder / "run.json"))
    bad_part(rules, folder, "holds no run.json", "name a folder that rrpo-eval has written");
  RunPart part{folder, read_json(folder / "run.json", "run"), {}, {}};
  const Json::json_pointer state("/exit/state"), shard("/config/eval/shard");
  if (part.record.value("program", "") != "rrpo-eval" || !part.record.contains(shard))
    bad_part(rules, folder, "its run.json is of no run that answers questions", "name a folder that rrpo-eval has written");
  part.config = part.record.at("config");
  if (!part.record.at(shard).is_string())
    bad_part(rules, folder, "is a whole run, not a shard", "it has its numbers already: leave it out");
  if (!part.record.contains(state) || part.record.at(state) != "finished")
    bad_part(rules, folder, "the run is not complete", "go on with it: the same command with --resume");
  part.shard = data::parse_shard(part.record.at(shard).get<std::string>(), "eval.shard");
  return part;
}

/// Throws Error(input) where the questions are not those that the parts were asked.
void check_unchanged(const RunPart& part, const std::vector<fs::path>& files, const PartRules& rules) {
  const Json inputs = part.record.value("inputs", Json::object());
  for (const fs::path& file : files) {
    if (inputs.contains(file.string()) && io::recorded_sha256(inputs.at(file.string())) != io::file_sha256(file))
      bad_part(rules, part.folder, file.string() + " has changed since it ran", "put the file back as it was");
  }
}

/// The rows of all parts in the order in which one run appends them.
void join_predictions(const std::vector<RunPart>& parts, const Job& job, const std::string& file, const PartRules& rules) {
  const std::vector<rows::Question>& questions = job.set.questions;
  std::vector<fs::path> files;
  for (const RunPart& part : parts) {
    files.push_back(part.folder / file);
    if (!fs::exists(files.back()) && !data::shard_questions(questions, part.shard, job.config.eval.together).empty())
      bad_part(rules, part.folder, "holds no " + file, "run it again with --resume");
  }
  std::erase_if(files, [](const fs::path& one) { return !fs::exists(one); });
  io::write_file(job.call.out / file, data::join_rows(files, questions));
}

/// The parts in these folders to the whole: its numbers, or its predictions only.
int join_shards(const Invocation& call, const std::vector<fs::path>& folders, bool score) {
  PartRules rules{"eval", "eval.shard", {"model.path", "model.adapter", "eval.questions", "eval.root"}};
  rules.free.insert(rules.free.end(), eval_reach_fields().begin(), eval_reach_fields().end());
  std::vector<RunPart> named;
  for (const fs::path& folder : folders) named.push_back(read_part(folder, rules));
  const std::vector<RunPart> parts = whole_run(std::move(named), rules);
  Json raw = parts.front().config;
  raw["eval"]["shard"] = nullptr;
  Job job{call, config_from<eval::EvalConfig>(raw), {}};
  job.set = eval::read_question_set(job.config.eval);
  check_unchanged(parts.front(), job.set.files, rules);
  eval::take_part(job.set, job.config.eval, static_cast<uint64_t>(job.config.seed));
  if (score) job.judge = judge_of(job);
  if (call.dry_run) return finish({{"shards", parts.size()}, {"questions", job.set.questions.size()}}, 0);
  refuse_input_as_out(call, folders);
  const io::OutputFolder folder(call.out, call.existing, claim_of(call, score ? results_of(job) : files_of(job.config)));
  io::RunHead head = run_head(call, folder, raw, {}, "", {.fields = rules.free});
  head.known = parts.front().record.value("inputs", Json::object());
  keep(head, folders);
  keep(head, model_folders(job.config.model));
  keep(head, job.set.files);
  keep(head, judge_files(job.judge));
  keep(head, media_of(job.set.questions, job.set.root));
  io::RunRecord record(folder.path(), std::move(head));
  return with_record(call, record, [&] {
    std::vector<std::vector<rows::Prediction>> said;  // what the parts hold: nobody is asked again, and no model is read
    for (const std::string& file : files_of(job.config)) {
      join_predictions(parts, job, file, rules);
      said.push_back(rows::read_predictions(call.out / file));
    }
    return score ? score_all(job, std::move(said), record) : conclude_predictions(job, said.front(), record);
  });
}

int run_ranks(const Invocation& call, bool score) {
  const auto one = [score](const Invocation& own) { return run_job(own, score); };
  const auto config = read_config<eval::EvalConfig>(call.sources);
  if (config.eval.shard) return one(call);
  std::vector<std::string> names = files_of(config);
  if (score) names.insert(names.end(), evaluation_files().begin(), evaluation_files().end());
  return run_shared(call, {"eval.shard", claim_of(call, names), one,
                           [score](const Invocation& own, const auto& parts) { return join_shards(own, parts, score); }});
}

}  // namespace

const std::vector<std::string>& eval_reach_fields() {
  static const std::vector<std::string> fields = {"threads",
                                                  "device",
                                                  "devices",
                                                  "eval.video_root",
                                                  "eval.examples",
                                                  "eval.scorers",
                                                  "eval.similarities",
                                                  "eval.judge",
                                                  "eval.judge_prompts",
                                                  "eval.llm",
                                                  "video.max_memory_mb",
                                                  "video.follow_links",
                                                  "video.verify"};
  return fields;
}

int run_eval(const Invocation& call) { return run_ranks(call, /*score=*/true); }
int run_predict(const Invocation& call) { return run_ranks(call, /*score=*/false); }
int run_eval_merge(const Invocation& call) { return join_shards(call, folders_of(call), /*score=*/true); }

}  // namespace rrpo::apps
