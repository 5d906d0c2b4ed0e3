#include "longvu_reduction.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/topk.h>

#include <algorithm>

namespace rrpo::model {

namespace {

constexpr int64_t kWindow = 16, kMostFrames = 400, kChunk = 8;

/// Division that rounds down below zero too.
int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

std::vector<int64_t> values_of(const at::Tensor& indices) {
  const at::Tensor here = indices.to(at::kCPU, at::kLong).contiguous();
  const int64_t* values = here.const_data_ptr<int64_t>();
  return {values, values + here.numel()};
}

/// Numbers of the frames of one window [n, ...] that stay.
std::vector<int64_t> unlike(const at::Tensor& window, double threshold) {
  at::Tensor rows = window.flatten(1);
  rows = rows.div(rows.norm(2, {1}, /*keepdim=*/true));
  at::Tensor likeness = rows.matmul(rows.t()).mean(1);
  likeness.select(0, window.size(0) / 2).zero_();
  return values_of(likeness.lt(threshold).nonzero().flatten());
}

}  // namespace

int64_t maps_that_fit(int64_t room, int64_t tokens) { return std::max<int64_t>(1, floor_divide(room, tokens)); }

std::vector<int64_t> unlike_frames(const at::Tensor& features, int64_t fit, double threshold) {
  const at::NoGradGuard no_grad;
  const int64_t frames = features.size(0);
  std::vector<int64_t> kept;
  if (frames < fit) {
    for (int64_t i = 0; i < frames; ++i) kept.push_back(i);
    return kept;
  }
  for (int64_t begin = 0; begin < frames; begin += kWindow) {
    const at::Tensor window = features.narrow(0, begin, std::min(kWindow, frames - begin));
    for (const int64_t i : unlike(window, threshold)) kept.push_back(begin + i);
  }
  const auto count = static_cast<int64_t>(kept.size());
  if (count <= kMostFrames) return kept;
  const double step = static_cast<double>(count) / kMostFrames;
  std::vector<int64_t> spread;
  for (int64_t i = 0; i < kMostFrames; ++i)
    spread.push_back(kept[static_cast<size_t>(static_cast<int64_t>(step * static_cast<double>(i)))]);
  return spread;
}

bool mixes_detail(int64_t frames, int64_t room, int64_t fine_tokens, int64_t coarse_tokens) {
  return frames >= maps_that_fit(room, fine_tokens) && frames <= maps_that_fit(room, coarse_tokens);
}

MapPart picture_part(int64_t side, int64_t width, int64_t height) {
  const MapPart whole{0, 0, side, side};
  if (width < 1 || height < 1) return whole;
  const auto wide = static_cast<double>(width), high = static_cast<double>(height), sides = static_cast<double>(side);
  const bool rows = wide / high > 1;  // of the map are padding, else columns
  const double scale = sides / (rows ? wide : high);
  const int64_t padding = (side - static_cast<int64_t>((rows ? high : wide) * scale)) / 2, left = side - 2 * padding;
  if (left < 1) return whole;
  return rows ? MapPart{padding, 0, left, side} : MapPart{0, padding, side, left};
}

at::Tensor lay_part(const at::Tensor& maps, int64_t side, const MapPart& part, const at::Tensor& newline) {
  const int64_t frames = maps.size(0), width = maps.size(2);
  const at::Tensor shown =
      maps.view({frames, side, side, width}).narrow(1, part.top, part.height).narrow(2, part.left, part.width);
  const at::Tensor ends = newline.to(maps.scalar_type()).view({1, 1, 1, width}).expand({frames, part.height, 1, width});
  return at::cat({shown, ends}, 2).flatten(1, 2);
}

std::vector<int64_t> asked_frames(const at::Tensor& frames, const at::Tensor& text, int64_t count) {
  const at::NoGradGuard no_grad;
  const at::Tensor products = frames.flatten(0, 1).matmul(text.t()).mean(-1);
  const at::Tensor scores = products.view({frames.size(0), frames.size(1)}).mean(-1);
  std::vector<int64_t> best = values_of(std::get<1>(scores.topk(std::min(count, frames.size(0)))));
  std::sort(best.begin(), best.end());
  return best;
}

at::Tensor sharpen(const at::Tensor& coarse, const at::Tensor& fine, const at::Tensor& text, int64_t room) {
  const int64_t frames = coarse.size(0), left = room - frames * coarse.size(1), more = fine.size(1) - coarse.size(1);
  const int64_t count = left > 0 && more > 0 ? left / more : 0;
  if (count < 1) return {};
  const std::vector<int64_t> sharp = asked_frames(coarse, text, count);
  std::vector<at::Tensor> shown;
  for (int64_t i = 0; i < frames; ++i)
    shown.push_back((std::binary_search(sharp.begin(), sharp.end(), i) ? fine : coarse).select(0, i));
  return at::cat(shown);
}

at::Tensor compress(const at::Tensor& frames, double threshold, int64_t room) {
  std::vector<at::Tensor> chunks;
  int64_t total = 0;
  for (int64_t begin = 0; begin < frames.size(0); begin += kChunk) {
    at::Tensor kept = frames.select(0, begin);
    const int64_t others = std::min(kChunk, frames.size(0) - begin) - 1;
    if (others > 0) {
      const at::Tensor rest = frames.narrow(0, begin + 1, others);
      const at::Tensor likeness = at::cosine_similarity(kept.unsqueeze(0).expand_as(rest).detach(), rest.detach(), -1);
      const at::Tensor unlike = likeness.lt(threshold).flatten().nonzero().flatten();
      kept = at::cat({kept, rest.flatten(0, 1).index_select(0, unlike)});
    }
    total += kept.size(0);
    chunks.push_back(kept);
  }
  if (total > room) {
    const auto count = static_cast<int64_t>(chunks.size());
    const int64_t cut = (total - room + count - 1) / count;
    for (at::Tensor& chunk : chunks) chunk = chunk.narrow(0, 0, std::max<int64_t>(0, chunk.size(0) - cut));
  }
  const at::Tensor kept = at::cat(chunks);
  return kept.narrow(0, 0, std::min(room, kept.size(0)));
}

}  // namespace rrpo::model
