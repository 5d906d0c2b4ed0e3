// Names of the hub and what model.dtype=auto means.
#include "rrpo/policy/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

#include "rrpo/policy/compute_type.h"
#include "rrpo/util/notes.h"
#include "support/temp_dir.h"

namespace rrpo::policy {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// A hub's cache of its own, in the folder of a test, and none of the machine's.
class Hub : public testing::Test {
 protected:
  Hub() {
    for (const char* name : kNames) {
      const char* value = std::getenv(name);
      before_.emplace_back(name, value == nullptr ? std::nullopt : std::optional<std::string>(value));
      unsetenv(name);
    }
    setenv("HOME", folder_.path().c_str(), 1);
  }
  ~Hub() override {
    for (const auto& [name, value] : before_) value ? setenv(name, value->c_str(), 1) : unsetenv(name);
  }

  static constexpr const char* kNames[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"};

  /// A snapshot whose files are links, as the hub's client lays them out.
  fs::path snapshot(const fs::path& cache, const std::string& commit) const {
    const fs::path model = cache / "models--owner--name", made = model / "snapshots" / commit;
    fs::create_directories(made);
    fs::create_directories(model / "blobs");
    std::ofstream(model / "blobs" / commit) << R"({"dtype": "bfloat16"})";
    fs::create_symlink("../../blobs/" + commit, made / "config.json");
    return made;
  }
  static std::string fault(const fs::path& path) {
    try {
      find_model(path, "model.path");
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      return error.what();
    }
    return "no fault";
  }

  rrpo::test::TempDir folder_;
  std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};

TEST_F(Hub, TheEnvironmentSaysWhereTheCacheIs) {
  EXPECT_EQ(hub_cache(), folder_ / ".cache/huggingface/hub");
  setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(hub_cache(), "/x/huggingface/hub");
  setenv("HF_HOME", "/h", 1);
  EXPECT_EQ(hub_cache(), "/h/hub");
  setenv("HUGGINGFACE_HUB_CACHE", "/old", 1);
  EXPECT_EQ(hub_cache(), "/old");
  setenv("HF_HUB_CACHE", "/new", 1);
  EXPECT_EQ(hub_cache(), "/new");
}

TEST_F(Hub, ANameIsTheSnapshotOfMain) {
  const fs::path cache = folder_ / "hub";
  setenv("HF_HUB_CACHE", cache.c_str(), 1);
  const fs::path first = snapshot(cache, "aaaa"), second = snapshot(cache, "bbbb");
  fs::last_write_time(first, fs::last_write_time(second) - std::chrono::hours(1));
  EXPECT_EQ(find_model("owner/name", "model.path"), second);
  fs::create_directories(cache / "models--owner--name/refs");
  std::ofstream(cache / "models--owner--name/refs/main") << "aaaa\n";
  EXPECT_EQ(find_model("owner/name", "model.path"), first);
  std::ofstream(cache / "models--owner--name/refs/main") << "../../..";
  EXPECT_EQ(find_model("owner/name", "model.path"), second);
  ModelConfig config;
  config.path = config.adapter.emplace("owner/name");
  find_models(config);
  EXPECT_EQ(config.path, second);
  EXPECT_EQ(*config.adapter, second);
  EXPECT_THAT(logged_notes(), testing::Contains("model.adapter=owner/name is " + second.string()));
}

TEST_F(Hub, WhatIsNoNameOrIsThereStays) {
  for (const char* path : {"model", "./owner/name", "/owner/name", "a/b/c", "owner/", "../name", ""})
    EXPECT_EQ(find_model(path, "model.path"), fs::path(path)) << path;
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  fs::create_directories("owner/name");
  EXPECT_EQ(find_model("owner/name", "model.path"), "owner/name");
  fs::current_path(before);
}

TEST_F(Hub, AnAbsentOneIsTheCommandToType) {
  EXPECT_THAT(fault("llava-hf/llava-onevision"),
              AllOf(HasSubstr("model.path=llava-hf/llava-onevision: no such folder"),
                    HasSubstr("; fix: hf download llava-hf/llava-onevision --local-dir llava-hf/llava-onevision")));
}

TEST_F(Hub, AutoIsTheCheckpointsTypeOnAGpuOnly) {
  ModelConfig config;
  config.path = folder_.path();
  config.dtype = "auto";
  for (const auto& [json, type] : std::vector<std::pair<Json, model::Dtype>>{
           {{{"dtype", "bfloat16"}}, model::Dtype::bfloat16},
           {{{"torch_dtype", "float16"}}, model::Dtype::bfloat16},
           {{{"text_config", {{"dtype", "bfloat16"}}}}, model::Dtype::bfloat16},
           {{{"dtype", "float32"}, {"text_config", {{"dtype", "bfloat16"}}}}, model::Dtype::float32},
           {Json::object(), model::Dtype::float32}}) {
    folder_.write("config.json", json.dump());
    EXPECT_EQ(compute_type(config, "cuda:1"), type) << json;
    EXPECT_EQ(compute_type(config, "cpu"), model::Dtype::float32);
  }
  config.dtype = "float32";
  folder_.write("config.json", R"({"dtype": "bfloat16"})");
  EXPECT_EQ(compute_type(config, "cuda"), model::Dtype::float32);
}

}  // namespace
}  // namespace rrpo::policy
