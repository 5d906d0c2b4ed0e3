// What a run says of itself: its counts and its plan before it begins, its ledger and result at the end.
#include "dry_run.h"
#include "rrpo/data/media_check.h"
#include "rrpo/policy/device.h"
#include "rrpo/train/learner.h"
#include "run.h"
#include "run_ledger.h"
#include "session.h"

namespace rrpo::train {

namespace {

Json role_names(const std::vector<Role>& roles) {
  Json names = Json::array();
  for (const Role role : roles) names.push_back(parts(role).name);
  return names;
}

/// What the objective reads of each row and, of a sum, what its terms average over.
Json objective_json(const loss::Objective& objective) {
  Json json = {{"objective", objective.config}};
  for (size_t i = 0; objective.is_sum() && i < objective.terms.size(); ++i) {
    const loss::Term& term = objective.terms[i];
    json["terms"].push_back({{"name", term.label},
                             {"weight", term.weight},
                             {"mean_over", term.row->average == loss::Average::tokens ? "tokens" : "pairs"},
                             {"roles", role_names(term.row->roles(objective.config[i]))}});
  }
  json["roles"] = role_names(objective.roles);
  return json;
}

}  // namespace

int64_t ranks_of(const world::World& world, const RunOptions& options) {
  return options.dry_run && options.world != nullptr ? world::place_of_process().size : world.size();
}

Json Run::counts() const {
  int64_t answer_tokens = 0, parameters = 0;
  for (const data::Sample& sample : rows_.samples) {
    for (const Role role : rows_.roles) answer_tokens += static_cast<int64_t>(data::answer_of(sample, role).ids.size());
  }
  for (const model::NamedTensor& weight : optimizer_.parameters()) parameters += weight.tensor->numel();
  Json counts = {{"rows", rows_.rows() + static_cast<int64_t>(rows_.skipped.size() + rows_.dropped.size())},
                 {"usable", rows_.rows()},
                 {"skipped", skipped()},
                 {"dropped", rows_.dropped.size()},
                 {"videos", rows_.videos.size()},
                 {"held_out", held_out_ ? held_out_->rows() : 0},
                 {"answer_tokens", answer_tokens},
                 {"trained_parameters", parameters},
                 {"ranks", ranks_of(world_, options_)},
                 {"steps", at_.steps},
                 {"steps_per_epoch", per_epoch_}};
  const int64_t peak = policy::gpu_peak_bytes(policy::resolve_device(config_.device));
  if (peak > 0) counts["gpu_peak_bytes"] = peak;
  return counts;
}

Json Run::plan() const {
  Json plan = {{"plan", "train"}};
  plan.update(objective_json(objective_));
  plan.update(counts());
  plan.update(plan_json({config_, objective_, policy_, rows_, optimizer_, at_.steps, ranks_of(world_, options_)}));
  return plan;
}

Result Run::plan_result() const {
  Result result{plan(), 0};
  if (!options_.decode) return result;
  std::vector<rows::View> all = rows_.videos;
  if (held_out_) all.insert(all.end(), held_out_->videos.begin(), held_out_->videos.end());
  const int64_t threads = training_rules().threads;
  std::vector<data::MediaFault> faults = data::unreadable_media(all, config_.data.video_root, config_.video, threads);
  result.summary["decoded"] = all.size();
  result.summary["unreadable"] = faults.size();
  for (const data::SkippedRow& row : rows_.skipped) faults.push_back({row.id, row.reason});
  result.text = data::fault_lines(faults);
  if (faults.empty()) return result;
  result.exit_code = static_cast<int>(Fault::budget);
  result.error.emplace(
      Fault::budget, "data",
      std::to_string(faults.size()) + " rows or media are bad, the first is " + printable(faults.front().media, 120),
      "mend or leave out what stands above");
  return result;
}

Json Run::finish(const std::filesystem::path& out) {
  const data::LoaderRules rules = training_rules();
  const rows::Ledger ledger = write_ledger(out / "ledger.jsonl", {rows_, rules, at_, done()});
  const auto used = ledger.states().find("used");
  Json summary = {{"steps", at_.step},
                  {"pairs", used == ledger.states().end() ? 0 : used->second},
                  {"skipped", skipped()},
                  {"metrics", last_},
                  {"out", out.string()}};
  if (done()) summary["result"] = save_result(policy_, config_, out).string();
  return summary;
}

}  // namespace rrpo::train
