// The plan's memory against what an allocator counts: a pass forward and backward over made-up rows of a random model.
#include <ATen/Parallel.h>
#include <ATen/ops/randn.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>

#include "rrpo/train/learner.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/plan.h"
#include "support/temp_dir.h"

namespace rrpo::train {
namespace {

/// Counts live bytes of LibTorch's CPU tensors and remembers the most there were. What it lends is its own context, as
/// LibTorch's raw scratch memory on some processors needs it: the sizes stand beside.
class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    void* data = nullptr;
    if (posix_memalign(&data, 64, bytes) != 0) throw std::bad_alloc();
    const std::lock_guard lock(mutex_);
    sizes_[data] = static_cast<int64_t>(bytes);
    live_ += static_cast<int64_t>(bytes);
    most_ = std::max(most_, live_);
    return {data, data, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }
  int64_t live() const { return live_; }
  int64_t most() const { return most_; }
  void forget() { most_ = live_; }
  static CountingAllocator& instance() {
    static CountingAllocator one;  // tensors may outlive the scope of a test
    return one;
  }

 private:
  static void release(void* data) {
    if (data == nullptr) return;
    CountingAllocator& own = instance();
    const std::lock_guard lock(own.mutex_);
    const auto found = own.sizes_.find(data);
    own.live_ -= found->second;
    own.sizes_.erase(found);
    std::free(data);
  }
  std::mutex mutex_;
  std::unordered_map<void*, int64_t> sizes_;
  int64_t live_ = 0, most_ = 0;
};

/// While this lives, LibTorch's CPU tensors are counted.
class Counted {
 public:
  Counted() : before_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(&allocator(), 200); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { c10::SetCPUAllocator(before_, 200); }
  static CountingAllocator& allocator() { return CountingAllocator::instance(); }

 private:
  c10::Allocator* before_;
};

struct Shape {
  int64_t width, inner, layers, vocabulary, rank;
};
struct Rows {
  int64_t visual, question, chosen, rejected, pairs;
};

/// A model without values.
model::Lvlm shapes_of(const Shape& shape, model::Dtype dtype) {
  Json config = read_json(test::source_file("data/toy/recipe/config.json"), "test");
  config["tie_word_embeddings"] = false;
  config["text_config"].update({{"hidden_size", shape.width},
                                {"intermediate_size", shape.inner},
                                {"num_hidden_layers", shape.layers},
                                {"num_attention_heads", shape.width / 32},
                                {"num_key_value_heads", 2},
                                {"head_dim", 32},
                                {"vocab_size", shape.vocabulary},
                                {"tie_word_embeddings", false}});
  model::LoadOptions options;
  options.dtype = dtype;
  return model::family_of(config, "test").build(config, options);
}

model::Lvlm random_model(const Shape& shape, model::Dtype dtype) {
  model::Lvlm lvlm = shapes_of(shape, dtype);
  for (const model::NamedTensor& weight : model::tensors(lvlm))
    *weight.tensor = at::randn(weight.shape, at::kFloat).mul_(0.05).to(weight.tensor->scalar_type());
  return lvlm;
}

data::Sample sample_of(const Rows& rows, int64_t number) {
  data::Sample sample;
  sample.id = std::to_string(number);
  sample.media.video = "clip.mp4";
  sample.question.assign(static_cast<size_t>(rows.question), 5);
  const auto answer = [](int64_t length) {
    text::AnswerIds ids;
    ids.ids.assign(static_cast<size_t>(length), 6);
    ids.phrase.assign(static_cast<size_t>(length), 1);
    return ids;
  };
  sample.chosen = answer(rows.chosen);
  sample.rejected = answer(rows.rejected);
  return sample;
}

data::Dataset dataset_of(const Rows& rows) {
  data::Dataset dataset;
  for (int64_t i = 0; i < rows.pairs; ++i) dataset.samples.push_back(sample_of(rows, i));
  dataset.videos.push_back(dataset.samples.front().media);
  return dataset;
}

/// Peak bytes of the second pass of a window, over what the program held before the model was made.
int64_t measured(const Shape& shape, const Rows& rows, model::Dtype dtype, const Json& objective) {
  const Counted counted;
  const int64_t before = Counted::allocator().live();
  policy::Policy policy{.lvlm = random_model(shape, dtype),
                        .tokenizer = nullptr,
                        .chat = text::chat_templates().front(),
                        .stop_ids = {},
                        .pixels = {},
                        .folder = {}};
  TrainConfig config;
  config.lora.rank = shape.rank;
  AdamW optimizer(prepare_trainable(policy, config), config.optim);
  const loss::Objective row = loss::make_objective(objective);
  const data::Dataset dataset = dataset_of(rows);
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < rows.pairs; ++i) numbers.push_back(i);
  int64_t most = 0;
  for (int pass = 0; pass < 2; ++pass) {
    const std::vector<model::VisualTokens> visual = {
        {at::randn({rows.visual, model::width(policy.lvlm)}), {}, {model::plain_run(rows.visual)}}};
    data::PackedPairs packed = data::pack_pairs(dataset, numbers, {{{{1, 2, 3}}, visual.front().runs, 0}});
    Counted::allocator().forget();
    forward({policy, row}, std::move(packed), visual, visual).output.loss.sum().backward();
    most = Counted::allocator().most() - before;
  }
  return most;
}

TEST(Memory, OfAPassOnTheCpuIsWhatAnAllocatorCounts) {
  at::set_num_threads(1);
  const Shape narrow{128, 352, 4, 2048, 16}, wide{256, 1408, 3, 8192, 32}, long_vocabulary{128, 352, 3, 60000, 8};
  struct Case {
    Shape shape;
    Rows rows;
    model::Dtype dtype;
  };
  for (const Case& one :
       {Case{narrow, {300, 20, 40, 50, 1}, model::Dtype::float32}, Case{narrow, {900, 20, 60, 60, 1}, model::Dtype::float32},
        Case{wide, {600, 30, 60, 60, 1}, model::Dtype::float32}, Case{wide, {400, 15, 40, 40, 4}, model::Dtype::float32},
        Case{long_vocabulary, {300, 20, 40, 50, 1}, model::Dtype::float32},
        Case{narrow, {900, 20, 60, 60, 1}, model::Dtype::bfloat16},
        Case{wide, {600, 30, 60, 60, 1}, model::Dtype::bfloat16}}) {
    const Json objective = {{"name", "rrpo"}};
    const double counted = static_cast<double>(measured(one.shape, one.rows, one.dtype, objective));
    const ModelShape shape = shape_of(shapes_of(one.shape, one.dtype), {one.shape.rank, 1, LoraFields().targets});
    PairRows rows;
    rows.prefix = static_cast<double>(one.rows.visual + 3);
    rows.question = static_cast<double>(one.rows.question);
    rows.chosen = static_cast<double>(one.rows.chosen - 1);
    rows.rejected = static_cast<double>(one.rows.rejected - 1);
    rows.read = static_cast<double>(one.rows.chosen + one.rows.rejected);
    rows.pairs = one.rows.pairs;
    const Memory memory = memory_of(shape, rows, {}, memory_rules(/*gpu=*/false, /*several_passes=*/true));
    EXPECT_NEAR(memory.total() / counted, 1, 0.02) << rows.rows() << " rows, " << counted << " bytes";
  }
}

}  // namespace
}  // namespace rrpo::train
