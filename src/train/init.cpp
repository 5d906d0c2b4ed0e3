#include "rrpo/train/init.h"

#include "rrpo/io/atomic.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"
#include "rrpo/model/family.h"
#include "rrpo/train/learner.h"
#include "rrpo/util/error.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

void InitConfig::check(const std::string&) const {
  check_choice("dtype", dtype, {"float32", "bfloat16"});
  if (seed < 0) bad_field("seed", "is negative", "give 0 or more");
}

Result init(const InitConfig& config, const RunOptions& options) {
  if (config.config.empty()) bad_field("config", "is not given", "name a config.json");
  if (config.tokenizer.empty()) bad_field("tokenizer", "is not given", "name the folder of a tokenizer");
  const fs::path file = fs::is_directory(config.config) ? config.config / "config.json" : config.config;
  text::open_tokenizer(config.tokenizer);  // throws before anything is written
  model::Lvlm lvlm = model::init(file, static_cast<uint64_t>(config.seed), {});
  int64_t parameters = 0;
  for (const model::NamedTensor& weight : model::tensors(lvlm)) parameters += weight.tensor->numel();
  Json summary = {{"parameters", parameters}, {"dtype", config.dtype}, {"seed", config.seed}};
  if (options.dry_run) return {summary, 0};
  std::vector<fs::path> inputs = io::model_files(config.tokenizer, std::nullopt);
  inputs.push_back(file);
  io::check_replaceable(options.out, options.existing, inputs);
  const model::Dtype dtype = config.dtype == "bfloat16" ? model::Dtype::bfloat16 : model::Dtype::float32;
  io::write_folder(options.out, [&](const fs::path& folder) {
    io::RunRecord record(folder, {"rrpo-train", "init", config_json(config), io::Inputs(inputs)});
    copy_model_files(config.tokenizer, folder);
    copy_model_files(file.parent_path(), folder);
    io::write_file(folder / "config.json", read_file(file, "model"));
    model::save_weights(lvlm, folder, dtype);
    record.end(0, summary);
  });
  summary["out"] = options.out.string();
  return {summary, 0};
}

}  // namespace rrpo::train
