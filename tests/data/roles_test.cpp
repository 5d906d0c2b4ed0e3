// Packed roles against separate passes: every answer by itself under its clip, read from the row's JSON and decoded here.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "other_clips.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/loader.h"
#include "rrpo/data/media.h"
#include "rrpo/policy/sequence.h"
#include "rrpo/text/chat.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::data {
namespace {

using test::pair_with;
using test::pictures;
using test::TinyWorld;

/// What a role means, in the keys of a row; the clip of "" is the row itself.
struct Meaning {
  Role role;
  const char *answer, *clip;
};
constexpr std::array<Meaning, 6> kMeanings = {{{Role::chosen, "chosen", ""},
                                               {Role::rejected, "rejected", ""},
                                               {Role::chosen_other, "chosen", "other"},
                                               {Role::rejected_other, "rejected", "other"},
                                               {Role::other_chosen, "other_chosen", "other"},
                                               {Role::other_chosen_video, "other_chosen", ""}}};
const std::vector<Role> kAll = {Role::chosen,         Role::rejected,     Role::chosen_other,
                                Role::rejected_other, Role::other_chosen, Role::other_chosen_video};

std::vector<double> log_probabilities(const policy::Policy& policy, const model::PackedRows& rows,
                                      const std::vector<model::VisualTokens>& visual, const at::Tensor& labels) {
  const at::Tensor hidden = model::hidden(policy.lvlm, rows, visual, model::Adapter::off);
  const at::Tensor logp = at::log_softmax(hidden.matmul(model::head(policy.lvlm).t()), -1);
  const at::Tensor own = logp.gather(1, labels.unsqueeze(1)).contiguous();
  return {own.const_data_ptr<double>(), own.const_data_ptr<double>() + own.numel()};
}

/// Rows of one world, all packed into one pass.
struct Packed {
  const TinyWorld& world;
  const std::vector<Json>& rows;
  policy::Policy policy = world.open(model::Dtype::float64);
  DatasetRules rules;
  Dataset dataset;
  PairBatch batch;
  std::vector<model::VisualTokens> visual;
  std::vector<ShownClip> clips;

  Packed(const TinyWorld& world, const std::vector<Json>& rows, const DatasetRules& rules)
      : world(world),
        rows(rows),
        rules(rules),
        dataset(read_dataset({write_pairs(world, rows)}, world.root(), policy, rules)) {
    const auto count = static_cast<int64_t>(rows.size());
    Loader loader(dataset, policy, nullptr,
                  {.root = world.root(), .order = {.shuffle = false}, .batch = {.batch = count, .micro = count}}, 0, 1);
    batch = *loader.next();
    for (const Clip& clip : batch.clips) {
      visual.push_back(model::encode(policy.lvlm, clip.input));
      clips.push_back({policy::clip_leads(policy, visual.back().runs), visual.back().runs, clip.video});
    }
  }

  PackedPairs pack(bool to_reference = false) const { return pack_pairs(dataset, batch.place.rows, clips, to_reference); }

  /// By number of the answer: what a packed pass says of its labels, one after the other.
  std::vector<std::vector<double>> together(const PackedPairs& packed) const {
    std::vector<std::vector<double>> answers(packed.roles.size() * rows.size());
    const std::vector<double> logp = log_probabilities(policy, packed.rows, visual, packed.labels);
    for (size_t m = 0; m < logp.size(); ++m)
      answers[static_cast<size_t>(packed.answer[static_cast<int64_t>(m)].item<int64_t>())].push_back(logp[m]);
    return answers;
  }

  /// The same of one answer in a pass of its own.
  std::vector<double> alone(const Json& row, const char* answer_key, const char* clip_key) const {
    const Json clip = clip_key[0] == 0 ? row : row.at(clip_key);
    rows::Media media;
    media.frames = (clip.contains("frames") ? clip : row).at("frames").get<std::vector<std::string>>();
    video::Frames frames = read_media(media, world.root(), {});
    if (clip.contains("perturb")) {
      const auto steps = video::parse_perturbations(clip.at("perturb"), "test");
      frames = video::perturb(frames, steps, clip.at("seed").get<uint64_t>(), media.key());
    }
    const model::VisualTokens tokens = model::encode(policy.lvlm, clip_input(policy, media, frames, {}));
    text::MarkedText marked;
    marked.text = row.at(answer_key).at("text").get<std::string>();
    policy::LabelledRows pass;
    const int64_t video = pass.add_clip(policy::clip_leads(policy, tokens.runs), tokens.runs, 0);
    const std::string question = row.at("question").get<std::string>();
    pass.add_answer(pass.add_question(video, text::encode_question(*policy.tokenizer, policy.chat, question)),
                    text::encode_answer(*policy.tokenizer, marked, policy.end_of_turn, policy.chat.answer_end), 0);
    return log_probabilities(policy, pass.rows, {tokens}, at::tensor(pass.labels));
  }

