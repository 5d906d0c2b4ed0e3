// What is VideoChat2-Mistral's own, by the golden files of scripts/oracles/videochat2.py: the text that its eye reads,
// places, conversations of training, marks, the adapter of its last stage. What all families have in common is held to those
// files by family_golden_test.cpp, losses and steps by tests/train/videochat2_test.cpp.
#include "policy/videochat2_golden.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include "../../src/model/vision/umt.h"
#include "rrpo/model/family.h"
#include "rrpo/model/merge.h"
#include "rrpo/model/weights.h"
#include "rrpo/text/token_diff.h"
#include "rrpo/util/table.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

using rrpo::test::expect_parity;
using rrpo::test::expect_same;

constexpr const char* kPart = "videochat2_mistral";

rrpo::test::Comparison row_of(const std::string& compared, double tolerance = 0) {
  return {kPart, "RRPO's authors' code a905573, " + rrpo::test::original(videochat2().json, "transformers"), compared,
          tolerance};
}

TEST(VideoChat2, TheEyeReadsTheInstruction) {
  const Policy asking = open_videochat2("videochat2"), training = open_videochat2("videochat2_train");
  EXPECT_EQ(asking.chat.instruction, videochat2().json.at("system").get<std::string>());
  EXPECT_EQ(eye_text(asking, "What?"),
            asking.eye_words->encode_for_eye(videochat2().json.at("system").get<std::string>(), 512));
  EXPECT_EQ(eye_text(training, "What?"), ids_of(videochat2().json.at("read")[0].at("ids")));
}

TEST(VideoChat2, TokensDependOnWhatTheEyeReads) {
  const at::NoGradGuard no_grad;
  for (const auto& [dtype, tolerance] : {std::pair{model::Dtype::float64, 3e-7}, {model::Dtype::float32, 1e-4}}) {
    const Policy policy = open_videochat2("auto", dtype);
    const Json& read = videochat2().json.at("read");
    for (size_t k = 0; k < read.size(); ++k) {
      const std::vector<int64_t> ids = policy.eye_words->encode_for_eye(read[k].at("text").get<std::string>(), 512);
      expect_same(row_of("ids that the Q-Former reads"), ids == ids_of(read[k].at("ids")), read[k].at("text"));
      const at::Tensor tokens =
          model::encode(policy.lvlm, family_clip(policy, videochat2().clip(0)), model::Adapter::on, ids).tokens;
      expect_parity(row_of("visual tokens under several instructions" + in_type(dtype), tolerance),
                    relative(tokens, videochat2().tensor("read", k)));
    }
  }
}

TEST(VideoChat2, PlacesOfThePublishedGrid) {
  model::Umt tower;
  tower.image = 224, tower.patch = 16, tower.table_frames = 4, tower.table_side = 14;
  tower.patch_weight = at::ones({24, 3, 1, 16, 16});
  const at::Tensor mine = model::umt_places(tower, 6).view({6, 196, 24}).slice(1, 0, 196, 13);
  expect_parity(row_of("places of 6 frames of 14 x 14 patches", 1e-6), relative(mine, videochat2().tensors.at("places")));
}

TEST(VideoChat2, ConversationsOfTrainingAreTheSameIdsAndMarks) {
  const Json& training = videochat2().json.at("training");
  const Policy policy = open_videochat2("videochat2_train");
  const size_t pairs = training.at("pairs").size();
  size_t longest = 0;
  for (size_t i = 0; i < pairs; ++i) {
    const Json& pair = training.at("pairs")[i];
    EXPECT_EQ(with_instruction(policy.chat, pair.at("instruction")).instruction, pair.at("read").get<std::string>());
    const Conversation words = conversation(policy, pair);
    const size_t size = training.at("labels")[i].size();
    const std::vector<int64_t> chosen = label_row(words, words.chosen, size),
                               rejected = label_row(words, words.rejected, size);
    expect_same(row_of("labels of conversations of training"),
                chosen == ids_of(training.at("labels")[i]) && rejected == ids_of(training.at("labels")[pairs + i]),
                pair.dump());
    longest = std::max(longest, size);
    const text::DifferenceMarks marks = text::difference_marks(chosen, rejected);
    expect_same(row_of("marks of differences over whole rows of labels"),
                marks.a == ids_of(training.at("marks")[i]) && marks.b == ids_of(training.at("marks")[pairs + i]),
                pair.dump());
  }
  EXPECT_GE(longest, 200u) << "shorter rows show nothing of difflib's rule for popular elements";
}

TEST(VideoChat2, ThePublishedModelHasAsManyNumbersAsTheOriginal) {
  const Json& published = videochat2().json.at("published");
  model::LoadOptions options;
  options.device = "meta";
  model::Lvlm lvlm = find_row(model::families(), kPart)->build(published.at("config"), options);
  int64_t eye = 0, decoder = 0;
  for (const model::NamedTensor& tensor : model::tensors(lvlm))
    (tensor.part == model::Part::decoder ? decoder : eye) += tensor.tensor->numel();
  EXPECT_EQ(eye, published.at("eye").get<int64_t>());
  EXPECT_EQ(decoder, published.at("decoder").get<int64_t>());
}

