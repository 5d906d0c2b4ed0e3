#include "rrpo/data/pair_batch.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <map>

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

PackedPairs pack_pairs(const Dataset& dataset, const std::vector<int64_t>& numbers, const std::vector<ShownClip>& clips) {
  PackedPairs batch;
  policy::LabelledRows packed;
  // The rows of a video follow it at once: segments stand in the order of their rows.
  const auto pairs = static_cast<int64_t>(numbers.size());
  std::map<int64_t, std::vector<int64_t>> pairs_of_video;
  batch.weight = at::empty({pairs}, at::kDouble);
  for (int64_t i = 0; i < pairs; ++i) {
    const Sample& sample = dataset.samples[static_cast<size_t>(numbers[static_cast<size_t>(i)])];
    pairs_of_video[sample.video].push_back(i);
    batch.weight.mutable_data_ptr<double>()[i] = sample.weight;
  }
  size_t packed_pairs = 0;
  for (size_t c = 0; c < clips.size(); ++c) {
    const int64_t video = packed.add_clip(clips[c].leads, clips[c].runs, static_cast<int64_t>(c));
    for (const int64_t i : pairs_of_video[clips[c].video]) {
      const Sample& sample = dataset.samples[static_cast<size_t>(numbers[static_cast<size_t>(i)])];
      const int64_t question = packed.add_question(video, sample.question);
      const auto add = [&](const text::AnswerIds& answer, int64_t number) {
        packed.add_prompt_labels(question, dataset.before_labels, sample.question_labels, number);
        packed.add_answer(question, answer, number);
      };
      add(sample.chosen, i);
      if (!sample.rejected.ids.empty()) add(sample.rejected, pairs + i);
      ++packed_pairs;
    }
  }
  expect(packed_pairs == numbers.size(), "a row's video is not among the clips of its micro-batch");
  batch.labels = tensor_of(packed.labels);
  batch.phrase = tensor_of(packed.phrase);
  batch.answer = tensor_of(packed.answer);
  batch.rows = std::move(packed.rows);
  return batch;
}

}  // namespace rrpo::data
