#include "rrpo_gen_commands.h"

#include <cstdio>
#include <thread>

#include "app_record.h"
#include "rrpo/data/answers.h"
#include "rrpo/data/media.h"
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
  return {{"questions", questions.size()},
          {"videos", videos.size()},
          {"frames", config.video.frames},
          {"max_new_tokens", config.gen.max_new_tokens}};
}

/// The first question whose video could not be read.
std::string first_failure(const gen::PairSet& set, const std::vector<rows::Question>& questions) {
  for (size_t i = 0; i < questions.size(); ++i) {
    const gen::Fate& fate = set.fates[i];
    if (fate.state == "failed") return questions[i].id + ": " + fate.reason.substr(0, fate.reason.find("; fix: "));
  }
  return "";
}

/// The result of a whole run: files, table, record. Throws Error(budget) when questions failed.
int conclude(const Invocation& call, const gen::PairSet& set, const std::vector<rows::Question>& questions,
             io::RunRecord& record) {
  gen::write_pairs(set, questions, call.out);
  const std::string failure = first_failure(set, questions);
  const int exit_code = failure.empty() ? 0 : static_cast<int>(Fault::budget);
  Json summary = {{"questions", questions.size()}, {"pairs", set.pairs.size()}, {"ledger", gen::fate_json(set)}};
  record.set_counts(summary);
  record.end(exit_code);
  std::fputs(report::text_table(gen::fate_table(set, questions)).c_str(), stdout);
  std::printf("\n");
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (!failure.empty())
    throw Error(Fault::budget, "gen", "videos could not be read (first: " + printable(failure, 180) + ")",
                "mend them and go on with --resume");
  return exit_code;
}

}  // namespace

int run_gen(const Invocation& call) {
  const auto config = read_config<gen::GenConfig>(call.sources);
  const std::vector<rows::Question> questions = rows::read_questions(config.gen.questions);
  if (questions.empty())
    throw Error(Fault::input, "data", config.gen.questions.string() + ": holds no question",
                "write one JSON object per line");
  if (call.dry_run) return finish(plan(config, questions), 0);
  const io::OutputFolder folder(call.out, call.existing);
  std::vector<fs::path> inputs = io::model_files(config.model.path, config.model.adapter);
  inputs.push_back(config.gen.questions);
  io::RunRecord record(folder.path(), run_head(call, folder, config_json(config), inputs, "responses.jsonl",
                                               {"threads", "device", "gen.video_root"}));
  const gen::Collected collected = gen::collect_responses(config, questions, call.out / "responses.jsonl");
  const gen::Responses& responses = collected.responses;
  if (!collected.complete) {
    const Json counts = {{"questions", questions.size()}, {"responses", responses.size()}};
    record.set_counts(counts);
    record.end(128 + stop_signal());
    return finish({{"stopped", true}, {"responses", responses.size()}, {"out", call.out.string()}}, 128 + stop_signal());
  }
  return conclude(call, gen::make_pairs(config, questions, responses), questions, record);
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
