// `rrpo-gen merge`: the shards of one run become the run.
#include <map>

#include "app_record.h"
#include "rrpo/gen/judgements.h"
#include "rrpo/gen/shard.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/sha256.h"
#include "rrpo_gen_commands.h"
#include "rrpo_gen_earlier.h"
#include "rrpo_gen_result.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

struct Part {
  EarlierRun run;
  gen::Shard shard;
};

[[noreturn]] void bad_part(const fs::path& folder, const std::string& problem, const std::string& fix) {
  throw Error(Fault::input, "gen", folder.string() + ": " + problem, fix);
}

std::vector<fs::path> folders_of(const Invocation& call) {
  std::vector<fs::path> folders = {call.words.at("DIR")};
  folders.insert(folders.end(), call.more.begin(), call.more.end());
  return folders;
}

Part read_part(const fs::path& folder, const Places& places) {
  EarlierRun run = read_earlier(folder, places);
  if (!run.config.gen.shard) bad_part(folder, "is a whole run, not a shard", "its pairs are made already: leave it out");
  const gen::Shard shard = gen::parse_shard(*run.config.gen.shard);
  return {std::move(run), shard};
}

/// Throws unless `part` is of the run that `first` is of. Places may differ: the hashes say that the files are the same.
void check_kin(const Part& first, const Part& part) {
  const fs::path &folder = part.run.folder, &other = first.run.folder;
  std::vector<std::string> free = places_fields();
  free.insert(free.end(), reach_fields().begin(), reach_fields().end());
  if (part.shard.count != first.shard.count)
    bad_part(folder, "is shard " + part.shard.name() + ", but " + other.string() + " is " + first.shard.name(),
             "merge the shards of one run");
  free.emplace_back("gen.shard");
  if (const auto field = io::config_difference(first.run.raw_config, part.run.raw_config, free))
    bad_part(folder, field->field + " is " + field->now.dump() + ", but " + field->before.dump() + " in " + other.string(),
             "merge the shards of one run");
  const Json before = first.run.record.value("inputs", Json()), now = part.run.record.value("inputs", Json());
  for (const auto& changed : {changed_inputs(before, now), changed_inputs(now, before)}) {
    if (!changed.empty())
      bad_part(folder, changed.front() + " had other bytes than in " + other.string(), "run both with the same files");
  }
}

/// The parts in their order; each there once.
std::vector<Part> read_parts(const std::vector<fs::path>& folders, const Places& places) {
  std::map<int64_t, Part> parts;
  for (const fs::path& folder : folders) {
    Part part = read_part(folder, places);
    if (!parts.empty()) check_kin(parts.begin()->second, part);
    const auto [at, is_new] = parts.emplace(part.shard.index, std::move(part));
    if (!is_new)
      bad_part(folder, "is shard " + at->second.shard.name() + ", as " + at->second.run.folder.string() + " is",
               "give each shard once");
  }
  std::vector<Part> out;
  for (auto& [index, part] : parts) out.push_back(std::move(part));
  for (int64_t i = 0; i < out.front().shard.count; ++i) {
    if (i < static_cast<int64_t>(out.size()) && out[static_cast<size_t>(i)].shard.index == i) continue;
    bad_part(folders.back(), "shard " + gen::Shard{i, out.front().shard.count}.name() + " is missing beside it",
             "give the folders of all " + std::to_string(out.front().shard.count) + " shards");
  }
  return out;
}

/// The questions, whose bytes must be those that the shards have read.
std::vector<rows::Question> questions_of(const Part& part) {
  const fs::path& file = part.run.config.gen.questions;
  const Json inputs = part.run.record.value("inputs", Json::object());
  const std::string name = part.run.raw_config.at(Json::json_pointer("/gen/questions")).get<std::string>();
  std::vector<rows::Question> questions = rows::read_questions(file);
  if (inputs.contains(name) && io::recorded_sha256(inputs.at(name)) != io::file_sha256(file))
    throw Error(Fault::input, "gen", file.string() + ": has changed since the shards ran", "gen.questions=FILE as it was");
  return questions;
}

/// All that the parts' files hold; each part must hold all of its own and nothing else.
gen::Responses responses_of(const std::vector<Part>& parts, const std::vector<rows::Question>& questions) {
  gen::Responses all;
  for (const Part& part : parts) {
    const fs::path& folder = part.run.folder;
    gen::Collected own = gen::read_responses(part.run.config, gen::shard_questions(questions, part.shard),
                                             folder / "responses.jsonl", gen::failed_questions(folder / "ledger.jsonl"));
    if (!own.complete)
      bad_part(folder, "responses.jsonl lacks rows of its questions",
               "run shard " + part.shard.name() + " again with --resume");
    all.merge(own.responses);
  }
  return all;
}

void join_files(const std::vector<Part>& parts, const std::vector<rows::Question>& questions, const fs::path& out) {
  for (const std::string& name : gen::growing_files()) {
    std::vector<fs::path> files;
    for (const Part& part : parts) {
      if (fs::exists(part.run.folder / name)) files.push_back(part.run.folder / name);
    }
    if (!files.empty()) io::write_file(out / name, gen::join_rows(files, questions));
  }
}

/// The record of the whole run. It has read what its shards have read.
io::RunHead merged_head(const Invocation& call, const io::OutputFolder& folder, const Part& first,
                        const gen::GenConfig& config) {
  io::RunHead head = run_head(call, folder, config_json(config), {}, "", {.fields = places_fields()});
  head.known = first.run.record.value("inputs", Json::object());
  return head;
}

}  // namespace

int run_merge(const Invocation& call) {
  const std::vector<fs::path> folders = folders_of(call);
  const std::vector<Part> parts = read_parts(folders, read_config<Places>(call.sources));
  const std::vector<rows::Question> questions = questions_of(parts.front());
  const gen::Responses responses = responses_of(parts, questions);
  if (call.dry_run) return finish({{"shards", parts.size()}, {"questions", questions.size()}}, 0);
  refuse_input_as_out(call, folders);
  gen::GenConfig config = parts.front().run.config;
  config.gen.shard.reset();
  std::vector<std::string> names = gen::growing_files();
  names.insert(names.end(), {"ledger.jsonl", "pairs.jsonl", "report.html"});
  const io::OutputFolder folder(call.out, call.existing, claim_of(call, names));
  io::RunHead head = merged_head(call, folder, parts.front(), config);
  keep(head, folders);
  keep(head, model_folders(config.model));
  keep(head, media_of(questions, gen::media_root(config.gen)));
  head.keep.push_back(config.gen.questions);
  io::RunRecord record(folder.path(), std::move(head));
  return with_record(call, record, [&] {
    join_files(parts, questions, call.out);
    return conclude_pairs(call, config, questions, responses, gen::recorded_judgements(config, call.out), record);
  });
}

}  // namespace rrpo::apps
