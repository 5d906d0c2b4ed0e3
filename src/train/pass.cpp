#include "rrpo/train/pass.h"

#include <ATen/core/grad_mode.h>

#include "rrpo/util/error.h"
#include "rrpo/util/table.h"

namespace rrpo::train {

namespace {

std::vector<at::Tensor> visual_tokens(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                                      at::Device device) {
  std::vector<at::Tensor> visual;
  for (const data::Clip& clip : batch.clips) {
    if (clip.visual.defined()) {
      visual.push_back(clip.visual.to(device));
      continue;
    }
    visual.push_back(model::encode(scorer.policy.lvlm, clip.input.pixels.to(device), clip.input.picture));
    if (scorer.cache) scorer.cache->insert(dataset.videos[static_cast<size_t>(clip.video)], visual.back());
  }
  return visual;
}

at::Tensor reference_rows(const Scorer& scorer, const data::PairBatch& batch, const std::vector<at::Tensor>& visual,
                          const at::Tensor& policy_rows) {
  if (!scorer.objective.row->needs_reference) return {};
  if (!model::has_adapter(scorer.policy.lvlm)) return policy_rows.detach();
  const at::NoGradGuard frozen;
  const model::AdapterOff off(scorer.policy.lvlm);
  return model::hidden(scorer.policy.lvlm, batch.rows, visual);
}

}  // namespace

Pass forward(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  const at::Tensor head = model::head(scorer.policy.lvlm);
  const at::Device device = head.device();
  const std::vector<at::Tensor> visual = visual_tokens(scorer, dataset, batch, device);
  const at::Tensor rows = model::hidden(scorer.policy.lvlm, batch.rows, visual);
  const at::Tensor reference = reference_rows(scorer, batch, visual, rows);
  const loss::TokenValues values = loss::token_values(rows, head, reference, batch.labels.to(device));
  loss::TokenStats stats{values.logp,
                         values.ref_logp,
                         values.kl,
                         batch.answer.to(device),
                         batch.phrase.to(device),
                         batch.weight.to(at::TensorOptions(device).dtype(values.logp.scalar_type())),
                         batch.pairs()};
  return {stats, scorer.objective.loss(stats)};
}

std::vector<std::string> pairs_not_finite(const Pass& pass, const data::PairBatch& batch) {
  const int64_t pairs = batch.pairs();
  std::vector<char> bad(batch.ids.size(), 0);
  const auto note = [&](const at::Tensor& values, const at::Tensor& answers) {
    if (!values.defined()) return;
    const at::Tensor finite = values.detach().isfinite().cpu();
    const bool* good = finite.const_data_ptr<bool>();
    for (int64_t i = 0; i < finite.numel(); ++i) {
      if (good[i]) continue;
      const int64_t row = answers.defined() ? answers.select(0, i).item<int64_t>() : i;
      bad[static_cast<size_t>(row % pairs)] = 1;
    }
  };
  note(pass.output.loss, {});
  for (const at::Tensor& tokens : {pass.stats.logp, pass.stats.ref_logp, pass.stats.kl}) note(tokens, batch.answer);
  std::vector<std::string> ids;
  for (size_t i = 0; i < bad.size(); ++i) {
    if (bad[i] != 0) ids.push_back(batch.ids[i]);
  }
  return ids;
}

void check_finite(const Pass& pass, const data::PairBatch& batch) {
  const std::vector<std::string> ids = pairs_not_finite(pass, batch);
  if (ids.empty()) return;
  throw Error(Fault::numerics, "score", "what the model computes is not finite for " + join(ids),
              "check the checkpoint and its adapter, or model.dtype=float32");
}

}  // namespace rrpo::train
