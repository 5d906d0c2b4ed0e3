#include "rrpo/train/pass.h"

#include <ATen/core/grad_mode.h>

#include <map>
#include <utility>

#include "rrpo/data/length.h"
#include "rrpo/util/error.h"
#include "rrpo/util/table.h"

namespace rrpo::train {

namespace {

using Visual = std::vector<model::VisualTokens>;

/// The visual tokens of a clip without the adapter: those of a cache, or encoded now and given to it.
model::VisualTokens frozen_tokens(const Scorer& scorer, const data::Dataset& dataset, const data::Clip& clip,
                                  model::Adapter adapter) {
  if (clip.visual.defined()) return clip.visual;
  const std::vector<int64_t>& text = dataset.eye_text(clip.video);
  model::VisualTokens visual = model::encode(scorer.policy.lvlm, clip.input, adapter, text);
  if (scorer.cache) scorer.cache->insert(dataset.videos[static_cast<size_t>(clip.video)], text, visual);
  return visual;
}

/// What policy and reference see of the clips of a batch. The same, unless the adapter sits on the eye.
struct Seen {
  Visual policy, reference;
};

Seen see(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  const bool apart = model::adapts_vision(scorer.policy.lvlm);
  Seen seen;
  for (const data::Clip& clip : batch.clips) {
    if (!apart) {
      seen.policy.push_back(frozen_tokens(scorer, dataset, clip, model::Adapter::on));
      continue;
    }
    seen.policy.push_back(model::encode(scorer.policy.lvlm, clip.input, model::Adapter::on, dataset.eye_text(clip.video)));
    if (!scorer.objective.row->needs_reference) continue;
    const at::NoGradGuard frozen;
    seen.reference.push_back(frozen_tokens(scorer, dataset, clip, model::Adapter::off));
    if (seen.reference.back().runs == seen.policy.back().runs) continue;
    throw Error(Fault::usage, "train", "the adapter on the eye changes how many visual tokens a clip comes to",
                "adapt the decoder and the projector only");
  }
  if (!apart) seen.reference = seen.policy;
  return seen;
}

/// The rows of a batch, now that it is known how many tokens its clips come to.
data::PackedPairs pack(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                       const Visual& visual) {
  std::vector<data::ShownClip> clips;
  std::map<int64_t, size_t> of_video;
  for (size_t c = 0; c < batch.clips.size(); ++c) {
    const std::vector<model::VisualRun>& runs = visual[c].runs;
    auto leads = policy::clip_leads(scorer.policy, runs, batch.clips[c].input.form.still);
    if (dataset.ones_in_front) leads.at(0).at(0) = model::kOnesRow;
    clips.push_back({std::move(leads), runs, batch.clips[c].video});
    of_video[batch.clips[c].video] = c;
  }
  for (const int64_t row : batch.place.rows) {
    const data::Sample& sample = dataset.samples[static_cast<size_t>(row)];
    check_length(scorer.policy, sample, clips.at(of_video.at(sample.video)), sample.id);
  }
  return data::pack_pairs(dataset, batch.place.rows, clips);
}

at::Tensor reference_rows(const Scorer& scorer, const data::PackedPairs& packed, const Visual& visual,
                          const at::Tensor& policy_rows) {
  if (!scorer.objective.row->needs_reference) return {};
  if (!model::has_adapter(scorer.policy.lvlm)) return policy_rows.detach();
  const at::NoGradGuard frozen;
  return model::hidden(scorer.policy.lvlm, packed.rows, visual, model::Adapter::off);
}

}  // namespace

Pass forward(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  const Seen seen = see(scorer, dataset, batch);
  return forward(scorer, pack(scorer, dataset, batch, seen.policy), seen.policy, seen.reference);
}

Pass forward(const Scorer& scorer, data::PackedPairs packed, const Visual& visual, const Visual& reference_visual) {
  const at::Tensor head = model::head(scorer.policy.lvlm);
  const at::Device device = head.device();
  const at::Tensor rows = model::hidden(scorer.policy.lvlm, packed.rows, visual);
  const at::Tensor reference = reference_rows(scorer, packed, reference_visual, rows);
  const loss::TokenValues values = loss::token_values(rows, head, reference, packed.labels.to(device));
  loss::TokenStats stats{values.logp,
                         values.ref_logp,
                         values.kl,
                         packed.answer.to(device),
                         packed.phrase.to(device),
                         packed.weight.to(at::TensorOptions(device).dtype(values.logp.scalar_type())),
                         packed.weight.numel()};
  loss::LossOutput output = scorer.objective.loss(stats);
  return {std::move(packed), std::move(stats), std::move(output)};
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
  for (const at::Tensor& tokens : {pass.stats.logp, pass.stats.ref_logp, pass.stats.kl}) note(tokens, pass.packed.answer);
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
