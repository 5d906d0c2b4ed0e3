#include "qwen_parts.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/pow.h>

#include "../functions.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

PatchForm read_patch_form(const ConfigReader& vision) {
  constexpr int64_t kLargest = 256;
  return {.patch = vision.integer("patch_size", 1, kLargest),
          .temporal = vision.integer("temporal_patch_size", 1, kLargest),
          .merge = vision.integer("spatial_merge_size", 1, kLargest)};
}

PatchGrid patch_grid(const PatchForm& form, int64_t frames, int64_t height, int64_t width) {
  expect(frames > 0 && height > 0 && width > 0, "a clip without pixels");
  expect(frames % form.temporal == 0, "frames that fill no whole number of temporal patches");
  expect(height % form.factor() == 0 && width % form.factor() == 0, "pictures that fill no whole number of visual tokens");
  return {.time = frames / form.temporal, .height = height / form.patch, .width = width / form.patch};
}

at::Tensor cut_patches(const PatchForm& form, const at::Tensor& pixels) {
  const PatchGrid grid = patch_grid(form, pixels.size(0), pixels.size(2), pixels.size(3));
  const int64_t side = form.patch, merge = form.merge;
  return pixels.reshape({grid.time, form.temporal, 3, grid.height / merge, merge, side, grid.width / merge, merge, side})
      .permute({0, 3, 6, 4, 7, 2, 1, 5, 8})
      .reshape({grid.time, grid.area(), form.values()});
}

std::vector<PatchPlace> patch_places(const PatchForm& form, const PatchGrid& grid) {
  std::vector<PatchPlace> places;
  places.reserve(static_cast<size_t>(grid.area()));
  for (int64_t top = 0; top < grid.height; top += form.merge) {
    for (int64_t left = 0; left < grid.width; left += form.merge) {
      for (int64_t i = 0; i < form.merge * form.merge; ++i)
        places.push_back({.row = top + i / form.merge, .column = left + i % form.merge});
    }
  }
  return places;
}

Rotary patch_rotary(const std::vector<PatchPlace>& places, int64_t head_width, double theta, at::Device device) {
  std::vector<int64_t> rows, columns;
  for (const PatchPlace& place : places) {
    rows.push_back(place.row);
    columns.push_back(place.column);
  }
  const int64_t half = head_width / 2;
  // In float32 and on the CPU, as transformers makes them.
  const at::Tensor frequency = at::pow(theta, at::arange(0, half, 2, at::kFloat).div(half)).reciprocal();
  const auto angles = [&](const std::vector<int64_t>& along) {
    return index_tensor(along, at::kCPU).to(at::kFloat).unsqueeze(1).mul(frequency);
  };
  const at::Tensor angle = at::cat({angles(rows), angles(columns)}, 1).unsqueeze(1);
  return {angle.cos().to(device), angle.sin().to(device)};
}

namespace {

/// Rotated in float32. In double the gradient is spared the rounding, so that it is the same however passes are put
/// together.
at::Tensor rotated(const at::Tensor& x, const Rotary& angles) {
  const at::ScalarType type = x.scalar_type();
  if (type != at::kDouble || !x.requires_grad()) return rotate(x.to(at::kFloat), angles.cos, angles.sin).to(type);
  const at::Tensor wide = rotate(x, angles.cos.to(type), angles.sin.to(type));
  const at::Tensor exact = rotate(x.detach().to(at::kFloat), angles.cos, angles.sin).to(type);
  return wide.add(exact.sub(wide.detach()));
}

}  // namespace

at::Tensor patch_attention(const PatchAttention& layer, const at::Tensor& x, const Rotary& angles,
                           const std::vector<PatchGroups>& groups, Adapter adapter) {
  const int64_t time = x.size(0), area = x.size(1), width = layer.proj.weight.size(1), head = width / layer.heads;
  const at::Tensor all = linear(x, layer.qkv, adapter).view({time, area, 3, layer.heads, head});
  const at::Tensor q = rotated(all.select(2, 0), angles), k = rotated(all.select(2, 1), angles), v = all.select(2, 2);
  std::vector<at::Tensor> mixed;
  for (const PatchGroups& group : groups) {
    const int64_t rows = group.count * group.length;
    const auto heads = [&](const at::Tensor& part) {
      return part.narrow(1, group.begin, rows).reshape({time * group.count, group.length, layer.heads, head});
    };
    mixed.push_back(attend_pictures(heads(q), heads(k), heads(v)).reshape({time, rows, width}));
  }
  return linear(mixed.size() == 1 ? mixed[0] : at::cat(mixed, 1), layer.proj, adapter);
}

double patch_attention_flop(const PatchGrid& grid, int64_t width, const std::vector<PatchGroups>& groups) {
  const auto rows = static_cast<double>(grid.time * grid.area()), wide = static_cast<double>(width);
  double scores = 0;
  for (const PatchGroups& group : groups)
    scores += static_cast<double>(group.count) * static_cast<double>(group.length) * static_cast<double>(group.length);
  return 8 * rows * wide * wide + 4 * static_cast<double>(grid.time) * scores * wide;
}

std::vector<Position> grid_positions(const PatchForm& form, const PatchGrid& grid, const std::vector<int64_t>& times) {
  const int64_t rows = grid.height / form.merge, columns = grid.width / form.merge;
  std::vector<Position> positions;
  positions.reserve(times.size() * static_cast<size_t>(rows * columns));
  for (const int64_t time : times) {
    for (int64_t i = 0; i < rows * columns; ++i)
      positions.push_back({.time = time, .height = i / columns, .width = i % columns});
  }
  return positions;
}

}  // namespace rrpo::model
