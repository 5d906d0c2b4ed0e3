#include "asked.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "rrpo/data/length.h"
#include "rrpo/util/error.h"

namespace rrpo::train {

namespace {

/// The visual tokens of a clip without the adapter: those of a cache, or encoded now and given to it.
model::VisualTokens frozen_tokens(const Scorer& scorer, const data::Dataset& dataset, const data::Clip& clip,
                                  model::Adapter adapter) {
  const rows::View& view = dataset.videos[static_cast<size_t>(clip.video)];
  const std::vector<int64_t>& text = dataset.eye_text(clip.video);
  model::VisualTokens visual = clip.visual;
  if (!visual.defined()) {
    visual = model::encode(scorer.policy.lvlm, clip.input, adapter, text);
    if (scorer.cache) scorer.cache->insert(view, text, visual);
  }
  if (scorer.media) scorer.media->tell(view, visual);
  return visual;
}

}  // namespace

Clips shown_clips(const data::Dataset& dataset, const data::PairBatch& batch, bool to_reference) {
  std::set<int64_t> videos;
  for (const int64_t row : batch.place.rows) {
    const data::Sample& sample = dataset.samples[static_cast<size_t>(row)];
    for (const Role role : dataset.roles) videos.insert(data::clip_of(sample, role, to_reference).video);
  }
  Clips clips;
  for (const data::Clip& clip : batch.clips) {
    if (videos.contains(clip.video)) clips.push_back(&clip);
  }
  return clips;
}

namespace {

/// What the policy sees of clips.
Visual policy_tokens(const Scorer& scorer, const data::Dataset& dataset, const Clips& clips) {
  const model::Lvlm& lvlm = scorer.policy.lvlm;
  const bool adapted = model::adapts_vision(lvlm);
  Visual visual;
  for (const data::Clip* clip : clips) {
    visual.push_back(adapted ? model::encode(lvlm, clip->input, model::Adapter::on, dataset.eye_text(clip->video))
                             : frozen_tokens(scorer, dataset, *clip, model::Adapter::on));
  }
  return visual;
}

/// What the reference sees of clips.
Visual reference_tokens(const Scorer& scorer, const data::Dataset& dataset, const Clips& clips) {
  const at::NoGradGuard frozen;
  Visual visual;
  for (const data::Clip* clip : clips) visual.push_back(frozen_tokens(scorer, dataset, *clip, model::Adapter::off));
  return visual;
}

void require_same_runs(const Visual& policy, const Visual& reference) {
  for (size_t c = 0; c < policy.size(); ++c) {
    if (policy[c].runs == reference[c].runs) continue;
    throw Error(Fault::usage, "train", "the adapter on the eye changes how many visual tokens a clip comes to",
                "adapt the decoder and the projector only");
  }
}

}  // namespace

std::vector<data::ShownClip> prompted(const Scorer& scorer, const data::Dataset& dataset, const Clips& seen,
                                      const Visual& visual) {
  std::vector<data::ShownClip> clips;
  for (size_t c = 0; c < seen.size(); ++c) {
    const std::vector<model::VisualRun>& runs = visual[c].runs;
    auto leads = policy::clip_leads(scorer.policy, runs, seen[c]->input.form.still);
    if (dataset.ones_in_front) leads.at(0).at(0) = model::kOnesRow;
    clips.push_back({std::move(leads), runs, seen[c]->video});
  }
  return clips;
}

data::PackedPairs pack(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch, const Clips& seen,
                       const Visual& visual, bool to_reference) {
  const std::vector<data::ShownClip> clips = prompted(scorer, dataset, seen, visual);
  std::map<int64_t, size_t> of_video;
  for (size_t c = 0; c < clips.size(); ++c) of_video[clips[c].video] = c;
  for (const int64_t row : batch.place.rows) {
    const data::Sample& sample = dataset.samples[static_cast<size_t>(row)];
    for (const data::AskedClip* asked : data::clips_of(sample)) {
      const auto found = of_video.find(asked->video);
      if (found != of_video.end()) check_length(scorer.policy, dataset, sample, *asked, clips[found->second], sample.id);
    }
  }
  return data::pack_pairs(dataset, batch.place.rows, clips, to_reference);
}

namespace {

/// Looks for the rows before anybody computes for them.
void find_kept(const Scorer& scorer, const data::Dataset& dataset, const Clips& seen, const model::PackedRows& rows,
               Reference& reference) {
  if (scorer.references == nullptr || scorer.cache == nullptr || !scorer.objective.needs_reference) return;
  std::vector<std::string> clips;
  for (const data::Clip* clip : seen) {
    clips.push_back(scorer.cache->name(dataset.videos[static_cast<size_t>(clip->video)], dataset.eye_text(clip->video)));
  }
  reference.name = data::reference_name(clips, rows);
  if (model::has_adapter(scorer.policy.lvlm)) reference.kept = scorer.references->find(reference.name);
}

/// The reference that is asked what the policy is asked. It sees the same, unless the adapter sits on the eye.
Reference same_reference(const Scorer& scorer, const data::Dataset& dataset, const Asked& policy) {
  Reference reference;
  find_kept(scorer, dataset, policy.clips, policy.packed.rows, reference);
  if (reference.kept.defined()) return reference;
  const bool other = scorer.objective.needs_reference && model::adapts_vision(scorer.policy.lvlm);
  reference.visual = other ? reference_tokens(scorer, dataset, policy.clips) : policy.visual;
  if (other) require_same_runs(policy.visual, reference.visual);
  return reference;
}

/// The reference that is asked about clips of its own.
Reference apart_reference(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  Reference reference;
  const Clips clips = shown_clips(dataset, batch, /*to_reference=*/true);
  reference.visual = reference_tokens(scorer, dataset, clips);
  reference.apart = pack(scorer, dataset, batch, clips, reference.visual, /*to_reference=*/true);
  find_kept(scorer, dataset, clips, reference.apart->rows, reference);
  return reference;
}

}  // namespace

Asked ask_policy(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  Asked asked;
  asked.clips = shown_clips(dataset, batch, /*to_reference=*/false);
  asked.visual = policy_tokens(scorer, dataset, asked.clips);
  asked.packed = pack(scorer, dataset, batch, asked.clips, asked.visual, /*to_reference=*/false);
  return asked;
}

Reference ask_reference(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                        const Asked& policy) {
  return scorer.objective.reference_apart ? apart_reference(scorer, dataset, batch)
                                          : same_reference(scorer, dataset, policy);
}

at::Tensor aligned(const data::PackedPairs& policy, const data::PackedPairs& reference) {
  // Labels of an answer stand in one order wherever it stands itself.
  std::map<int64_t, std::vector<int64_t>> places;  // in the reference, by answer
  const int64_t* answers = reference.answer.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < reference.answer.numel(); ++i) places[answers[i]].push_back(i);
  expect(policy.answer.numel() == reference.answer.numel(), "the reference is asked for other answers than the policy");
  at::Tensor order = at::empty_like(policy.answer);
  std::map<int64_t, size_t> taken;
  answers = policy.answer.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < order.numel(); ++i)
    order.mutable_data_ptr<int64_t>()[i] = places.at(answers[i]).at(taken[answers[i]]++);
  expect(reference.labels.index_select(0, order).equal(policy.labels), "the reference is asked for other labels");
  return order;
}

}  // namespace rrpo::train
