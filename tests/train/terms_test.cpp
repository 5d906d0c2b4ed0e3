// A list of objectives as a user writes one: settings, refusals, metrics, scores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "data/tiny_world.h"
#include "rrpo/loss/loss.h"
#include "rrpo/train/score.h"
#include "rrpo/train/trainer.h"
#include "rrpo/util/error.h"
#include "rrpo/util/fields.h"

namespace rrpo::train {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const Json kSum = Json::parse(R"([{"name": "rrpo", "beta": 0.5}, {"name": "sft", "weight": 0.25}])");

TrainConfig small_config(const TinyWorld& world, const Json& objective = kSum) {
  TrainConfig config;
  config.model.path = world.model();
  config.data.pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.objective = objective;
  config.lora.rank = 2;
  config.lora.alpha = 4;
  config.optim.lr = 1e-2;
  config.train.batch_pairs = 4;
  config.train.micro_pairs = 2;
  config.train.steps = 6;
  config.train.save_every = 0;
  config.device = "cpu";
  return config;
}

std::vector<Json> lines_of(const fs::path& file) {
  std::vector<Json> lines;
  each_json_line(file, "test", [&](const Json& line, int64_t) { lines.push_back(line); });
  return lines;
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

/// The error line of a configuration, or of a run of it.
std::string objection(const std::function<void()>& call, Fault fault = Fault::usage) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
    return error.what();
  }
  return "accepted";
}

TrainConfig read(const TinyWorld& world, const std::vector<std::string>& layers, const std::vector<std::string>& settings) {
  ConfigSources sources{{}, settings};
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string name = "layer-" + std::to_string(i) + ".json";
    world.dir().write(name, layers[i]);
    sources.files.push_back(world / name);
  }
  return read_config<TrainConfig>(sources);
}

TEST(Terms, ASettingReachesOneAndAListReplacesAll) {
  const TinyWorld world;
  const std::string list = R"({"objective": [{"name": "rrpo"}, {"name": "sft", "weight": 0.5}]})";
  EXPECT_EQ(read(world, {list}, {"objective.0.beta=0.3", "objective.1.weight=2"}).objective,
            Json::parse(R"([{"name": "rrpo", "beta": 0.3}, {"name": "sft", "weight": 2}])"));
  EXPECT_EQ(read(world, {list}, {R"(objective=[{"name":"dpo"}])"}).objective, Json::parse(R"([{"name": "dpo"}])"));
  EXPECT_EQ(read(world, {R"({"objective": {"name": "dpo", "beta": 0.2}})", list}, {}).objective,
            Json::parse(list)["objective"]);
  EXPECT_EQ(read(world, {list, R"({"objective": {"name": "sft"}})"}, {}).objective, Json::parse(R"({"name": "sft"})"));
  EXPECT_THAT(objection([&] { read(world, {list}, {"objective.1.betta=1"}); }), HasSubstr("objective.1.betta: unknown key"));
  EXPECT_THAT(objection([&] { read(world, {list}, {"objective.0.betta=1"}); }),
              AllOf(HasSubstr("objective.0.betta: unknown key"), HasSubstr("did you mean beta?")));
  EXPECT_THAT(objection([&] { read(world, {list}, {"objective.0.wieght=1"}); }), HasSubstr("did you mean weight?"));
  EXPECT_THAT(objection([&] { read(world, {list}, {"objective.0.weight=0"}); }), HasSubstr("objective.0.weight"));
  EXPECT_THAT(objection([&] { read(world, {list}, {"objective.1.name=stf"}); }), HasSubstr("objective.1.name=sft"));
  EXPECT_THAT(objection([&] { read(world, {list}, {"objective.beta=1"}); }), HasSubstr("names no entry of a list of 2"));
}