TEST(VideoChat2, TheFirstIdIsTheBeginning) {
  const Policy policy = open_videochat2("videochat2");
  const std::vector<int64_t> lead = clip_leads(policy, {model::plain_run(96)}).front();
  EXPECT_EQ(lead.front(), policy.tokenizer->id_of("<s>"));
  EXPECT_EQ(policy.tokenizer->id_of("<s>"), 1);
}

/// Log-probabilities of one side of a golden pair.
at::Tensor logp_of(const Policy& policy, const Json& pair, const char* side) {
  const std::vector<int64_t> ids = ids_of(pair.at(side).at("ids"));
  const at::Tensor logits = answer_logits(policy, videochat2().clip(pair.at("clip")), pair.at("question"), ids);
  return logits.to(at::kDouble).log_softmax(1).gather(1, at::tensor(ids).unsqueeze(1)).squeeze(1);
}

TEST(VideoChat2, AMergedFolderAnswersAsTheOriginalWithTheAdapter) {
  const at::NoGradGuard no_grad;
  const rrpo::test::TempDir folder;
  for (const auto& entry : std::filesystem::directory_iterator(videochat2().checkpoint)) {
    if (entry.path().extension() != ".safetensors")
      std::filesystem::copy_file(entry.path(), folder.path() / entry.path().filename());
  }
  {
    const Policy adapted = open_family(videochat2(), model::Dtype::float64, "adapter");
    model::write_merged(adapted.lvlm, videochat2().checkpoint, folder.path());
  }
  const Policy merged = open_family(videochat2(), model::Dtype::float64, "", folder.path());
  const Json& run = videochat2().json.at("runs")[0];
  for (size_t p = 0; p < run.at("pairs").size(); ++p) {
    for (const char* side : {"chosen", "rejected"}) {
      const auto expected = run.at("pairs")[p].at(side).at("logp").get<std::vector<double>>();
      expect_parity(row_of("log-probabilities of a merged folder, double", 2e-6),
                    relative(logp_of(merged, videochat2().json.at("pairs")[p], side), at::tensor(expected, at::kDouble)));
    }
  }
}

TEST(VideoChat2, ShapesAloneAreOpened) {
  ModelConfig config;
  config.path = videochat2().checkpoint;
  const Policy shapes = open_shapes(config, "cpu");
  EXPECT_EQ(model::vocabulary(shapes.lvlm), model::vocabulary(open_videochat2().lvlm));
}

/// The tensors of the last stage's adapter, all ones.
std::map<std::string, at::Tensor> stage_of(const model::Lvlm& lvlm) {
  const int64_t width = model::width(lvlm);
  return {{"stage3_lora.alpha", at::ones({1})},
          {"stage3_lora.layers.0.self_attn.q_proj.lora_A.weight", at::ones({2, width})},
          {"stage3_lora.layers.0.self_attn.q_proj.lora_B.weight", at::ones({width, 2})}};
}

TEST(VideoChat2, WhatOfTheLastStageIsRefused) {
  Policy policy = open_videochat2();
  const model::Family& family = *find_row(model::families(), kPart);
  const auto refused = [&](std::map<std::string, at::Tensor> more, const std::string& problem) {
    try {
      family.absorb(policy.lvlm, more);
      ADD_FAILURE() << problem;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      EXPECT_NE(std::string(error.what()).find(problem), std::string::npos) << error.what();
    }
  };
  const std::map<std::string, at::Tensor> whole = stage_of(policy.lvlm);
  auto more = whole;
  more.erase("stage3_lora.alpha");
  refused(more, "alpha: is missing");
  more = whole;
  more.erase("stage3_lora.layers.0.self_attn.q_proj.lora_B.weight");
  refused(more, "holds one of lora_A and lora_B");
  more = whole;
  more["stage3_lora.layers.0.self_attn.q_proj.lora_B.weight"] = at::ones({3, 2});
  refused(more, "do not fit the weight");
  more = whole;
  more["stage3_lora.layers.9.self_attn.q_proj.lora_A.weight"] = at::ones({2, 3});
  refused(more, "modules that the decoder does not have");
}

TEST(VideoChat2, AWindowThatNarrowsIsRefused) {
  const rrpo::test::TempDir folder;
  for (const auto& [window, fits] : {std::pair{2048, true}, {64, false}}) {
    const Json stage{{"set", {{"/text_config/sliding_window", window}}}, {"without", Json::array()}};
    const rrpo::test::TempDir changed;
    shrink(videochat2(), stage, changed.path());
    if (fits) {
      open_family(videochat2(), model::Dtype::float32, "", changed.path());
      continue;
    }
    EXPECT_THROW(open_family(videochat2(), model::Dtype::float32, "", changed.path()), Error);
  }
}

}  // namespace
}  // namespace rrpo::policy::test
