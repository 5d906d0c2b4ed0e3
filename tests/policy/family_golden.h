// The golden files that all families have in one form (scripts/oracles/families_common.py): tests/golden/NAME.
#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "policy/golden.h"
#include "rrpo/policy/generate.h"
#include "rrpo/policy/policy.h"
#include "rrpo/policy/sequence.h"

namespace rrpo::policy::test {

/// The families that are held to such files; internvl3 is InternVL with the other decoder.
inline std::vector<std::string> family_cases() {
  return {"internvl", "internvl3", "qwen3_vl", "videochat2", "qwen2_5_vl", "longvu"};
}

struct FamilyGolden {
  std::string name;
  std::filesystem::path folder, checkpoint;
  Json json;
  std::map<std::string, at::Tensor> tensors;

  const Json& clip(int64_t number) const { return json.at("clips").at(static_cast<size_t>(number)); }
  const at::Tensor& tensor(const std::string& of, size_t number) const {
    return tensors.at(of + "." + std::to_string(number));
  }
  /// A family whose original does not compute in double throughout says how near it comes.
  double tolerance(const std::string& of, double standard) const {
    return json.value("tolerances", Json::object()).value(of, standard);
  }
};

inline const FamilyGolden& family_golden(const std::string& name) {
  static std::map<std::string, FamilyGolden> read;
  const auto found = read.find(name);
  if (found != read.end()) return found->second;
  FamilyGolden golden;
  golden.name = name;
  golden.folder = rrpo::test::source_file("tests/golden") / name;
  golden.checkpoint = golden.folder / "checkpoint";
  golden.json = read_json(golden.folder / "golden.json", "test");
  golden.tensors = read_tensors(golden.folder / "golden.safetensors");
  return read.emplace(name, std::move(golden)).first->second;
}

/// The family's checkpoint (or another folder) with the adapter of that name; stills are shown as pictures where the golden
/// clips have some.
inline Policy open_family(const FamilyGolden& golden, model::Dtype dtype, const std::string& adapter = "",
                          const std::filesystem::path& folder = {}) {
  ModelConfig config;
  config.path = folder.empty() ? golden.checkpoint : folder;
  if (!adapter.empty()) config.adapter = golden.folder / adapter;
  for (const Json& clip : golden.json.at("clips")) {
    if (clip.at("still").get<bool>()) config.image = "anyres";
  }
  return open_policy(config, "cpu", dtype);
}

/// The frames of a golden clip: picture i has the clip's seed plus i.
inline video::Frames family_frames(const Json& clip) {
  video::Frames frames = clip_frames(clip);
  frames.index = ids_of(clip.at("index"));
  frames.fps = clip.at("fps");
  frames.total = clip.at("total");
  frames.duration_s = static_cast<double>(frames.total) / frames.fps;
  for (size_t i = 0; i < frames.index.size(); ++i) frames.time_s[i] = static_cast<double>(frames.index[i]) / frames.fps;
  return frames;
}

/// A golden clip as the model takes it.
inline model::ClipInput family_clip(const Policy& policy, const Json& clip) {
  const video::Frames frames = family_frames(clip);
  const bool still = clip.at("still");
  const std::vector<video::PixelSpec> specs = still ? std::vector<video::PixelSpec>{*policy.still} : policy.pixels;
  const video::Resolution source{frames.height, frames.width},
      size = video::fitted_size(specs.front(), frames.count, source);
  model::ClipInput input{{},
                         {.frames = video::fitted_count(specs.front(), frames.count, source),
                          .height = size.height,
                          .width = size.width,
                          .source = source,
                          .still = still,
                          .index = frames.index,
                          .fps = frames.fps,
                          .total = frames.total}};
  for (const video::PixelSpec& spec : specs) input.pixels.push_back(pixel_tensor(frames, spec));
  return input;
}

/// What the eye sees of a golden clip, asked that question.
inline model::VisualTokens see(const Policy& policy, const Json& clip, const std::string& question,
                               model::Adapter adapter = model::Adapter::on) {
  return model::encode(policy.lvlm, family_clip(policy, clip), adapter, eye_text(policy, question));
}

/// One question about a golden clip and `answer` as rows; reads the rows that predict the answer.
inline LabelledRows asked_rows(const Policy& policy, const Json& clip, const std::vector<model::VisualRun>& runs,
                               const std::string& question, const std::vector<int64_t>& answer) {
  const bool still = clip.at("still");
  LabelledRows rows;
  const int64_t video = rows.add_clip(clip_leads(policy, runs, still), runs, 0);
  const int64_t asked =
      rows.add_question(video, text::encode_question(*policy.tokenizer, policy.chat, question, "", {.still = still}));
  rows.add_answer(asked, {answer, std::vector<int64_t>(answer.size())}, 0);
  return rows;
}

/// Ids as golden files have them: -n for n visual tokens in a row.
inline std::vector<int64_t> folded(const std::vector<int64_t>& ids) {
  std::vector<int64_t> out;
  for (const int64_t id : ids) {
    if (id != model::kVisualRow) {
      out.push_back(id);
    } else if (!out.empty() && out.back() < 0) {
      --out.back();
    } else {
      out.push_back(-1);
    }
  }
  return out;
}

/// The ids of the prompt about a golden clip.
inline std::vector<int64_t> prompt_ids(const Policy& policy, const Json& clip, const std::vector<model::VisualRun>& runs,
                                       const std::string& question) {
  return folded(asked_rows(policy, clip, runs, question, {0}).rows.ids);  // the one label is no row
}

/// Logits [n, V] of the rows that predict `answer`.
inline at::Tensor answer_logits(const Policy& policy, const Json& clip, const std::string& question,
                                const std::vector<int64_t>& answer, model::Adapter adapter = model::Adapter::on) {
  const model::VisualTokens visual = see(policy, clip, question, adapter);
  const LabelledRows rows = asked_rows(policy, clip, visual.runs, question, answer);
  return model::hidden(policy.lvlm, rows.rows, {visual}, adapter).matmul(model::head(policy.lvlm).t());
}

/// The relative difference of a tensor from a golden row: of its norm, or by products with random signs of all of it. Below
/// `floor` nothing is seen: a key bias of a tower has gradient 0 but for rounding.
inline double fingerprint_difference(const at::Tensor& actual, const at::Tensor& expected, double floor = 1e-8) {
  const int64_t projections = expected.numel() - 1;
  const std::vector<double> mine = fingerprint(actual, projections);
  const double* theirs = expected.const_data_ptr<double>();
  double squares = 0;
  for (int64_t k = 1; k <= projections; ++k) squares += std::pow(mine[static_cast<size_t>(k)] - theirs[k], 2);
  const double scale = std::max(theirs[0], floor);
  return std::max(std::abs(mine[0] - theirs[0]), std::sqrt(squares / static_cast<double>(projections))) / scale;
}

/// A smaller model out of the family's checkpoint, in `folder`: as `stage` has it.
inline void shrink(const FamilyGolden& golden, const Json& stage, const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(golden.checkpoint)) {
    if (entry.path().filename() == "config.json" || entry.path().filename() == "model.safetensors") continue;
    std::filesystem::copy_file(entry.path(), folder / entry.path().filename());
  }
  nlohmann::json config = nlohmann::json::parse(read_json(golden.checkpoint / "config.json", "test").dump());
  for (const auto& [pointer, value] : stage.at("set").items())
    config[nlohmann::json::json_pointer(pointer)] = nlohmann::json::parse(value.dump());
  std::ofstream(folder / "config.json") << config.dump();
  const auto file = golden.checkpoint / "model.safetensors";
  const std::vector<io::TensorEntry> entries = io::read_safetensors_header(file);
  std::vector<std::vector<char>> bytes;
  std::vector<io::TensorBytes> kept;
  const auto keep = [&](const io::TensorEntry& entry, const std::string& name) {
    io::read_tensor_bytes(entry, bytes.emplace_back(static_cast<size_t>(entry.bytes)).data());
    kept.push_back({name, entry.dtype, entry.shape, bytes.back().data()});
  };
  const auto without = stage.at("without").get<std::vector<std::string>>();
  for (const io::TensorEntry& entry : entries) {
    const auto begins = [&entry](const std::string& with) { return entry.name.starts_with(with); };
    if (std::none_of(without.begin(), without.end(), begins)) keep(entry, entry.name);
  }
  const Json copies = stage.value("copy", Json::object());
  for (const auto& [name, from] : copies.items()) {
    const auto is_it = [&from = from](const io::TensorEntry& entry) { return entry.name == from.get<std::string>(); };
    keep(*std::find_if(entries.begin(), entries.end(), is_it), name);
  }
  io::write_safetensors(folder / "model.safetensors", kept);
}

}  // namespace rrpo::policy::test
