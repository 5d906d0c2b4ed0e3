// Two linears, then pooling of each frame's grid, then newlines.
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <cmath>

#include "layers.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// Side of a pooled grid.
int64_t pooled_side(Pool pool, int64_t grid) {
  switch (pool) {
    case Pool::none:
      return grid;
    case Pool::bilinear:
      return (grid + 1) / 2;
    case Pool::average:
    case Pool::max:
      return grid / 2;
  }
  return grid;
}

/// [F, g^2, D] -> [F, s, s, D].
at::Tensor pool_frames(const at::Tensor& x, Pool pool) {
  const int64_t frames = x.size(0), width = x.size(2);
  const auto grid = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(x.size(1)))));
  expect(grid * grid == x.size(1), "patches of a frame that make no square");
  const at::Tensor map = x.reshape({frames, grid, grid, width});
  const int64_t side = pooled_side(pool, grid);
  if (pool == Pool::none) return map;
  const at::Tensor planes = map.permute({0, 3, 1, 2});
  at::Tensor small;
  if (pool == Pool::bilinear) small = at::upsample_bilinear2d(planes, {side, side}, /*align_corners=*/false);
  if (pool == Pool::average) small = at::avg_pool2d(planes, 2);
  if (pool == Pool::max) small = at::max_pool2d(planes, 2);
  return small.permute({0, 2, 3, 1});
}

}  // namespace

at::Tensor pool_and_lay(const at::Tensor& x, const at::Tensor& newline, Pool pool, Newline layout) {
  const at::Tensor small = pool_frames(x, pool);
  const int64_t frames = small.size(0), side = small.size(1), width = small.size(3);
  const at::Tensor end = newline.to(x.scalar_type());
  switch (layout) {
    case Newline::none:
      return small.reshape({-1, width});
    case Newline::video:
      return at::cat({small.reshape({-1, width}), end.view({1, width})});
    case Newline::frame:
      return at::cat({small.reshape({frames, side * side, width}), end.expand({frames, 1, width})}, 1).view({-1, width});
    case Newline::row:
      return at::cat({small, end.expand({frames, side, 1, width})}, 2).view({-1, width});
  }
  return {};
}

at::Tensor run_projector(const Projector& projector, const at::Tensor& features) {
  const at::Tensor x = linear(at::gelu(linear(features, projector.linear_1)), projector.linear_2);
  return pool_and_lay(x, projector.newline, projector.pool, projector.layout);
}

int64_t projected_tokens(const Projector& projector, int64_t grid, int64_t frames) {
  const int64_t side = pooled_side(projector.pool, grid), plain = frames * side * side;
  switch (projector.layout) {
    case Newline::none:
      return plain;
    case Newline::video:
      return plain + 1;
    case Newline::frame:
      return plain + frames;
    case Newline::row:
      return plain + frames * side;
  }
  return plain;
}

}  // namespace rrpo::model
