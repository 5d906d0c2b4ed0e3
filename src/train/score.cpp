#include "rrpo/train/score.h"

#include <ATen/core/grad_mode.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "earlier.h"
#include "references.h"
#include "rrpo/io/line_writer.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"
#include "rrpo/policy/parts.h"
#include "rrpo/report/progress.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/metrics.h"
#include "rrpo/train/pass.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/stop.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

/// Nine significant digits: enough to tell any two float32 values apart.
double nine_digits(double value) {
  char text[40] = {};
  std::snprintf(text, sizeof text, "%.9g", value);
  return std::strtod(text, nullptr);
}

std::vector<double> values_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  const at::Tensor plain = tensor.detach().to(at::kDouble).cpu().contiguous();
  const double* begin = plain.const_data_ptr<double>();
  return {begin, begin + plain.numel()};
}

/// Columns of a pass on this side of the device, to be cut into answers.
struct Columns {
  std::vector<double> label, marked, logp, ref_logp, kl, answer;
  explicit Columns(const Pass& pass)
      : label(values_of(pass.packed.labels)),
        marked(values_of(pass.packed.phrase.gt(0))),
        logp(values_of(pass.stats.logp)),
        ref_logp(values_of(pass.stats.ref_logp)),
        kl(values_of(pass.stats.kl)),
        answer(values_of(pass.packed.answer)) {}
};

Json answer_json(const Columns& columns, int64_t number) {
  Json json = {{"ids", Json::array()}, {"marked", Json::array()}, {"logp", Json::array()}};
  if (!columns.ref_logp.empty()) json["ref_logp"] = json["kl"] = Json::array();
  for (size_t i = 0; i < columns.answer.size(); ++i) {
    if (static_cast<int64_t>(columns.answer[i]) != number) continue;
    json["ids"].push_back(static_cast<int64_t>(columns.label[i]));
    json["marked"].push_back(static_cast<int>(columns.marked[i]));
    json["logp"].push_back(nine_digits(columns.logp[i]));
    if (columns.ref_logp.empty()) continue;
    json["ref_logp"].push_back(nine_digits(columns.ref_logp[i]));
    json["kl"].push_back(nine_digits(columns.kl[i]));
  }
  return json;
}

/// What a term says of the pairs of a pass, on this side of the device.
struct TermColumns {
  std::vector<double> loss, chosen_reward, rejected_reward, kl;
  explicit TermColumns(const loss::LossOutput& output)
      : loss(values_of(output.loss)),
        chosen_reward(values_of(output.chosen_reward)),
        rejected_reward(values_of(output.rejected_reward)),
        kl(values_of(output.kl)) {}

  /// Adds what it has of rewards and divergence and `line` does not.
  void add_to(Json& line, size_t pair) const {
    const auto put = [&](const char* key, const std::vector<double>& values) {
      if (!values.empty() && !line.contains(key)) line[key] = nine_digits(values[pair]);
    };
    put("reward_chosen", chosen_reward);
    put("reward_rejected", rejected_reward);
    put("kl_chosen", kl);
  }
};

/// The head of the line of a pair: the loss, and what the first term that has it says. Of a sum each term stands in `terms`.
Json pair_json(const std::string& id, const std::vector<TermColumns>& terms, const loss::Objective& objective, size_t pair) {
  double loss = 0;
  for (size_t i = 0; i < terms.size(); ++i) loss += objective.terms[i].weight * terms[i].loss[pair];
  Json line = {{"id", id}, {"loss", nine_digits(loss)}};
  for (const TermColumns& term : terms) term.add_to(line, pair);
  for (size_t i = 0; objective.is_sum() && i < terms.size(); ++i) {
    Json& own = line["terms"][objective.terms[i].label];
    own = {{"loss", nine_digits(terms[i].loss[pair])}};
    terms[i].add_to(own, pair);
  }
  return line;
}

/// Where the answer of a role stands in a line: those under the row's own clip by their names, the others in `other`.
Json& place_of(Json& line, Role role) {
  const std::string name = parts(role).name, answer = name.substr(0, name.find('|'));
  return parts(role).clip == ShownClipOf::other ? line["other"][answer] : line[answer];
}

