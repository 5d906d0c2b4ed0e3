#include "sva.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>

#include "../layers.h"

namespace rrpo::model {

namespace {

constexpr int64_t kHeads = 16;     // fixed in the original's code
constexpr double kNormEps = 1e-5;  // torch's own

std::string input_name(size_t tower) { return "model.mm_projector_aux_" + std::to_string(tower) + "."; }
std::string layer_name(size_t i) { return "model.vision_sampler_0.layers." + std::to_string(i) + "."; }
std::string source_name(size_t layer, char part, size_t tower) {
  return layer_name(layer) + "cross_attn." + part + "_proj_" + std::to_string(tower) + ".";
}

SvaLayer sva_layer(const SvaForm& form, const Shapes& shapes) {
  const int64_t width = form.width, window = form.side / form.grid;
  const auto square = [&] { return shapes.linear(width, width, false); };
  const auto norm = [&] { return shapes.layer_norm(width, kNormEps); };
  SvaLayer layer;
  layer.context = square();
  layer.in = shapes.linear(2 * width, width, false);
  layer.q_norm = norm();
  layer.q = square();
  for (SvaSource& source : layer.sources) {
    source = {norm(), norm(), square(), square(), window > 1 ? shapes.tensor({window * window, width}) : at::Tensor()};
  }
  layer.o = square();
  layer.norm = norm();
  layer.out_1 = square();
  layer.out_2 = square();
  return layer;
}

/// [F, side^2, C] to [F * grid^2, window^2, C].
at::Tensor windows(const Sva& sva, const at::Tensor& map) {
  const int64_t frames = map.size(0), grid = sva.grid, window = sva.side / grid, width = map.size(2);
  return map.view({frames, grid, window, grid, window, width})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({frames * grid * grid, window * window, width});
}

/// [grid^2, window^2] bools: what of each window a query sees.
at::Tensor seen(const Sva& sva, const MapPart& part, at::Device device) {
  at::Tensor map = at::zeros({1, sva.side * sva.side, 1}, at::TensorOptions(at::kBool));
  map.view({sva.side, sva.side}).narrow(0, part.top, part.height).narrow(1, part.left, part.width).fill_(true);
  const at::Tensor own = windows(sva, map).squeeze(-1);
  return own.logical_or(own.any(1, /*keepdim=*/true).logical_not()).to(device);
}

at::Tensor cross_attention(const SvaLayer& layer, const at::Tensor& x, const std::vector<at::Tensor>& maps,
                           const at::Tensor& mask, Adapter adapter) {
  std::vector<at::Tensor> keys, values;
  for (size_t i = 0; i < maps.size(); ++i) {
    const SvaSource& source = layer.sources[i];
    const at::Tensor placed = source.position.defined() ? maps[i].add(source.position.to(x.scalar_type())) : maps[i];
    keys.push_back(linear(layer_norm(placed, source.k_norm), source.k, adapter));
    values.push_back(linear(layer_norm(placed, source.v_norm), source.v, adapter));
  }
  const auto heads = [&](const at::Tensor& rows) {
    return rows.view({rows.size(0), rows.size(1), kHeads, rows.size(2) / kHeads}).transpose(1, 2);
  };
  const at::Tensor queries = linear(layer_norm(x, layer.q_norm), layer.q, adapter);
  std::optional<at::Tensor> only;
  if (mask.defined()) only = mask;
  const at::Tensor mixed =
      at::scaled_dot_product_attention(heads(queries), heads(at::cat(keys, 1)), heads(at::cat(values, 1)), only);
  return linear(mixed.transpose(1, 2).reshape(x.sizes()), layer.o, adapter);
}

}  // namespace

Sva sva(const SvaForm& form, const Shapes& shapes) {
  Sva sva;
  sva.grid = form.grid;
  sva.side = form.side;
  for (size_t i = 0; i < kSvaTowers; ++i) {
    sva.inputs[i] = {.first = shapes.linear(form.towers[i], form.width, true),
                     .second = shapes.linear(form.width, form.width, true),
                     .norm = shapes.layer_norm(form.width, kNormEps)};
  }
  sva.query = shapes.tensor({1, form.width});
  for (int64_t i = 0; i < form.depth; ++i) sva.layers.push_back(sva_layer(form, shapes));
  return sva;
}

void list_sva(Listing& list, Sva& sva) {
  for (size_t i = 0; i < kSvaTowers; ++i) {
    list.add(input_name(i) + "0", sva.inputs[i].first);
    list.add(input_name(i) + "2", sva.inputs[i].second);
    list.add(input_name(i) + "3", sva.inputs[i].norm);
  }
  list.add("model.vision_query", sva.query);
  for (size_t i = 0; i < sva.layers.size(); ++i) {
    SvaLayer& layer = sva.layers[i];
    const std::string at = layer_name(i), attention = at + "cross_attn.";
    list.add(at + "proj_context", layer.context);
    list.add(at + "proj_in", layer.in);
    list.add(at + "proj_out.linear_1", layer.out_1);
    list.add(at + "proj_out.linear_2", layer.out_2);
    list.add(at + "norm", layer.norm);
    list.add(attention + "q_proj.0", layer.q_norm);
    list.add(attention + "q_proj.1", layer.q);
    list.add(attention + "o_proj", layer.o);
    for (size_t tower = 0; tower < kSvaTowers; ++tower) {
      SvaSource& source = layer.sources[tower];
      list.add(source_name(i, 'k', tower) + "0", source.k_norm);
      list.add(source_name(i, 'k', tower) + "1", source.k);
      list.add(source_name(i, 'v', tower) + "0", source.v_norm);
      list.add(source_name(i, 'v', tower) + "1", source.v);
      list.add(at + "pos_embed_" + std::to_string(tower), source.position);
    }
  }
}

void each_sva_linear(Sva& sva, const SeeLinear& see) {
  for (size_t i = 0; i < kSvaTowers; ++i) {
    see(input_name(i) + "0", sva.inputs[i].first);
    see(input_name(i) + "2", sva.inputs[i].second);
  }
  for (size_t i = 0; i < sva.layers.size(); ++i) {
    SvaLayer& layer = sva.layers[i];
    const std::string at = layer_name(i);
    see(at + "proj_context", layer.context);
    see(at + "proj_in", layer.in);
    see(at + "proj_out.linear_1", layer.out_1);
    see(at + "proj_out.linear_2", layer.out_2);
    see(at + "cross_attn.q_proj.1", layer.q);
    see(at + "cross_attn.o_proj", layer.o);
    for (size_t tower = 0; tower < kSvaTowers; ++tower) {
      see(source_name(i, 'k', tower) + "1", layer.sources[tower].k);
      see(source_name(i, 'v', tower) + "1", layer.sources[tower].v);
    }
  }
}

at::Tensor run_sva(const Sva& sva, const std::array<at::Tensor, kSvaTowers>& features, const MapPart& part,
                   Adapter adapter) {
  const int64_t frames = features[0].size(0), cells = sva.grid * sva.grid;
  std::vector<at::Tensor> maps;
  at::Tensor context;  // of a frame: the mean of the first tower's features, padding and all
  for (size_t i = 0; i < kSvaTowers; ++i) {
    const SvaInput& input = sva.inputs[i];
    const at::Tensor inner = at::gelu(linear(features[i], input.first, adapter));
    const at::Tensor map = layer_norm(linear(inner, input.second, adapter), input.norm);
    if (i == 0) context = map.mean(1, /*keepdim=*/true);
    maps.push_back(windows(sva, map));
  }
  at::Tensor mask;
  if (part.height != sva.side || part.width != sva.side) {
    const at::Tensor own = seen(sva, part, features[0].device());
    mask = at::cat({own, own}, 1).repeat({frames, 1}).view({frames * cells, 1, 1, -1});
  }
  const int64_t width = sva.query.size(1);
  const auto per_cell = [&](const at::Tensor& row) {
    return row.expand({frames, cells, width}).reshape({frames * cells, 1, width});
  };
  at::Tensor x = per_cell(sva.query.to(context.scalar_type()).view({1, 1, width}));
  for (const SvaLayer& layer : sva.layers) {
    const at::Tensor frame = per_cell(linear(context, layer.context, adapter));
    at::Tensor inner = linear(at::cat({x, frame}, -1), layer.in, adapter);
    inner = layer_norm(inner.add(cross_attention(layer, inner, maps, mask, adapter)), layer.norm);
    x = x.add(linear(at::gelu(linear(inner, layer.out_1, adapter)), layer.out_2, adapter));
  }
  return x.view({frames, cells, width});
}

double sva_flop(const Sva& sva) {
  const auto width = static_cast<double>(sva.query.size(1)), features = static_cast<double>(sva.side * sva.side);
  const auto cells = static_cast<double>(sva.grid * sva.grid), layers = static_cast<double>(sva.layers.size());
  double flop = layers * (2 * width * width * (cells * 6 + features * 2 * kSvaTowers));
  for (const SvaInput& input : sva.inputs)
    flop += 2 * features * width * (static_cast<double>(input.first.weight.size(1)) + width);
  return flop;
}

}  // namespace rrpo::model
