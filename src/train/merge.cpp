#include "rrpo/train/merge.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "formula_pixels.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"
#include "rrpo/model/merge.h"
#include "rrpo/model/weights.h"
#include "rrpo/policy/compute_type.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/sequence.h"
#include "rrpo/report/table.h"
#include "rrpo/train/learner.h"
#include "rrpo/util/log.h"
#include "rrpo/util/stop.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kProbeFrames = 2;
constexpr const char* kProbeQuestion = "What happens in the video?";
constexpr const char* kProbeAnswer = "A red square moves to the left.";

/// The most that ||logits - logits of the adapter|| may be, over ||logits of the adapter||. What a 16-bit type rounds off W
/// is about 2^-9 (2^-12 in F16) of each weight, in every layer.
double tolerance(const std::set<std::string>& dtypes, model::Dtype compute) {
  if (dtypes.contains("BF16") || compute == model::Dtype::bfloat16) return 5e-2;
  return dtypes.contains("F16") ? 1e-2 : 1e-4;
}

/// The probe: rows about pictures, then a text alone. The first `seen` read rows belong to the pictures.
struct Probe {
  policy::LabelledRows labelled;
  model::ClipInput clip;
  std::vector<int64_t> eye_text;
  std::vector<std::vector<int64_t>> leads;  ///< ids before each run of visual tokens
  std::vector<int64_t> after;               ///< ids behind the last one, the answer included
  int64_t visual = 0, seen = 0;
};

Probe make_probe(const policy::Policy& policy) {
  const at::NoGradGuard frozen;
  Probe probe;
  const text::PromptIds prompt = text::encode_prompt(*policy.tokenizer, policy.chat, kProbeQuestion);
  const text::AnswerIds answer =
      text::encode_answer(*policy.tokenizer, {kProbeAnswer, {}}, policy.end_of_turn, policy.chat.answer_end);
  probe.clip = formula_clip(policy, kProbeFrames);
  probe.eye_text = policy::eye_text(policy, kProbeQuestion);
  probe.after = prompt.after;
  probe.after.insert(probe.after.end(), answer.ids.begin(), answer.ids.end() - 1);
  const std::vector<model::VisualRun> runs = model::encode(policy.lvlm, probe.clip, model::Adapter::on, probe.eye_text).runs;
  for (const model::VisualRun& run : runs) probe.visual += run.count;
  probe.leads = policy::clip_leads(policy, runs);
  const int64_t video = probe.labelled.add_clip(probe.leads, runs, 0);
  probe.labelled.add_answer(probe.labelled.add_question(video, prompt.after), answer, 0);
  model::PackedRows& rows = probe.labelled.rows;
  probe.seen = static_cast<int64_t>(rows.read_rows.size());
  const int64_t alone = rows.add_segment(prompt.after, -1);
  const int64_t last = rows.last_row(alone);
  for (int64_t row = last - static_cast<int64_t>(prompt.after.size()) + 1; row <= last; ++row) rows.read_rows.push_back(row);
  return probe;
}

/// [rows, V], float64 on the CPU.
at::Tensor probe_logits(const policy::Policy& policy, const Probe& probe, model::Adapter adapter) {
  check_stop();
  const at::NoGradGuard frozen;
  const model::VisualTokens visual = model::encode(policy.lvlm, probe.clip, adapter, probe.eye_text);
  const at::Tensor rows = model::hidden(policy.lvlm, probe.labelled.rows, {visual}, adapter);
  return rows.matmul(model::head(policy.lvlm).t().to(rows.scalar_type())).to(at::kCPU, at::kDouble);
}

double distance(const at::Tensor& x, const at::Tensor& y) { return x.sub(y).norm().item<double>(); }

/// The best token of each row about the pictures, and its logit: what another program compares itself with.
Json best_tokens(const at::Tensor& logits, const Probe& probe) {
  Json json = {{"pixels", probe.clip.pixels.front().sizes().vec()},
               {"before", probe.leads.front()},
               {"leads", probe.leads},
               {"visual_tokens", probe.visual},
               {"after", probe.after},
               {"token", Json::array()},
               {"logit", Json::array()}};
  for (int64_t i = 0; i < probe.seen; ++i) {
    const at::Tensor row = logits.select(0, i);
    json["token"].push_back(row.argmax().item<int64_t>());
    json["logit"].push_back(row.max().item<double>());
  }
  return json;
}

/// The logits of the three models.
struct Answers {
  at::Tensor base, adapter, merged;
};

