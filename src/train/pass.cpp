#include "rrpo/train/pass.h"

#include <ATen/core/grad_mode.h>

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

}  // namespace rrpo::train
