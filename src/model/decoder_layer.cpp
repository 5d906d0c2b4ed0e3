// One layer of the decoder, for every driver: a pass over packed rows, a prefix, growing branches.
#include <ATen/ops/arange.h>
#include <ATen/ops/pow.h>

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

KeysAndValues keys_values_of(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& normed) {
  const at::Tensor k = heads(pass.decoder, linear(normed, layer.k, pass.adapter), layer.k_norm);
  const at::Tensor v = heads(pass.decoder, linear(normed, layer.v, pass.adapter), {});
  return {rotate(k, pass.angles.cos, pass.angles.sin), v};
}

at::Tensor queries_of(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& normed, const at::Tensor& rows) {
  const at::Tensor q = heads(pass.decoder, linear(pick(normed, rows), layer.q, pass.adapter), layer.q_norm);
  return rotate(q, pick(pass.angles.cos, rows), pick(pass.angles.sin, rows));
}

at::Tensor input_normed(const DecoderLayer& layer, const at::Tensor& x) {
  return rms_norm(x, layer.input_norm.weight, layer.input_norm.eps);
}

/// x + o(attention), then + MLP.
at::Tensor finish_layer(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& x, const at::Tensor& attention) {
  const Adapter on = pass.adapter;
  const at::Tensor middle = x.add(linear(attention, layer.o, on));
  const at::Tensor normed = rms_norm(middle, layer.post_norm.weight, layer.post_norm.eps);
  return middle.add(linear(swiglu(linear(normed, layer.gate, on), linear(normed, layer.up, on)), layer.down, on));
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
  return keys_values_of(pass, layer, input_normed(layer, x));
}

at::Tensor run_layer(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& x, const Attend& attend,
                     const Wanted& wanted) {
  const at::Tensor normed = input_normed(layer, x);
  const KeysAndValues own = keys_values_of(pass, layer, normed);
  const at::Tensor attention = attend(queries_of(pass, layer, normed, wanted.queries), own.k, own.v);
  return finish_layer(pass, layer, pick(pick(x, wanted.queries), wanted.output), pick(attention, wanted.output));
}

at::Tensor final_norm(const Decoder& decoder, const at::Tensor& x) {
  return rms_norm(x, decoder.norm.weight, decoder.norm.eps);
}

}  // namespace rrpo::model