  /// Each answer of a pass as it is alone; `own_clip` is the key of what stands in the place of the row's own clip.
  void expect_separate(const PackedPairs& packed, const char* own_clip = "") const {
    const std::vector<std::vector<double>> answers = together(packed);
    for (size_t r = 0; r < packed.roles.size(); ++r) {
      const Meaning& meaning = kMeanings[static_cast<size_t>(packed.roles[r])];
      ASSERT_EQ(meaning.role, packed.roles[r]);
      for (size_t i = 0; i < rows.size(); ++i) {
        const char* clip = meaning.clip[0] == 0 ? own_clip : meaning.clip;
        const std::vector<double> expected = alone(rows[i], meaning.answer, clip), &found = answers[r * rows.size() + i];
        ASSERT_EQ(found.size(), expected.size()) << parts(meaning.role).name << " of row " << i;
        for (size_t t = 0; t < found.size(); ++t)
          EXPECT_NEAR(found[t], expected[t], 1e-6) << parts(meaning.role).name << " of row " << i << ", token " << t;
      }
    }
  }
};

Json perturbed(const Json& steps, uint64_t seed) { return {{"perturb", steps}, {"seed", seed}}; }

/// A longer clip; the own clip of another row, which shows this row's own in turn; the row's own clip, perturbed; the clip
/// of the first row once more.
std::vector<Json> four_rows() {
  return {pair_with(0, 0, pictures({"2-0", "2-1", "1-0"})), pair_with(1, 1, pictures({"0-0", "0-1"})),
          pair_with(2, 0, perturbed(Json::array({{{"name", "mask"}, {"area", {0.4, 0.5}}}, "reverse"}), 5)),
          pair_with(3, 2, pictures({"2-0", "2-1", "1-0"}))};
}

TEST(Roles, PackedEqualSeparatePasses) {
  const at::NoGradGuard frozen;
  const TinyWorld world;
  const std::vector<Json> rows = four_rows();
  const Packed pass(world, rows, {.roles = kAll});
  const PackedPairs packed = pass.pack();
  EXPECT_EQ(pass.batch.clips.size(), 5U);  // v0, the longer one, v1, v0 perturbed, v2: each once
  EXPECT_GT(pass.clips[1].visual_tokens(), pass.clips[0].visual_tokens());
  // 5 clips, 4 questions about each of both clips, 3 answers under each of them.
  EXPECT_EQ(packed.rows.segments.size(), 5U + 8U + 24U);
  pass.expect_separate(packed);
}

TEST(Roles, ReadWhatTheyAreAskedForInAnyCombination) {
  const at::NoGradGuard frozen;
  const TinyWorld world;
  const std::vector<Json> rows = four_rows();
  for (const std::vector<Role>& roles : {std::vector{Role::chosen, Role::chosen_other},
                                         {Role::chosen, Role::rejected, Role::other_chosen},
                                         {Role::chosen, Role::other_chosen_video}}) {
    const Packed pass(world, rows, {.roles = roles, .marks = false});
    pass.expect_separate(pass.pack());
  }
}

/// Rows whose videos repeat in another order than what the reference is shown.
TEST(Roles, TheReferenceReadsTheSameLabelsUnderItsOwnClips) {
  const at::NoGradGuard frozen;
  const TinyWorld world(4, 1);
  std::vector<Json> rows = {pair_with(0, 0, pictures({"1-0"})), pair_with(1, 1, pictures({"1-0"})),
                            pair_with(2, 0, pictures({"3-0"}))};
  rows[0]["reference"] = pictures({"3-0", "3-1", "2-0"});
  rows[1]["reference"] = perturbed(Json::array({"reverse"}), 1);
  rows[2]["reference"] = pictures({"2-1"});
  const Packed pass(world, rows, {.roles = {Role::chosen, Role::rejected, Role::chosen_other}, .reference_apart = true});
  const PackedPairs policy = pass.pack(), reference = pass.pack(/*to_reference=*/true);
  pass.expect_separate(policy);
  pass.expect_separate(reference, "reference");
  EXPECT_TRUE(reference.labels.equal(policy.labels));
  EXPECT_TRUE(reference.phrase.equal(policy.phrase));
  EXPECT_TRUE(reference.answer.equal(policy.answer));
  EXPECT_TRUE(reference.weight.equal(policy.weight));
}

TEST(Roles, ThatNobodyReadsCostNothing) {
  const at::NoGradGuard frozen;
  const TinyWorld world;
  std::vector<Json> rows = four_rows(), plain = rows;
  for (Json& row : rows) row["reference"] = pictures({"not there"});
  rows[0]["other"] = pictures({"nor this"});
  for (Json& row : plain) {
    row.erase("other");
    row.erase("other_chosen");
  }
  const Packed pass(world, rows, {}), expected(world, plain, {});
  EXPECT_EQ(pass.dataset.videos.size(), 3U);
  EXPECT_FALSE(pass.dataset.samples[0].other);
  EXPECT_FALSE(pass.dataset.samples[0].reference);
  EXPECT_TRUE(pass.dataset.samples[0].other_chosen.ids.empty());
  EXPECT_EQ(pass.batch.clips.size(), expected.batch.clips.size());
  const PackedPairs packed = pass.pack(), bare = expected.pack();
  EXPECT_EQ(packed.rows.ids, bare.rows.ids);
  EXPECT_EQ(packed.rows.segments.size(), 3U + 4U + 8U);
  EXPECT_EQ(packed.rows.read_rows, bare.rows.read_rows);
}

TEST(Roles, AnswersStandByTheirNumbers) {
  const TinyWorld world;
  const std::vector<Json> rows = four_rows();
  const Packed pass(world, rows, {.roles = kAll});
  const at::Tensor answer = pass.pack().answer;
  EXPECT_TRUE(answer.slice(0, 1).ge(answer.slice(0, 0, -1)).all().item<bool>());
  EXPECT_EQ(answer[-1].item<int64_t>(), 6 * 4 - 1);
}

}  // namespace
}  // namespace rrpo::data
