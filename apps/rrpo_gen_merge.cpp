// `rrpo-gen merge`: the shards of one run become the run.
#include <map>

#include "app_parts.h"
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
  data::Shard shard;
};

const PartRules& part_rules() {
  static const PartRules rules = [] {
    PartRules out{"gen", "gen.shard", places_fields()};
    out.free.insert(out.free.end(), reach_fields().begin(), reach_fields().end());
    return out;
  }();
  return rules;
}

/// The parts in their order; each there once.
std::vector<Part> read_parts(const std::vector<fs::path>& folders, const Places& places) {
  std::map<fs::path, EarlierRun> runs;
  std::vector<RunPart> named;
  for (const fs::path& folder : folders) {
    EarlierRun run = read_earlier(folder, places);
    if (!run.config.gen.shard)
      bad_part(part_rules(), folder, "is a whole run, not a shard", "its pairs are made already: leave it out");
    named.push_back({folder, run.record, run.raw_config, data::parse_shard(*run.config.gen.shard, "gen.shard")});
    runs.insert_or_assign(folder, std::move(run));
  }
  std::vector<Part> parts;
  for (const RunPart& part : whole_run(std::move(named), part_rules()))
    parts.push_back({std::move(runs.at(part.folder)), part.shard});
  return parts;
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
    gen::Collected own =
        gen::read_responses(part.run.config, data::shard_questions(questions, part.shard, part.run.config.gen.together),
                            folder / "responses.jsonl", gen::failed_questions(folder / "ledger.jsonl"));
    if (!own.complete)
      bad_part(part_rules(), folder, "responses.jsonl lacks rows of its questions",
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
    if (!files.empty()) io::write_file(out / name, data::join_rows(files, questions));
  }
}

/// The record of the whole run. It has read what its shards have read.
io::RunHead merged_head(const Invocation& call, const io::OutputFolder& folder, const Part& first,
                        const gen::GenConfig& config) {
  io::RunHead head = run_head(call, folder, config_json(config), {}, "", {.fields = places_fields()});
  head.known = first.run.record.value("inputs", Json::object());
  return head;
}

int join(const Invocation& call, const std::vector<fs::path>& folders, const Places& places) {
  const std::vector<Part> parts = read_parts(folders, places);
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

}  // namespace

int run_merge(const Invocation& call) { return join(call, folders_of(call), read_config<Places>(call.sources)); }

int join_shards(const Invocation& call, const std::vector<fs::path>& folders) { return join(call, folders, {}); }

}  // namespace rrpo::apps