TEST(Terms, OfficialIsOneTermAboutOneClip) {
  const TinyWorld world;
  const auto official = [&](const std::string& objective) {
    return objection([&] { read(world, {}, {"compat=official", "objective=" + objective}); });
  };
  EXPECT_EQ(official(R"({"name":"dpo"})"), "accepted");
  EXPECT_THAT(official(R"([{"name":"rrpo"}])"), HasSubstr("compat: official knows no list"));
  EXPECT_THAT(official(R"({"name":"vdpo"})"), AllOf(HasSubstr("second clip"), HasSubstr("chosen|other")));
  EXPECT_THAT(official(R"({"name":"longvpo"})"), HasSubstr("for the reference alone"));
}

TEST(Terms, AReferenceOfOneIsThatOfAll) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.train.trainable = {"decoder"};
  EXPECT_THAT(objection([&] { run(config, {world / "out"}); }),
              AllOf(HasSubstr("train.trainable: must be lora for objective rrpo + sft"), HasSubstr("reference: "),
                    HasSubstr("sft")));
  config.objective = Json::parse(R"([{"name": "sft"}, {"name": "sft", "weight": 0.5}])");
  EXPECT_EQ(run(config, {world / "out"}).exit_code, 0);
}

TEST(Terms, SftInASumReadsPairs) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.data.pairs = {world.questions()};
  EXPECT_THAT(objection([&] { run(config, {world / "out"}); }, Fault::input), HasSubstr("this objective needs pairs"));
  config.objective = Json::parse(R"([{"name": "sft"}])");
  EXPECT_EQ(run(config, {world / "alone"}).exit_code, 0);
}

TEST(Terms, ARunSaysWhatEachComesTo) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.data.eval_pairs = {world.pairs()};
  config.train.tensorboard = true;
  ASSERT_EQ(run(config, {world / "out"}).exit_code, 0);
  const std::vector<Json> metrics = lines_of(world / "out/metrics.jsonl");
  const std::vector<std::string> keys = keys_of(metrics[0]);
  EXPECT_THAT((std::vector<std::string>{keys.begin() + 2, keys.begin() + 6}),
              ElementsAre("loss", "loss/rrpo", "loss/sft", "rewards/chosen"));
  for (const Json& line : metrics) {
    EXPECT_NEAR(line["loss"].get<double>(), line["loss/rrpo"].get<double>() + 0.25 * line["loss/sft"].get<double>(), 1e-9);
  }
  EXPECT_TRUE(metrics[5].contains("eval/loss/sft"));
  EXPECT_LT(metrics[5]["loss/sft"].get<double>(), metrics[0]["loss/sft"].get<double>());
  EXPECT_THAT(read_file(world / "out/events.out.tfevents.rrpo", "test"), HasSubstr("loss/sft"));
  EXPECT_THAT(read_file(world / "out/report.html", "test"), HasSubstr("Loss of each term"));
  EXPECT_EQ(run(config, {world / "out", io::Existing::resume}).summary["steps"], 6);
  // A field that has its default may be left out or given.
  config.objective[0]["alpha"] = 0.01;
  config.objective[0]["weight"] = 1;
  EXPECT_EQ(run(config, {world / "out", io::Existing::resume}).summary["steps"], 6);
  config.objective[1]["weight"] = 0.5;
  EXPECT_THAT(objection([&] { run(config, {world / "out", io::Existing::resume}); }), HasSubstr("config: objective: "));
}