/// The lines of a pass by row number of the dataset.
void add_lines(const Sighted& seen, const data::PairBatch& batch, const loss::Objective& objective,
               std::map<int64_t, Json>& lines) {
  const Pass& pass = seen.pass;
  const Columns columns(pass);
  const std::vector<TermColumns> terms(pass.outputs.begin(), pass.outputs.end());
  for (int64_t p = 0; p < batch.pairs(); ++p) {
    const auto i = static_cast<size_t>(p);
    Json line = pair_json(batch.ids[i], terms, objective, i);
    for (size_t r = 0; r < pass.packed.roles.size(); ++r)
      place_of(line, pass.packed.roles[r]) = answer_json(columns, static_cast<int64_t>(r) * batch.pairs() + p);
    lines.emplace(batch.place.rows[i], std::move(line));
  }
  for (const auto& [name, rows] : seen.rows) {
    for (const SeenRow& row : rows) lines.at(row.row)["sight"][name] = nine_digits(row.nats);
  }
}

/// Nothing after the last batch, and none where a stop was asked for, in the middle of a video too.
std::optional<data::PairBatch> next_unless_stopped(data::Loader& loader) {
  if (stop_signal() != 0) return std::nullopt;
  try {
    return loader.next();
  } catch (const Stopped&) {
    return std::nullopt;
  }
}

/// Scores every row and writes the lines in file order as soon as all before them are there.
MetricSums score_rows(const Scorer& scorer, const data::Dataset& rows, data::Loader& loader, const fs::path& file) {
  const at::NoGradGuard frozen;
  std::error_code ignored;
  fs::remove(file, ignored);
  io::LineWriter writer(file);
  report::Progress progress("score", rows.rows(), "pairs");
  std::map<int64_t, Json> lines;
  MetricSums sums;
  int64_t written = 0;
  while (const auto batch = next_unless_stopped(loader)) {
    const Sighted seen = forward_under_controls(scorer, rows, *batch);
    MetricSums own = measure(seen.pass, scorer.objective);
    own.sight = seen.rows;
    add_lines(seen, *batch, scorer.objective, lines);
    sums.add(own);
    for (auto next = lines.find(written); next != lines.end(); next = lines.find(++written)) {
      writer.write(next->second);
      lines.erase(next);
    }
    progress.update(sums.pairs);
  }
  progress.finish();
  return sums;
}

}  // namespace

Result score(const TrainConfig& config, const RunOptions& options) {
  require_inputs(config);
  policy::require_whole(config.model);
  set_tensor_threads(config.threads);
  const loss::Objective objective = loss::make_objective(config.objective);
  std::optional<io::OutputFolder> folder;
  if (!options.dry_run) folder.emplace(options.out, options.existing, io::Claim{"rrpo-train", "score", {"scores.jsonl"}});
  io::Inputs inputs = options.dry_run ? io::Inputs() : io::Inputs(input_files(config));
  policy::Policy policy =
      options.dry_run ? policy::open_shapes(config.model, config.device) : policy::open_policy(config.model, config.device);
  check_reference(policy, objective);
  const data::Dataset rows = open_rows(config.data.pairs, config, policy, objective, /*skip_bad_rows=*/false);
  const Json counts = {{"rows", rows.rows() + static_cast<int64_t>(rows.dropped.size())},
                       {"dropped", rows.dropped.size()},
                       {"videos", rows.videos.size()}};
  if (options.dry_run) return {{{"plan", "score"}, {"objective", objective.config}, {"counts", counts}}, 0};

  const fs::path& out = folder->path();
  io::RunHead head{"rrpo-train", "score", config_json(config), std::move(inputs)};
  keep_inputs(head, config, rows);
  io::RunRecord record(out, std::move(head));
  record.set_counts(counts);
  return with_record(record, [&]() -> Result {
    const auto cache = open_cache(config, policy, objective);
    const auto references = open_scored_references(config, policy, objective);
    data::LoaderRules rules = loader_rules(config, /*shuffle=*/false, micro_rows(config), /*skip_bad_media=*/false);
    if (config.train.sight) rules.controls = data::sight_controls();
    data::Loader loader(rows, policy, cache.get(), rules, 0, data::windows_per_epoch(rows.rows(), rules.batch));
    const MetricSums sums =
        score_rows({policy, objective, cache.get(), references.get()}, rows, loader, out / "scores.jsonl");
    Json summary = {{"pairs", sums.pairs}, {"dropped", rows.dropped.size()}, {"out", out.string()}};
    if (sums.pairs > 0) summary["metrics"] = sums.means(objective);
    if (!sums.sight.empty()) summary["sight"] = sight_json(sums.sight);
    if (const std::string unseen = sight_note(sums.sight); !unseen.empty()) log_note(unseen);
    const int code = sums.pairs < rows.rows() ? 128 + stop_signal() : 0;
    record.end(code, summary);
    return {summary, code};
  });
}

}  // namespace rrpo::train