Json proof(const Answers& answers, const Probe& probe, double tolerance) {
  const double size = answers.adapter.norm().item<double>(), error = distance(answers.merged, answers.adapter) / size;
  const double effect = distance(answers.adapter, answers.base) / size;
  return {{"rows", answers.adapter.size(0)},
          {"error", error},
          {"tolerance", tolerance},
          {"effect", effect},
          {"adapter", best_tokens(answers.adapter, probe)},
          {"merged", best_tokens(answers.merged, probe)}};
}

/// Throws unless the merged model answers as the adapter does; says what the numbers cannot show.
void judge(const Json& proof) {
  const double error = proof.at("error"), limit = proof.at("tolerance"), effect = proof.at("effect");
  if (!(error <= limit)) {
    throw Error(Fault::numerics, "merge",
                "the logits of the merged weights are " + report::compact(error) + " off those of the adapter, " +
                    report::compact(limit) + " allowed; nothing was written",
                "use the adapter as it is (model.adapter), or merge into a float32 base");
  }
  if (error > effect / 2) {
    log_warning("rounding to the base's type loses much of the adapter: its effect on the logits is " +
                report::compact(effect) + ", the merged weights are " + report::compact(error) +
                " off; model.adapter keeps all of it");
  }
}

void require_inputs(const MergeConfig& config, const fs::path& out) {
  if (config.model.path.empty()) bad_field("model.path", "is not given", "name the folder of a checkpoint");
  if (!config.model.adapter) bad_field("model.adapter", "is not given", "name the folder of an adapter");
  if (config.model.frozen != "plain") {
    bad_field("model.frozen", "is " + config.model.frozen + ", and an adapter is merged into the plain weights",
              "model.frozen=plain, also for an adapter that was trained over others");
  }
  std::error_code absent;
  for (const fs::path& input : {config.model.path, *config.model.adapter}) {
    if (!out.empty() && fs::equivalent(input, out, absent)) {
      throw Error(Fault::usage, "config", "--out " + out.string() + ": is an input of the merge", "choose another --out");
    }
  }
}

/// Asks all three models and fills `folder`; returns the summary.
Json merge_into(const fs::path& folder, const MergeConfig& config, policy::Policy adapted) {
  const Probe probe = make_probe(adapted);
  Answers answers;
  answers.adapter = probe_logits(adapted, probe, model::Adapter::on);
  answers.base = probe_logits(adapted, probe, model::Adapter::off);
  const model::Dtype compute = policy::compute_type(config.model, policy::resolve_device(config.device));
  copy_model_files(adapted.folder, folder);
  const model::MergedFiles files = model::write_merged(adapted.lvlm, adapted.folder, folder);
  {
    const policy::Policy gone = std::move(adapted);  // two models need not lie in memory together
  }
  policy::ModelConfig written = config.model;
  written.path = folder;
  written.adapter.reset();
  answers.merged = probe_logits(policy::open_policy(written, config.device), probe, model::Adapter::on);
  const Json found = proof(answers, probe, tolerance(files.dtypes, compute));
  judge(found);
  return {
      {"files", files.files}, {"merged", files.merged}, {"kept", files.kept}, {"dtypes", files.dtypes}, {"probe", found}};
}

Json plan(policy::Policy adapted) {
  const size_t tensors = model::adapter_tensors(adapted.lvlm).size() / 2 + adapted.lvlm.weights().replaced.size();
  return {{"plan", "merge"}, {"merged", tensors}, {"kept", model::tensors(adapted.lvlm).size() - tensors}};
}

/// The summary on the last line: the proof's numbers without its rows.
Json brief(Json summary) {
  summary["probe"].erase("adapter");
  summary["probe"].erase("merged");
  return summary;
}

}  // namespace

void MergeConfig::check(const std::string&) const { check_threads(threads); }

Result merge(const MergeConfig& config, const RunOptions& options) {
  require_inputs(config, options.out);
  set_tensor_threads(config.threads);
  if (options.dry_run) return {plan(policy::open_shapes(config.model, config.device)), 0};
  policy::Policy adapted = policy::open_policy(config.model, config.device);
  io::check_replaceable(options.out, options.existing, {config.model.path, *config.model.adapter});
  Json summary;
  io::write_folder(options.out, [&](const fs::path& folder) {
    const std::vector<fs::path> inputs = io::model_files(config.model.path, config.model.adapter);
    io::RunRecord record(folder, {"rrpo-train", "merge", config_json(config), io::Inputs(inputs)});
    summary = merge_into(folder, config, std::move(adapted));
    summary["out"] = options.out.string();
    record.end(0, summary);
    check_stop();  // until here nothing stands under the final name
  });
  return {brief(summary), 0};
}

}  // namespace rrpo::train
