// What the bytes of a packet say about its picture, without decoding it: H.264, HEVC and VP9.
#pragma once

#include <cstdint>

#include "ffmpeg.h"

namespace rrpo::video {

/// The picture of one packet.
struct PictureFacts {
  bool known = false;   ///< the packet holds one picture, and the rest below is certain
  bool shown = true;    ///< false: it only serves others
  bool start = false;   ///< decoding can begin here: no later picture behind it in presentation refers to an earlier one
  bool spare = false;   ///< no other picture of its layer, or of a lower one, refers to it
  int layer = 0;        ///< HEVC's temporal layer: those that are left out first for a lower rate are the highest
  bool turned = false;  ///< carries a display orientation, which may hold for the pictures behind it
  uint64_t sets = 0;    ///< hash of the parameter sets that it carries; 0: none
};

/// True for the codecs that picture_facts() reads.
bool has_picture_facts(AVCodecID codec);

/// Reads the heads of a packet's units. Whatever the bytes are: what is not plain is not `known`.
PictureFacts picture_facts(const AVPacket& packet, const AVCodecParameters& codec);

}  // namespace rrpo::video
