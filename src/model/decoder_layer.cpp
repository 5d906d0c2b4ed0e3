// One layer of the decoder, for every driver: a pass over packed rows, a prefix, growing branches.
#include <ATen/ops/arange.h>
#include <ATen/ops/pow.h>

#include <algorithm>

#include "functions.h"
#include "layers.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// The axis whose position turns each of the frequencies.
std::vector<int64_t> axis_of_frequency(const RotaryAxes& axes, int64_t frequencies) {
  std::vector<int64_t> axis(static_cast<size_t>(frequencies), 0);
  size_t begin = 0;
  for (size_t a = 0; a < axes.sections.size(); ++a) {
    const auto count = static_cast<size_t>(axes.sections[a]);
    for (size_t i = 0; i < count; ++i) {
      const size_t place = axes.interleaved ? 3 * i + a : begin + i;
      if (place < axis.size() && (a > 0 || !axes.interleaved)) axis[place] = static_cast<int64_t>(a);
    }
    begin += count;
  }
  return axis;
}

/// [T, d/2], or [T, 1] for a decoder with one axis: the position that each frequency multiplies.
at::Tensor turned_positions(const Decoder& decoder, const std::vector<Position>& positions) {
  const auto rows = static_cast<int64_t>(positions.size());
  std::vector<int64_t> flat;
  if (decoder.axes.sections.empty()) {
    for (const Position& at : positions) flat.push_back(at.time);
    return index_tensor(flat, at::kCPU).unsqueeze(1);
  }
  for (const Position& at : positions) flat.insert(flat.end(), {at.time, at.height, at.width});
  const std::vector<int64_t> axis = axis_of_frequency(decoder.axes, decoder.head_width / 2);
  return index_tensor(flat, at::kCPU).view({rows, 3}).index_select(1, index_tensor(axis, at::kCPU));
}

/// The heads of a projection [n, H * d], normed where the layer does so: [n, H, d].
at::Tensor heads(const Decoder& decoder, const at::Tensor& projected, const Norm& norm) {
  const at::Tensor x = projected.view({projected.size(0), -1, decoder.head_width});
  return norm.weight.defined() ? rms_norm(x, norm.weight, norm.eps) : x;
}

at::Tensor pick(const at::Tensor& rows, const at::Tensor& index) {
  return index.defined() ? rows.index_select(0, index) : rows;
}

/// The linear without its adapter where that is off.
Linear used(const Linear& linear, Adapter adapter) {
  Linear own = linear;
  if (adapter == Adapter::off) own.lora = {};
  return own;
}

bool trained(const at::Tensor& tensor) { return tensor.defined() && tensor.requires_grad(); }

/// True where weights themselves are trained: then the parts of a layer run one by one, each with all its gradients.
bool trained(const Norm& norm, const std::vector<Linear>& linears) {
  return trained(norm.weight) || std::any_of(linears.begin(), linears.end(), [](const Linear& linear) {
           return trained(linear.weight.plain) || trained(linear.bias);
         });
}

/// The linears of the normed rows; the first one of `rows` of them only, where that is defined.
std::vector<at::Tensor> project(const LayerPass& pass, const Norm& norm, const at::Tensor& x,
                                const std::vector<Linear>& linears, const at::Tensor& rows = {}) {
  std::vector<Linear> own;
  for (const Linear& linear : linears) own.push_back(used(linear, pass.adapter));
  if (!trained(norm, own)) return normed_linears(x, norm, own, rows);
  const at::Tensor normed = rms_norm(x, norm.weight, norm.eps);
  std::vector<at::Tensor> all(own.size());
  for (size_t i = own.size(); i-- > 0;) all[i] = linear(i == 0 ? pick(normed, rows) : normed, own[i], pass.adapter);
  return all;
}

KeysAndValues turned_keys(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& k, const at::Tensor& v) {
  return {rotate(heads(pass.decoder, k, layer.k_norm), pass.angles.cos, pass.angles.sin), heads(pass.decoder, v, {})};
}

/// What the wanted rows found. Queries, keys and values go when this returns.
at::Tensor attention_of(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& x, const Attend& attend,
                        const Wanted& wanted) {
  const at::Tensor& rows = wanted.queries;
  const std::vector<at::Tensor> own = project(pass, layer.input_norm, x, {layer.q, layer.v, layer.k}, rows);
  const KeysAndValues keys = turned_keys(pass, layer, own[2], own[1]);
  const at::Tensor q =
      rotate(heads(pass.decoder, own[0], layer.q_norm), pick(pass.angles.cos, rows), pick(pass.angles.sin, rows));
  return pick(attend(q, keys.k, keys.v), wanted.output);
}

/// x + MLP.
at::Tensor add_mlp(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& x) {
  const Adapter on = pass.adapter;
  const Linear gate = used(layer.gate, on), up = used(layer.up, on), down = used(layer.down, on);
  if (!trained(layer.post_norm, {gate, up, down})) return mlp(x, {layer.post_norm, gate, up, down, pass.mlp_again});
  const at::Tensor normed = rms_norm(x, layer.post_norm.weight, layer.post_norm.eps);
  return x.add(linear(swiglu(linear(normed, gate, on), linear(normed, up, on)), down, on));
}

}  // namespace

Rotary rotary(const Decoder& decoder, const std::vector<Position>& positions, at::ScalarType type, at::Device device) {
  const at::Tensor exponent = at::arange(0, decoder.head_width, 2, at::kFloat).div(decoder.head_width);
  // On the CPU, as transformers: an angle of thousands turns a last bit of a frequency into the fourth digit of a cosine. In
  // double the table is made there too: the cosine is one of float32, and a GPU's differs in its last bit.
  const at::Device home = type == at::kDouble ? at::Device(at::kCPU) : device;
  const at::Tensor frequency = at::pow(decoder.theta, exponent).reciprocal().to(home);
  const at::Tensor angle = turned_positions(decoder, positions).to(home, at::kFloat).mul(frequency).unsqueeze(1);
  return {angle.cos().to(device, type), angle.sin().to(device, type)};
}

KeysAndValues keys_values(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& x) {
  const std::vector<at::Tensor> own = project(pass, layer.input_norm, x, {layer.k, layer.v});
  return turned_keys(pass, layer, own[0], own[1]);
}

at::Tensor run_layer(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& x, const Attend& attend,
                     const Wanted& wanted) {
  at::Tensor middle = linear(attention_of(pass, layer, x, attend, wanted), layer.o, pass.adapter);
  middle = pick(pick(x, wanted.queries), wanted.output).add(middle);
  return add_mlp(pass, layer, middle);
}

at::Tensor final_norm(const Decoder& decoder, const at::Tensor& x) {
  return rms_norm(x, decoder.norm.weight, decoder.norm.eps);
}

}  // namespace rrpo::model
