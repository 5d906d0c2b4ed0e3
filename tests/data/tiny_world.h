// A random tiny model, a few pictures and pairs about them, on disk: what tests of data and training run on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/io/atomic.h"
#include "rrpo/model/family.h"
#include "rrpo/policy/policy.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/random.h"
#include "rrpo/video/writer.h"
#include "support/temp_dir.h"

namespace rrpo::test {

class TinyWorld {
 public:
  explicit TinyWorld(int64_t videos = 3, int64_t rows_per_video = 3) {
    make_model();
    for (int64_t v = 0; v < videos; ++v) make_frames(v);
    std::string pairs, questions;
    for (int64_t i = 0; i < videos * rows_per_video; ++i) {
      pairs += pair(i, i % videos).dump() + "\n";
      questions += question(i, i % videos).dump() + "\n";
    }
    dir_.write("pairs.jsonl", pairs);
    dir_.write("questions.jsonl", questions);
  }

  std::filesystem::path model() const { return dir_ / "model"; }
  std::filesystem::path root() const { return dir_ / "media"; }
  std::filesystem::path pairs() const { return dir_ / "pairs.jsonl"; }
  std::filesystem::path questions() const { return dir_ / "questions.jsonl"; }
  std::filesystem::path operator/(const std::string& name) const { return dir_ / name; }
  const TempDir& dir() const { return dir_; }

  policy::Policy open(model::Dtype dtype = model::Dtype::float32) const {
    policy::ModelConfig config;
    config.path = model();
    return policy::open_policy(config, "cpu", dtype);
  }

  /// Row i about video v; answers differ in length, and the spans of chosen and rejected too.
  static Json pair(int64_t i, int64_t v) {
    static const std::vector<std::string> words = {"red", "green", "blue", "a very dark violet"};
    const std::string &right = words[static_cast<size_t>(i) % 4], &wrong = words[static_cast<size_t>(i + 1 + v) % 4];
    const std::string before = i % 2 == 0 ? "It is " : "The circle there is ";
    const auto side = [&](const std::string& word, const std::string& end) {
      const size_t begin = before.size();
      return Json{{"text", before + word + end}, {"spans", Json::array({Json::array({begin, begin + word.size()})})}};
    };
    return {{"schema", "rrpo/pair@1"},
            {"id", "row-" + std::to_string(i)},
            {"frames", frames(v)},
            {"question", "What colour, number " + std::to_string(i) + "?"},
            {"chosen", side(right, ".")},
            {"rejected", side(wrong == right ? "no colour" : wrong, i % 3 == 0 ? ", I think." : ".")}};
  }

  static Json question(int64_t i, int64_t v) {
    const Json row = pair(i, v);
    return {{"id", row["id"]},
            {"frames", row["frames"]},
            {"question", row["question"]},
            {"answer", row["chosen"]["text"]},
            {"format", "short"}};
  }

 private:
  static Json frames(int64_t v) {
    Json names = Json::array();
    for (int64_t f = 0; f < 2; ++f) names.push_back(std::to_string(v) + "-" + std::to_string(f) + ".png");
    return names;
  }

  void make_model() const {
    Json config = read_json(source_file("data/toy/recipe/config.json"), "test");
    config["image_grid_pinpoints"] = Json::array({Json::array({32, 32})});
    config["vision_config"].update(
        {{"hidden_size", 16}, {"intermediate_size", 24}, {"num_attention_heads", 2}, {"image_size", 32}, {"patch_size", 8}});
    config["text_config"].update({{"hidden_size", 24},
                                  {"intermediate_size", 40},
                                  {"num_hidden_layers", 2},
                                  {"num_attention_heads", 4},
                                  {"num_key_value_heads", 2}});
    Json processor = read_json(source_file("data/toy/recipe/preprocessor_config.json"), "test");
    processor["size"] = {{"height", 32}, {"width", 32}};
    std::filesystem::create_directories(model());
    io::write_json(model() / "config.json", config);
    io::write_json(model() / "preprocessor_config.json", processor);
    for (const auto& entry : std::filesystem::directory_iterator(source_file("data/toy/tokenizer"))) {
      std::filesystem::copy_file(entry.path(), model() / entry.path().filename());
    }
    model::Lvlm lvlm = model::init(model() / "config.json", 7, {});
    model::save_weights(lvlm, model(), model::Dtype::float32);
  }

  void make_frames(int64_t v) const {
    std::filesystem::create_directories(root());
    Random random(1, "frames", static_cast<uint64_t>(v));
    for (int64_t f = 0; f < 2; ++f) {
      video::Frames frame{
          .count = 1, .height = 32, .width = 32, .rgb = std::vector<uint8_t>(32 * 32 * 3), .time_s = {0}, .index = {0}};
      for (uint8_t& byte : frame.rgb) byte = static_cast<uint8_t>(random.below(256));
      io::write_file(root() / frames(v)[static_cast<size_t>(f)].get<std::string>(), video::encode_png(frame, 0));
    }
  }

  TempDir dir_;
};

}  // namespace rrpo::test
