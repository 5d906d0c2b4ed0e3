#include "rrpo/util/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/util/json_keys.h"
#include "support/temp_dir.h"

namespace rrpo {
namespace {

using testing::HasSubstr;

const std::vector<FieldHelp> kFields = {
    {"model.path", "path", "\"\"", ""},       {"model.adapter", "path or null", "null", ""},
    {"gen.llm.model", "text", "\"\"", ""},    {"gen.perturb", "JSON", "[]", ""},
    {"data.pairs", "list of path", "[]", ""}, {"video.frames", "integer", "16", ""},
    {"train.resume", "bool", "false", ""}};

TEST(Settings, TextIsTextWhateverItLooksLike) {
  const auto read = [](const std::string& setting) {
    Json json = Json::object();
    apply_setting(json, typed_setting(setting, kFields));
    return json.dump();
  };
  EXPECT_EQ(read("model.path=2024"), R"({"model":{"path":"2024"}})");
  EXPECT_EQ(read("model.path=007"), R"({"model":{"path":"007"}})");
  EXPECT_EQ(read("model.path=true"), R"({"model":{"path":"true"}})");
  EXPECT_EQ(read("model.path=null"), R"({"model":{"path":"null"}})");
  EXPECT_EQ(read("model.path=[1]"), R"({"model":{"path":"[1]"}})");
  EXPECT_EQ(read("model.path=\"quoted\""), R"({"model":{"path":"quoted"}})");
  EXPECT_EQ(read("model.adapter=null"), R"({"model":{"adapter":null}})");
  EXPECT_EQ(read("model.adapter=3"), R"({"model":{"adapter":"3"}})");
  EXPECT_EQ(read("gen.llm.model=4"), R"({"gen":{"llm":{"model":"4"}}})");
  EXPECT_EQ(read("gen.llm.model=1e3"), R"({"gen":{"llm":{"model":"1e3"}}})");
  EXPECT_EQ(read("data.pairs=2024"), R"({"data":{"pairs":"2024"}})");
  EXPECT_EQ(read("data.pairs=[\"a\",\"b\"]"), R"({"data":{"pairs":["a","b"]}})");
  EXPECT_EQ(read("video.frames=8"), R"({"video":{"frames":8}})");
  EXPECT_EQ(read("train.resume=true"), R"({"train":{"resume":true}})");
  EXPECT_EQ(read("gen.perturb=[\"mask\"]"), R"({"gen":{"perturb":["mask"]}})");
}

TEST(Settings, ANumberNamesAnEntryOfAList) {
  Json json = Json::parse(R"({"objective": [{"name": "rrpo"}, {"name": "sft", "weight": 1}]})");
  apply_setting(json, "objective.1.weight=0.5");
  apply_setting(json, "objective.0.deep.er=1");
  EXPECT_EQ(json.dump(), R"({"objective":[{"name":"rrpo","deep":{"er":1}},{"name":"sft","weight":0.5}]})");
  for (const char* setting :
       {"objective.2.weight=1", "objective.-1.weight=1", "objective.1x.weight=1", "objective.beta=1", "objective..beta=1"}) {
    try {
      apply_setting(json, setting);
      ADD_FAILURE() << setting;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      EXPECT_THAT(error.what(), HasSubstr("names no entry of a list of 2")) << setting;
    }
  }
  apply_setting(json, R"(objective=[{"name":"dpo"}])");  // a whole value replaces what was there
  EXPECT_EQ(json.dump(), R"({"objective":[{"name":"dpo"}]})");
  overlay(json, Json::parse(R"({"objective": {"name": "sft"}})"));
  EXPECT_EQ(json.dump(), R"({"objective":{"name":"sft"}})");
}

std::string objection(const std::string& text) {
  const test::TempDir folder;
  try {
    check_layer(folder.write("own.json", text), kFields);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    return error.what();
  }
  return "accepted";
}

TEST(Settings, AFileIsToldWhereItIsWrong) {
  EXPECT_EQ(
      objection(
          "{\"video\": {\"frames\": 8}, // eight\n \"gen\": {\"perturb\": [{\"name\": \"mask\"}, {\"name\": \"x\"}]}}"),
      "accepted");
  EXPECT_THAT(objection("{\n  \"video\": {\n    \"frames\": 8,\n    \"frames\": 16\n  }\n}"),
              HasSubstr("own.json:4: video.frames: given twice, first in line 3"));
  EXPECT_THAT(objection("{\"video\": {\"frames\": 8},\n /* again\n */ \"vid\\u0065o\": {}}"),
              HasSubstr("own.json:3: video: given twice, first in line 1"));
  EXPECT_THAT(objection("{\n\"video\": {\"frame\": 8}}"),
              HasSubstr("own.json:2: video.frame: unknown key; fix: did you mean frames?"));
  EXPECT_THAT(objection("{\"gen\": {\"perturb\": [{\"name\": 1, \"name\": 2}]}}"),
              HasSubstr("gen.perturb[0].name: given twice"));
  EXPECT_THAT(objection("{\n\n\"report_to\": \"wandb\"}"),
              HasSubstr("own.json:3: report_to: unknown key; fix: train.tensorboard=true"));
  EXPECT_THAT(objection(R"({"architectures": ["LlavaQwenForCausalLM"], "model_type": "llava"})"),
              HasSubstr("model.path=FOLDER"));
  EXPECT_THAT(objection(R"({"peft_type": "LORA", "r": 8})"), HasSubstr("model.adapter=FOLDER"));
  EXPECT_THAT(objection("[]"), HasSubstr("expected an object"));
}

// A configuration is written into run.json, which can only hold text.
TEST(Settings, BytesThatAreNoTextAreRefused) {
  const std::vector<FieldHelp> fields = {{"model.path", "path", "", ""}};
  for (const std::string setting : {"model.path=x\x88", "model.\xff=1", "model.path=\xc0\xaf", "model.path=\xed\xa0\x80"}) {
    Json json;
    for (const auto& use : std::vector<std::function<void()>>{[&] { typed_setting(setting, fields); },
                                                              [&] { apply_setting(json, setting); }}) {
      try {
        use();
        ADD_FAILURE() << setting;
      } catch (const Error& error) {
        EXPECT_EQ(error.fault(), Fault::usage);
        EXPECT_THAT(error.what(), HasSubstr("no UTF-8 text"));
      }
    }
  }
  EXPECT_EQ(typed_setting("model.path=caf\xc3\xa9", fields), "model.path=caf\xc3\xa9");
}

TEST(JsonKeys, StandWhereTheyStand) {
  std::vector<std::string> found;
  for (const PlacedKey& key : json_keys("{\"a\": {\"b\": [1, {\"c\": \"x: \\\"y\\\":\"}, []]},\n\"d\" : {}}"))
    found.push_back(key.path() + ":" + std::to_string(key.line));
  EXPECT_THAT(found, testing::ElementsAre("a:1", "a.b:1", "a.b[1].c:1", "d:2"));
}

}  // namespace
}  // namespace rrpo
