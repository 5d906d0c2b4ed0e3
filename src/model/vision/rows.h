// The eyes, one file each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "../config_reader.h"
#include "../shapes.h"
#include "rrpo/model/vision.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

/// How the grid of one frame's projected patches is reduced.
enum class Pool { none, bilinear, average, max };
/// Where the newline vector stands: nowhere, after the video, after each frame, after each row of a frame.
enum class Newline { none, video, frame, row };

/// How a still picture is shown in tiles (video::cut_tiles).
struct Tiles {
  std::vector<video::Resolution> offered;
  int64_t most = 0;  ///< tiles' worth of tokens that a picture may take before it is shrunk
  /// A side of the picture in patches that misses a whole number by less than rounding's error is cut, not taken for it.
  bool cuts = false;
};

/// SigLIP and two linears, as LLaVA has them: what a configuration says about the second half.
struct LlavaForm {
  Pool pool = Pool::bilinear;
  Newline newline = Newline::video;
  std::optional<Tiles> tiles;  ///< absent: stills are shown as videos of one frame only
  bool bias = true;            ///< of the two linears
};

/// The first `layers` layers of the tower that a `vision_config` describes, for a decoder of `width`.
std::unique_ptr<Vision> siglip_llava(const ConfigReader& vision, int64_t layers, int64_t width, LlavaForm form,
                                     const Shapes& shapes);

/// Qwen3-VL's, for a decoder of that width.
std::unique_ptr<Vision> qwen3_vl_eye(const ConfigReader& vision, int64_t decoder_width, const Shapes& shapes);

/// Qwen2.5-VL's; `time_counts`: the text behind a clip stands behind its last moment too, not only its last row and column.
std::unique_ptr<Vision> qwen2_5_eye(const ConfigReader& vision, int64_t width, bool time_counts, const Shapes& shapes);

/// VideoChat2's, which reads a text.
std::unique_ptr<Vision> umt_qformer(const ConfigReader& vision, const ConfigReader& qformer, int64_t decoder_width,
                                    const Shapes& shapes);

/// LongVU's numbers beside its towers' own.
struct LongVuForm {
  int64_t width = 0, depth = 0;                  ///< of the connector
  int64_t features = 24, fine = 12, coarse = 8;  ///< sides of its maps: towers' features, queries, maps with less detail
  int64_t dino_side = 378;                       ///< pixels of the pictures that DINOv2 is shown
  bool highres = false;                          ///< frames may be shown coarsely
  int64_t limit = 0, reserve = 16;               ///< tokens of a prompt with its clip, and of those kept free
  double dino_threshold = 0.83, drop_threshold = 0.7;
};

/// LongVU's, which reads the prompt.
std::unique_ptr<Vision> longvu_eye(const ConfigReader& siglip, const ConfigReader& dino, int64_t decoder_width,
                                   const LongVuForm& form, const Shapes& shapes);

/// InternVL's numbers, however its configuration calls them.
struct InternVitForm {
  int64_t side = 0, patch = 0;  ///< pixels of a picture and of a patch
  int64_t width = 0, inner = 0, layers = 0, heads = 0;
  int64_t used = 0;                 ///< layers that are run
  double eps = 1e-6, head_eps = 0;  ///< of the norms; of those of queries and keys, 0: none
  bool rms = false, qkv_bias = true;
  int64_t cell = 2;  ///< side of the cells of patches that become one token
  int64_t decoder_width = 0;
};
std::unique_ptr<Vision> intern_vit(const InternVitForm& form, const Shapes& shapes);

}  // namespace rrpo::model
