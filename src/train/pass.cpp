#include "rrpo/train/pass.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

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

/// What the policy sees of the clips of a batch.
Visual policy_tokens(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  const model::Lvlm& lvlm = scorer.policy.lvlm;
  const bool adapted = model::adapts_vision(lvlm);
  Visual visual;
  for (const data::Clip& clip : batch.clips) {
    visual.push_back(adapted ? model::encode(lvlm, clip.input, model::Adapter::on, dataset.eye_text(clip.video))
                             : frozen_tokens(scorer, dataset, clip, model::Adapter::on));
  }
  return visual;
}

/// What the reference sees of them: the same, unless the adapter sits on the eye.
Visual reference_tokens(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                        const Visual& policy) {
  if (!scorer.objective.needs_reference || !model::adapts_vision(scorer.policy.lvlm)) return policy;
  const at::NoGradGuard frozen;
  Visual visual;
  for (size_t c = 0; c < batch.clips.size(); ++c) {
    visual.push_back(frozen_tokens(scorer, dataset, batch.clips[c], model::Adapter::off));
    if (visual[c].runs == policy[c].runs) continue;
    throw Error(Fault::usage, "train", "the adapter on the eye changes how many visual tokens a clip comes to",
                "adapt the decoder and the projector only");
  }
  return visual;
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
    for (const data::AskedClip* asked : data::clips_of(sample))
      check_length(scorer.policy, sample, *asked, clips.at(of_video.at(asked->video)), sample.id);
  }
  return data::pack_pairs(dataset, batch.place.rows, clips);
}

/// The reference of a pass: rows that a cache had, or what it sees.
struct Reference {
  Visual visual;
  std::string name = {};  ///< of its rows in the cache; empty: none is asked
  at::Tensor kept = {};
};

/// Looks for the rows before anybody encodes or computes for them.
Reference find_reference(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                         const data::PackedPairs& packed) {
  Reference reference;
  if (scorer.references == nullptr || scorer.cache == nullptr || !scorer.objective.needs_reference) return reference;
  std::vector<std::string> clips;
  for (const data::Clip& clip : batch.clips) {
    clips.push_back(scorer.cache->name(dataset.videos[static_cast<size_t>(clip.video)], dataset.eye_text(clip.video)));
  }
  reference.name = data::reference_name(clips, packed.rows);
  if (model::has_adapter(scorer.policy.lvlm)) reference.kept = scorer.references->find(reference.name);
  return reference;
}

/// On the device, without waiting for it: pinned memory is read when its turn comes.
at::Tensor sent(const at::Tensor& tensor, at::Device device) {
  return device.is_cuda() ? tensor.pin_memory().to(tensor.options().device(device), /*non_blocking=*/true) : tensor;
}

at::Tensor reference_rows(const Scorer& scorer, const model::RowsPlan& plan, const Reference& reference,
                          const at::Tensor& policy_rows) {
  if (!scorer.objective.needs_reference) return {};
  if (reference.kept.defined()) return sent(reference.kept, policy_rows.device());
  const model::Lvlm& lvlm = scorer.policy.lvlm;
  const at::NoGradGuard frozen;
  const at::Tensor rows = model::has_adapter(lvlm)
                              ? model::hidden(lvlm, plan, reference.visual, {.adapter = model::Adapter::off})
                              : policy_rows.detach();
  if (!reference.name.empty()) scorer.references->insert(reference.name, rows);
  return rows;
}

Pass run_pass(const Scorer& scorer, data::PackedPairs packed, const Visual& visual, const Reference& reference) {
  const at::Tensor head = model::head(scorer.policy.lvlm);
  const at::Device device = head.device();
  Pass pass;
  pass.packed = std::move(packed);
  const auto plan = model::plan_rows(scorer.policy.lvlm, pass.packed.rows);
  const at::Tensor rows = model::hidden(scorer.policy.lvlm, *plan, visual, scorer.rules);
  const at::Tensor other = reference_rows(scorer, *plan, reference, rows);
  const loss::TokenValues values = loss::token_values(rows, head, other, sent(pass.packed.labels, device));
  pass.stats = {values.logp,
                values.ref_logp,
                values.kl,
                sent(pass.packed.answer, device),
                sent(pass.packed.phrase, device),
                sent(pass.packed.weight.to(values.logp.scalar_type()), device),
                pass.packed.weight.numel(),
                pass.packed.roles};
  pass.outputs = scorer.objective.losses(pass.stats, scorer.past ? *scorer.past : std::vector<loss::Past>());
  return pass;
}

/// True where no loss, log-probability or divergence is otherwise: one wait for the device.
bool all_finite(const Pass& pass) {
  std::vector<at::Tensor> all;
  for (const loss::LossOutput& output : pass.outputs) all.push_back(output.loss.detach());
  for (const at::Tensor& values : {pass.stats.logp, pass.stats.ref_logp, pass.stats.kl}) {
    if (values.defined()) all.push_back(values.detach());
  }
  return at::cat(all).isfinite().all().item<bool>();
}

}  // namespace

Pass forward(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  const Visual visual = policy_tokens(scorer, dataset, batch);
  data::PackedPairs packed = pack(scorer, dataset, batch, visual);
  Reference reference = find_reference(scorer, dataset, batch, packed);
  if (!reference.kept.defined()) reference.visual = reference_tokens(scorer, dataset, batch, visual);
  Pass pass = run_pass(scorer, std::move(packed), visual, reference);
  if (!reference.name.empty()) pass.reference_hits = reference.kept.defined() ? batch.pairs() : 0;
  return pass;
}

Pass forward(const Scorer& scorer, data::PackedPairs packed, const Visual& visual, const Visual& reference_visual) {
  return run_pass(scorer, std::move(packed), visual, {.visual = reference_visual});
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
  for (const loss::LossOutput& output : pass.outputs) note(output.loss, {});
  for (const at::Tensor& tokens : {pass.stats.logp, pass.stats.ref_logp, pass.stats.kl}) note(tokens, pass.packed.answer);
  std::vector<std::string> ids;
  for (size_t i = 0; i < bad.size(); ++i) {
    if (bad[i] != 0) ids.push_back(batch.ids[i]);
  }
  return ids;
}

at::Tensor total_loss(const Pass& pass, const loss::Objective& objective) {
  at::Tensor total;
  for (size_t i = 0; i < pass.outputs.size(); ++i) {
    const double weight = objective.terms.at(i).weight;
    const at::Tensor sum = pass.outputs[i].loss.sum();
    const at::Tensor term = weight == 1 ? sum : sum.mul(weight);
    total = total.defined() ? total.add(term) : term;
  }
  return total;
}

void check_finite(const Pass& pass, const data::PairBatch& batch) {
  if (all_finite(pass)) return;
  throw Error(Fault::numerics, "score", "what the model computes is not finite for " + join(pairs_not_finite(pass, batch)),
              "check the checkpoint and its adapter, or model.dtype=float32");
}

}  // namespace rrpo::train