TEST(Terms, AScoreHoldsEach) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "run"}).exit_code, 0);
  config.model.adapter = world / "run" / "adapter";
  const auto scores = [&](const Json& objective, const std::string& name) {
    config.objective = objective;
    EXPECT_EQ(score(config, {world / name}).exit_code, 0);
    return lines_of(world / name / "scores.jsonl");
  };
  const std::vector<Json> sum = scores(kSum, "sum"), rrpo = scores({{"name", "rrpo"}, {"beta", 0.5}}, "rrpo"),
                          sft = scores({{"name", "sft"}}, "sft");
  ASSERT_EQ(sum.size(), 9U);
  for (size_t i = 0; i < sum.size(); ++i) {
    EXPECT_THAT(keys_of(sum[i]), ElementsAre("id", "loss", "reward_chosen", "reward_rejected", "kl_chosen", "terms",
                                             "chosen", "rejected", "sight"));
    EXPECT_EQ(sum[i]["terms"]["rrpo"], (Json{{"loss", rrpo[i]["loss"]},
                                             {"reward_chosen", rrpo[i]["reward_chosen"]},
                                             {"reward_rejected", rrpo[i]["reward_rejected"]},
                                             {"kl_chosen", rrpo[i]["kl_chosen"]}}));
    EXPECT_NEAR(sum[i]["terms"]["sft"]["loss"].get<double>(), sft[i]["loss"].get<double>(),
                1e-6 * sft[i]["loss"].get<double>());
    EXPECT_EQ(keys_of(sum[i]["terms"]["sft"]), std::vector<std::string>{"loss"});
    EXPECT_NEAR(sum[i]["loss"].get<double>(), rrpo[i]["loss"].get<double>() + 0.25 * sft[i]["loss"].get<double>(), 1e-4);
    for (const char* key : {"reward_chosen", "reward_rejected", "kl_chosen", "chosen", "rejected"})
      EXPECT_EQ(sum[i][key], rrpo[i][key]) << key;
  }
}

/// Rows whose other clip shows the next video, where another answer is right, and which show the reference that one too.
fs::path rows_with_others(const TinyWorld& world) {
  std::string rows;
  for (int64_t i = 0; i < 6; ++i) {
    Json row = TinyWorld::pair(i, i % 3);
    row["other"] = row["reference"] = {{"frames", TinyWorld::pair(0, (i + 1) % 3)["frames"]}};
    row["other_chosen"] = {{"text", "No circle."}, {"spans", Json::array()}};
    rows += row.dump() + "\n";
  }
  return world.dir().write("others.jsonl", rows);
}

TEST(Terms, AScoreHoldsEveryAnswerThatIsRead) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.data.pairs = {rows_with_others(world)};
  const auto first = [&](const Json& objective, const std::string& name) {
    config.objective = objective;
    EXPECT_EQ(score(config, {world / name}).exit_code, 0);
    return lines_of(world / name / "scores.jsonl").at(0);
  };
  const Json plain = first({{"name", "dpo"}}, "dpo"), vdpo = first({{"name", "vdpo"}}, "vdpo"),
             sympo = first({{"name", "sympo"}}, "sympo");
  EXPECT_THAT(keys_of(plain),
              ElementsAre("id", "loss", "reward_chosen", "reward_rejected", "kl_chosen", "chosen", "rejected", "sight"));
  EXPECT_THAT(keys_of(vdpo),
              ElementsAre("id", "loss", "reward_chosen", "reward_rejected", "kl_chosen", "chosen", "other", "sight"));
  EXPECT_THAT(keys_of(vdpo["other"]), ElementsAre("chosen"));
  EXPECT_EQ(vdpo["other"]["chosen"]["ids"], plain["chosen"]["ids"]);
  EXPECT_NE(vdpo["other"]["chosen"]["logp"], plain["chosen"]["logp"]);
  EXPECT_THAT(keys_of(sympo["other"]), testing::Contains("other_chosen"));
}

// From a run with each of the new objectives to a score, with a term that averages over tokens beside it.
TEST(Terms, EveryObjectiveTrainsBesideSft) {
  const TinyWorld world;
  for (const rrpo::loss::ObjectiveRow& row : rrpo::loss::objectives()) {
    SCOPED_TRACE(row.name);
    TrainConfig config = small_config(world, Json::array({{{"name", row.name}}, {{"name", "sft"}, {"weight", 0.5}}}));
    config.data.pairs = config.data.eval_pairs = {rows_with_others(world)};
    config.train.steps = 3;
    ASSERT_EQ(run(config, {world / row.name}).exit_code, 0);
    const Json last = lines_of(world / row.name / "metrics.jsonl").back();
    const std::string second = row.name == "sft" ? "loss/sft-2" : "loss/sft";
    EXPECT_NEAR(last["loss"].get<double>(), last["loss/" + row.name].get<double>() + 0.5 * last[second].get<double>(), 1e-9);
    EXPECT_GT(last["grad_norm"].get<double>(), 0);
  }
}

}  // namespace
}  // namespace rrpo::train
