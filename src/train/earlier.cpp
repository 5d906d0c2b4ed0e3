#include "earlier.h"

#include "rrpo/data/media.h"
#include "rrpo/io/run_record.h"
#include "rrpo/util/error.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

/// run.json as an earlier part left it; null where there is none.
Json read_record(const fs::path& file) {
  if (!fs::exists(file)) return nullptr;
  Json run = read_json(file, "train");
  const bool sound = run.is_object() && run.value("config", Json()).is_object() && run.value("exit", Json()).is_object();
  if (!sound) throw Error(Fault::input, "train", file.string() + ": is no record of a run", "start anew with --overwrite");
  return run;
}

/// The result in the record of a finished run, else null.
Json result_of(const Json& run) {
  const Json exit = run.at("exit"), code = exit.value("code", Json());
  if (exit.value("state", Json()) != Json("finished") || !code.is_number_integer()) return nullptr;
  return {{"summary", run.value("result", Json())}, {"code", code}};
}

/// True where there is something to go on from. A run that ended before its first step may begin again with other inputs.
bool has_begun(const fs::path& out) {
  std::error_code absent;
  const auto metrics = fs::file_size(out / "metrics.jsonl", absent);
  return fs::exists(out / "checkpoints") || (!absent && metrics > 0);
}

}  // namespace

std::vector<fs::path> input_files(const TrainConfig& config) {
  std::vector<fs::path> files = config.data.pairs;
  files.insert(files.end(), config.data.eval_pairs.begin(), config.data.eval_pairs.end());
  const std::vector<fs::path> weights = io::model_files(config.model.path, config.model.adapter);
  files.insert(files.end(), weights.begin(), weights.end());
  return files;
}

Json recorded_inputs(const fs::path& out) {
  const Json run = read_record(out / "run.json");
  return run.is_object() ? run.value("inputs", Json()) : Json();
}

std::map<std::string, int64_t> media_bytes(const data::Dataset& rows, const fs::path& root) {
  std::map<std::string, int64_t> all;
  for (const rows::View& view : rows.videos) {
    const rows::Media& media = view.media;
    const auto [found, is_new] = all.try_emplace(media.key());
    if (!is_new) continue;
    int64_t& bytes = found->second;
    std::error_code gone;
    // Whether links may lead out of the root was asked when the rows were read.
    for (const fs::path& file : data::media_files(media, root, /*follow_links=*/true))
      bytes += static_cast<int64_t>(fs::file_size(file, gone));
  }
  return all;
}

void check_media(const std::map<std::string, int64_t>& before, const std::map<std::string, int64_t>& now) {
  for (const auto& [key, bytes] : before) {
    const auto found = now.find(key);
    if (found == now.end() || found->second == bytes) continue;
    throw Error(
        Fault::usage, "data",
        key + ": has " + std::to_string(found->second) + " bytes, the earlier run began with " + std::to_string(bytes),
        "put the file back, or start anew with --overwrite");
  }
}

Earlier look_at_earlier(const io::OutputFolder& folder, const TrainConfig& config) {
  const fs::path& out = folder.path();
  const Json run = folder.resumed() ? read_record(out / "run.json") : Json();
  Earlier earlier{io::Inputs(input_files(config), run.is_null() ? Json() : run.value("inputs", Json())), folder.resumed()};
  if (!run.is_null() && (has_begun(out) || !result_of(run).is_null())) {
    check_same_run(run.at("config"), config, out);
    earlier.inputs.check_same(run.value("inputs", Json()));
    earlier.result = result_of(run);
  }
  if (!earlier.resumed || !earlier.result.is_null()) return earlier;
  earlier.snapshot = newest_snapshot(out);
  if (earlier.snapshot) {
    check_same_run(earlier.snapshot->config, config, out);
    earlier.inputs.check_same(earlier.snapshot->inputs);
  }
  return earlier;
}

}  // namespace rrpo::train
