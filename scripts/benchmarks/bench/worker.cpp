// The library's kernels for scripts/bench.sh: reads lines of JSON that ask for one of them, answers each with CPU seconds.
// `out` in a request names a file for the result, written after the clock has stopped, so that a peer's can be compared.
#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>

#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "rrpo/loss/loss.h"
#include "rrpo/policy/policy.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "rrpo/video/reader.h"
#include "rrpo/video/transform.h"

namespace rrpo {
namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::string bytes_of(const Json& request, const char* key) {
  const std::string name = request.at(key).get<std::string>();
  std::ifstream file(name, std::ios::binary);
  expect(file.good(), "cannot read " + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const Json& request, const void* bytes, size_t size) {
  if (!request.contains("out")) return;
  std::ofstream file(request.at("out").get<std::string>(), std::ios::binary);
  file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

video::Choice choice_of(const Json& request) {
  video::Choice choice;
  if (request.contains("indices")) {
    choice.indices = request.at("indices").get<std::vector<int64_t>>();
  } else {
    choice.fields.frames = request.at("frames").get<int64_t>();
  }
  return choice;
}

Json decode(const Json& request) {
  const double begin = cpu_seconds();
  const video::Frames frames = video::read_video(request.at("file").get<std::string>(), choice_of(request));
  const double seconds = cpu_seconds() - begin;
  write(request, frames.rgb.data(), frames.rgb.size());
  return {{"seconds", seconds}, {"numbers", frames.index}, {"height", frames.height}, {"width", frames.width}};
}

/// Pixels of frames that lie in a file as bytes.
Json resize(const Json& request) {
  static std::map<std::string, video::Frames> kept;  // read once, for all repeats
  video::Frames& frames = kept[request.at("file").get<std::string>()];
  if (frames.rgb.empty()) {
    const std::string bytes = bytes_of(request, "file");
    frames.count = request.at("count").get<int64_t>();
    frames.height = request.at("height").get<int64_t>();
    frames.width = request.at("width").get<int64_t>();
    frames.rgb.assign(bytes.begin(), bytes.end());
  }
  const int64_t side = request.at("side").get<int64_t>();
  if (request.value("bytes", false)) {
    const double begin = cpu_seconds();
    const video::Frames small = video::resize_bicubic(frames, side, side);
    const double seconds = cpu_seconds() - begin;
    write(request, small.rgb.data(), small.rgb.size());
    return {{"seconds", seconds}};
  }
  const double begin = cpu_seconds();
  const video::Pixels pixels = video::to_pixels(frames, {.size = side});
  const double seconds = cpu_seconds() - begin;
  write(request, pixels.values.data(), pixels.values.size() * sizeof(float));
  return {{"seconds", seconds}};
}

/// A file to pixels.
Json clip(const Json& request) {
  const double begin = cpu_seconds();
  const video::Frames frames = video::read_video(request.at("file").get<std::string>(), choice_of(request));
  const video::Pixels pixels = video::to_pixels(frames, {.size = request.at("side").get<int64_t>()});
  const double seconds = cpu_seconds() - begin;
  write(request, pixels.values.data(), pixels.values.size() * sizeof(float));
  return {{"seconds", seconds}};
}

at::Tensor tensor_of(const Json& request, const char* key, at::IntArrayRef sizes, at::ScalarType type) {
  std::string bytes = bytes_of(request, key);
  return at::from_blob(bytes.data(), sizes, at::TensorOptions().dtype(type)).clone();
}

/// RRPO of one pair from hidden rows, forward and backward to them.
Json loss(const Json& request) {
  struct Inputs {
    at::Tensor hidden, reference, head;
    loss::TokenStats stats;
    at::Tensor labels;
  };
  static std::map<std::string, Inputs> kept;
  Inputs& in = kept[request.at("hidden").get<std::string>()];
  if (!in.hidden.defined()) {
    const int64_t rows = request.at("rows").get<int64_t>(), width = request.at("width").get<int64_t>();
    in.hidden = tensor_of(request, "hidden", {rows, width}, at::kFloat).requires_grad_();
    in.reference = tensor_of(request, "reference", {rows, width}, at::kFloat);
    in.head = tensor_of(request, "head", {request.at("vocabulary").get<int64_t>(), width}, at::kFloat);
    in.labels = tensor_of(request, "labels", {rows}, at::kLong);
    in.stats.phrase = tensor_of(request, "phrase", {rows}, at::kLong);
    in.stats.row = tensor_of(request, "row", {rows}, at::kLong);
    in.stats.pairs = 1;
  }
  static const loss::Objective rrpo = loss::make_objective(Json{{"name", "rrpo"}, {"alpha", 0.01}, {"beta", 0.1}});
  in.hidden.mutable_grad().reset();
  const double begin = cpu_seconds();
  const loss::TokenValues values = loss::token_values(in.hidden, in.head, in.reference, in.labels);
  loss::TokenStats stats = in.stats;
  stats.logp = values.logp, stats.ref_logp = values.ref_logp, stats.kl = values.kl;
  const at::Tensor total = rrpo.losses(stats).at(0).loss.sum();
  total.backward();
  const double seconds = cpu_seconds() - begin;
  const at::Tensor gradient = in.hidden.grad().contiguous();
  write(request, gradient.const_data_ptr(), gradient.nbytes());
  return {{"seconds", seconds}, {"loss", total.item<double>()}};
}

/// A checkpoint to a model that is ready to run.
Json load(const Json& request) {
  policy::ModelConfig config;
  config.path = request.at("folder").get<std::string>();
  const double begin = cpu_seconds();
  policy::Policy policy = policy::open_policy(config, "cpu");
  const double seconds = cpu_seconds() - begin;
  double sum = 0;
  if (request.value("sum", false)) {
    for (const model::NamedTensor& one : model::tensors(policy.lvlm)) {
      if (one.tensor != nullptr && one.tensor->defined()) sum += one.tensor->to(at::kDouble).square().sum().item<double>();
    }
  }
  return {{"seconds", seconds}, {"sum", sum}};
}

/// One update by AdamW with clipping: `sizes` of matrices whose values, and gradients of every update, lie in files.
Json update(const Json& request) {
  struct Learner {
    std::vector<at::Tensor> leaves;
    std::vector<at::Tensor> gradients;
    std::unique_ptr<train::AdamW> optimizer;
  };
  static std::map<std::string, Learner> kept;
  const std::string name = request.at("weights").get<std::string>();
  if (request.value("anew", false)) kept.erase(name);
  Learner& own = kept[name];
  if (!own.optimizer) {
    const auto sizes = request.at("sizes").get<std::vector<std::vector<int64_t>>>();
    std::vector<int64_t> counts;
    for (const std::vector<int64_t>& size : sizes) counts.push_back(size[0] * size[1]);
    const int64_t all = std::accumulate(counts.begin(), counts.end(), int64_t{0});
    const auto weights = tensor_of(request, "weights", {all}, at::kFloat).split_with_sizes(counts);
    const auto gradients = tensor_of(request, "gradients", {all}, at::kFloat).split_with_sizes(counts);
    std::vector<model::NamedTensor> named;
    for (size_t i = 0; i < sizes.size(); ++i) {
      own.leaves.push_back(weights[i].view(sizes[i]).clone());
      own.gradients.push_back(gradients[i].view(sizes[i]).clone());
    }
    for (size_t i = 0; i < sizes.size(); ++i) named.push_back({std::to_string(i), &own.leaves[i], sizes[i]});
    own.optimizer = std::make_unique<train::AdamW>(named, train::OptimConfig{});
  }
  for (size_t i = 0; i < own.leaves.size(); ++i) own.leaves[i].mutable_grad() = own.gradients[i].clone();
  const double begin = cpu_seconds();
  own.optimizer->step(request.at("lr").get<double>(), 1, own.optimizer->gradient_norm());
  const double seconds = cpu_seconds() - begin;
  std::vector<at::Tensor> flat;
  for (const at::Tensor& leaf : own.leaves) flat.push_back(leaf.detach().reshape({-1}));
  const at::Tensor weights = at::cat(flat);
  write(request, weights.const_data_ptr(), weights.nbytes());
  return {{"seconds", seconds}};
}

/// The speed of products of this machine, that floors are counted with: FLOP a second of [rows, inner] x [inner, columns].
Json product(const Json& request) {
  const int64_t rows = request.at("rows").get<int64_t>(), inner = request.at("inner").get<int64_t>(),
                columns = request.at("columns").get<int64_t>();
  const at::Tensor left = at::ones({rows, inner}), right = at::ones({columns, inner});
  const int64_t repeats = request.value("repeats", int64_t{1});
  const double begin = cpu_seconds();
  for (int64_t i = 0; i < repeats; ++i) left.mm(right.t());
  return {{"seconds", (cpu_seconds() - begin) / static_cast<double>(repeats)},
          {"flop", 2.0 * static_cast<double>(rows) * static_cast<double>(inner) * static_cast<double>(columns)}};
}

void serve() {
  const std::map<std::string, std::function<Json(const Json&)>> kinds = {
      {"decode", decode}, {"resize", resize}, {"clip", clip},      {"loss", loss},
      {"load", load},     {"update", update}, {"product", product}};
  for (std::string line; std::getline(std::cin, line);) {
    Json answer;
    try {
      const Json request = Json::parse(line);
      answer = kinds.at(request.at("do").get<std::string>())(request);
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
}

}  // namespace
}  // namespace rrpo

int main() {
  at::set_num_threads(1);
  rrpo::serve();
  return 0;
}
