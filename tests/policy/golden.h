// The golden files of scripts/oracles/onevision.py, and what both sides compute from formulas.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rrpo/io/safetensors.h"
#include "rrpo/policy/policy.h"
#include "rrpo/policy/sequence.h"
#include "rrpo/util/json_file.h"
#include "rrpo/video/tiles.h"
#include "support/temp_dir.h"
#include "video/golden.h"

namespace rrpo::policy::test {

/// Tensors of a golden file, float32 or float64.
inline std::map<std::string, at::Tensor> read_tensors(const std::filesystem::path& file) {
  std::map<std::string, at::Tensor> tensors;
  for (const io::TensorEntry& entry : io::read_safetensors_header(file)) {
    at::Tensor tensor = at::empty(entry.shape, entry.dtype == "F64" ? at::kDouble : at::kFloat);
    io::read_tensor_bytes(entry, tensor.mutable_data_ptr());
    tensors.emplace(entry.name, tensor);
  }
  return tensors;
}

/// One case of the oracle.
struct Golden {
  std::filesystem::path folder, checkpoint, adapter;
  Json json;
  std::map<std::string, at::Tensor> tensors;
};

inline const Golden& golden(const std::string& name) {
  static std::map<std::string, Golden> read;
  const auto found = read.find(name);
  if (found != read.end()) return found->second;
  Golden golden;
  golden.folder = rrpo::test::source_file("tests/golden/onevision") / name;
  golden.checkpoint = name == "tiny" ? golden.folder / "checkpoint" : rrpo::test::source_file("data/toy/base");
  golden.adapter = golden.folder / "adapter";
  golden.json = read_json(golden.folder / "golden.json", "test");
  golden.tensors = read_tensors(golden.folder / "golden.safetensors");
  return read.emplace(name, std::move(golden)).first->second;
}

/// The names of all cases: a random model with unusual dimensions, and the one that ships.
inline std::vector<std::string> cases() { return {"tiny", "toy"}; }

inline Policy open_case(const Golden& golden, model::Dtype dtype, bool adapter = false) {
  ModelConfig config;
  config.path = golden.checkpoint;
  if (adapter) config.adapter = golden.adapter;
  return open_policy(config, "cpu", dtype);
}

/// The frames of a clip: picture i has the clip's seed plus i.
inline video::Frames clip_frames(const Json& clip) {
  video::Frames frames;
  for (int64_t i = 0; i < clip.at("frames").get<int64_t>(); ++i) {
    const video::Frames one = video::test::picture(clip.at("height"), clip.at("width"), clip.at("seed").get<int64_t>() + i);
    frames.height = one.height;
    frames.width = one.width;
    frames.rgb.insert(frames.rgb.end(), one.rgb.begin(), one.rgb.end());
    frames.time_s.push_back(static_cast<double>(i));
    frames.index.push_back(i);
    ++frames.count;
  }
  return frames;
}

inline at::Tensor pixel_tensor(const video::Frames& frames, const video::PixelSpec& spec) {
  const video::Pixels pixels = video::to_pixels(frames, spec);
  at::Tensor tensor = at::empty({pixels.count, 3, pixels.height, pixels.width}, at::kFloat);
  std::copy(pixels.values.begin(), pixels.values.end(), tensor.mutable_data_ptr<float>());
  return tensor;
}

inline at::Tensor clip_pixels(const Policy& policy, const Json& clip) {
  return pixel_tensor(clip_frames(clip), policy.pixels.front());
}

/// A clip as the eye of a model that takes squares is shown it.
inline model::ClipInput clip_input(const at::Tensor& pixels) {
  return {{pixels}, {.frames = pixels.size(0), .height = pixels.size(2), .width = pixels.size(3)}};
}
inline model::VisualTokens encode_clip(const Policy& policy, const Json& clip) {
  return model::encode(policy.lvlm, clip_input(clip_pixels(policy, clip)));
}
/// How a prompt shows it.
inline std::vector<model::VisualRun> clip_runs(const Policy& policy, const Json& clip) {
  const int64_t side = policy.lvlm.vision().image_side();
  return policy.lvlm.vision().runs({.frames = clip.at("frames"), .height = side, .width = side}).value();
}

/// A golden still in tiles, as `spec` prepares them.
inline model::ClipInput still_input(const Policy& policy, const Json& picture, video::PixelSpec spec) {
  const video::Frames whole = video::test::picture(picture.at("height"), picture.at("width"), picture.at("seed"));
  spec.fit = video::Fit::anyres;
  spec.offered = policy.lvlm.vision().tiles();
  model::ClipInput still = clip_input(pixel_tensor(whole, spec));
  still.form.still = true;
  still.form.source = {whole.height, whole.width};
  return still;
}

inline std::vector<int64_t> ids_of(const Json& json) { return json.get<std::vector<int64_t>>(); }

/// Text and spans of one side of a golden pair.
inline text::MarkedText marked_text(const Json& side) {
  text::MarkedText marked;
  marked.text = side.at("text");
  for (const Json& span : side.at("spans")) marked.spans.push_back({span.at(0), span.at(1)});
  return marked;
}

/// What a line of the parity table says of the type computed in.
inline std::string in_type(model::Dtype dtype) {
  if (dtype == model::Dtype::bfloat16) return ", bfloat16";
  return dtype == model::Dtype::float64 ? ", double" : ", float32";
}

/// Largest difference over the largest value of `expected`.
inline double relative(const at::Tensor& actual, const at::Tensor& expected) {
  if (actual.sizes() != expected.sizes()) return 1e9;
  const at::Tensor wide = expected.to(at::kDouble);
  return actual.detach().to(at::kDouble).sub(wide).abs().max().item<double>() / wide.abs().max().item<double>();
}

/// +1 or -1: the hash that the oracle computes, per element and projection.
inline double sign_of(uint64_t element, uint64_t projection) {
  uint64_t h = (element + 1) * 0x9E3779B97F4A7C15u + (projection + 1) * 0xBF58476D1CE4E5B9u;
  h ^= h >> 31;
  h *= 0x94D049BB133111EBu;
  h ^= h >> 29;
  return (h & 1) != 0 ? 1.0 : -1.0;
}

/// The norm of a tensor and its products with the sign vectors, as many as the golden row [1 + K] has.
inline std::vector<double> fingerprint(const at::Tensor& tensor, int64_t projections) {
  const at::Tensor flat = tensor.detach().to(at::kDouble).contiguous().view({-1});
  const double* values = flat.const_data_ptr<double>();
  std::vector<double> result = {flat.norm().item<double>()};
  for (int64_t k = 0; k < projections; ++k) {
    double product = 0;
    for (int64_t i = 0; i < flat.numel(); ++i)
      product += values[i] * sign_of(static_cast<uint64_t>(i), static_cast<uint64_t>(k));
    result.push_back(product);
  }
  return result;
}

}  // namespace rrpo::policy::test
