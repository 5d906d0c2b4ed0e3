// What families share: the decoder of Qwen2's kind, LLaVA's tiles and names of tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "../config_reader.h"
#include "../vision/rows.h"
#include "rows.h"

namespace rrpo::model {

/// theta stands at the top (until transformers 4) or under rope_parameters (from 5).
double rope_theta(const ConfigReader& text);

/// In what decoders of this kind differ: Qwen2's has biases, Qwen3's norms over the width of a head, Mistral's neither.
struct DecoderKind {
  bool qkv_bias = true;
  bool head_norms = false;
};

/// The decoder that Qwen2's keys describe, with a head of its own.
Decoder qwen2_decoder(const ConfigReader& text, double theta, const Shapes& shapes, const DecoderKind& kind = {});

/// Tiles of stills from a list of [height, width] and a text `anyres_max_N`; nothing where a family's configuration has no
/// such setting, or resolutions that are no multiples of the tower's side.
std::optional<Tiles> read_tiles(const ConfigReader& config, const std::string& ratio_key, int64_t side);

/// Canonical name of a tensor in any of the four layouts in circulation (lmms-lab's and three generations of transformers');
/// empty for buffers and for the tower's pooling head, which nothing here reads.
std::string llava_name(const std::string& disk_name);

}  // namespace rrpo::model
