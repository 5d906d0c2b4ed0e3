#include "rrpo/data/pair_batch.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "rrpo/policy/sequence.h"
#include "rrpo/util/error.h"

namespace rrpo::data {

namespace {

at::Tensor tensor_of(const std::vector<int64_t>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

}  // namespace

int64_t ShownClip::words() const {
  int64_t words = 0;
  for (const std::vector<int64_t>& lead : leads) words += static_cast<int64_t>(lead.size());
  return words;
}

int64_t ShownClip::visual_tokens() const {
  int64_t tokens = 0;
  for (const model::VisualRun& run : runs) tokens += run.count;
  return tokens;
}

namespace {

/// A pair whose question is asked about a clip, with the roles whose answers then follow.
struct Asking {
  int64_t pair = 0;
  const AskedClip* asked = nullptr;
  std::vector<size_t> roles;  ///< places in Dataset::roles
};

/// Who asks about each video, pairs in their order, of one pair its own clip first.
std::map<int64_t, std::vector<Asking>> askings_of(const Dataset& dataset, const std::vector<int64_t>& numbers,
                                                  bool to_reference) {
  std::map<int64_t, std::vector<Asking>> all;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const Sample& sample = dataset.samples[static_cast<size_t>(numbers[i])];
    std::map<const AskedClip*, std::vector<size_t>> roles;
    for (size_t r = 0; r < dataset.roles.size(); ++r) {
      if (answer_of(sample, dataset.roles[r]).ids.empty()) continue;
      roles[&clip_of(sample, dataset.roles[r], to_reference)].push_back(r);
    }
    for (const AskedClip* asked : clips_of(sample)) {
      const auto found = roles.find(asked);
      if (found == roles.end()) continue;
      all[asked->video].push_back({static_cast<int64_t>(i), asked, found->second});
    }
  }
  return all;
}

/// Puts the read rows in the order of their answers, in which a role stands together. It does not depend on which clips the
/// answers stand under, so what is packed for the reference reads the same labels in the same order.
void stand_by_answer(policy::LabelledRows& packed) {
  std::vector<size_t> order(packed.answer.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return packed.answer[a] < packed.answer[b]; });
  for (std::vector<int64_t>* values : {&packed.rows.read_rows, &packed.labels, &packed.phrase, &packed.answer}) {
    std::vector<int64_t> sorted;
    for (const size_t i : order) sorted.push_back((*values)[i]);
    *values = std::move(sorted);
  }
}

}  // namespace

PackedPairs pack_pairs(const Dataset& dataset, const std::vector<int64_t>& numbers, const std::vector<ShownClip>& clips,
                       bool to_reference) {
  PackedPairs batch;
  policy::LabelledRows packed;
  const auto pairs = static_cast<int64_t>(numbers.size());
  batch.roles = dataset.roles;
  batch.weight = at::empty({pairs}, at::kDouble);
  const auto sample_of = [&](int64_t i) -> const Sample& {
    return dataset.samples[static_cast<size_t>(numbers[static_cast<size_t>(i)])];
  };
  for (int64_t i = 0; i < pairs; ++i) batch.weight.mutable_data_ptr<double>()[i] = sample_of(i).weight;
  // The rows of a video follow it at once: segments stand in the order of their rows.
  std::map<int64_t, std::vector<Asking>> askings = askings_of(dataset, numbers, to_reference);
  for (size_t c = 0; c < clips.size(); ++c) {
    const auto found = askings.find(clips[c].video);
    if (found == askings.end()) continue;
    const int64_t video = packed.add_clip(clips[c].leads, clips[c].runs, static_cast<int64_t>(c));
    for (const Asking& asking : found->second) {
      const Sample& sample = sample_of(asking.pair);
      const int64_t question = packed.add_question(video, asking.asked->question);
      for (const size_t role : asking.roles) {
        const int64_t number = static_cast<int64_t>(role) * pairs + asking.pair;
        packed.add_prompt_labels(question, dataset.before_labels, asking.asked->labels, number);
        packed.add_answer(question, answer_of(sample, dataset.roles[role]), number);
      }
    }
    askings.erase(found);
  }
  expect(askings.empty(), "a row's video is not among the clips of its micro-batch");
  stand_by_answer(packed);
  batch.labels = tensor_of(packed.labels);
  batch.phrase = tensor_of(packed.phrase);
  batch.answer = tensor_of(packed.answer);
  batch.rows = std::move(packed.rows);
  return batch;
}

}  // namespace rrpo::data
