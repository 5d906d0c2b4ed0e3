// The eye of a model: what turns the pixels of a clip into visual tokens. One file per eye in src/model/vision/.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/model/packed_rows.h"
#include "rrpo/util/json_file.h"
#include "rrpo/video/tiles.h"

namespace rrpo::model {

struct Linear;
class Listing;

/// Whether a pass goes through the adapter: the reference is the same weights without it.
enum class Adapter { off, on };

/// What of a clip decides how many visual tokens it comes to and where they stand.
struct ClipForm {
  int64_t frames = 0;               ///< pictures that the tower is shown: frames, or the tiles of a still
  int64_t height = 0, width = 0;    ///< of each of them
  video::Resolution source = {};    ///< size of the frames before they were made to fit
  bool still = false;               ///< a picture shown as a picture, not as a video of one frame
  std::vector<int64_t> index = {};  ///< numbers of the frames in the file, before any was repeated to fill up
  double fps = 0;                   ///< of the file; 0: not known
  int64_t total = 0;                ///< frames of the file; 0: not known
};

/// A clip as an eye takes it: pixels [F, 3, H, W] float32 for each of its towers.
struct ClipInput {
  std::vector<at::Tensor> pixels;
  ClipForm form;
};

/// N visual tokens.
struct VisualTokens {
  at::Tensor tokens;             ///< [N, D]
  std::vector<at::Tensor> deep;  ///< each [N, D], added to their rows behind decoder layer 0, 1, ...
  std::vector<VisualRun> runs;   ///< how a prompt shows them: N in all

  bool defined() const { return tokens.defined(); }
  int64_t size() const { return tokens.size(0); }
};

/// What an encoding needs beside the clip.
struct VisionPass {
  Adapter adapter = Adapter::on;
  at::ScalarType type = at::kFloat;  ///< of activations
  at::Device device = at::kCPU;
  const std::vector<int64_t>& question;  ///< ids that an eye reads (reads_text), kVisualRow for the clip; else empty
  const at::Tensor& embedding;           ///< [V, D] of the decoder
};

/// Forward cost of encoding a clip.
struct VisionCost {
  double flop = 0;
  double kept_values = 0;  ///< numbers that a backward pass through it would need
};

using SeeLinear = std::function<void(const std::string& module, Linear& linear)>;

class Vision {
 public:
  Vision() = default;
  Vision(const Vision&) = delete;
  Vision& operator=(const Vision&) = delete;
  virtual ~Vision() = default;

  /// Every tensor under its canonical name, marked as of the tower or of the projector.
  virtual void list(Listing& list) = 0;
  /// Every linear that an adapter may sit on, under its canonical module path, in order.
  virtual void each_linear(const SeeLinear& see) = 0;

  /// How a prompt shows such a clip; nothing where only encoding tells.
  virtual std::optional<std::vector<VisualRun>> runs(const ClipForm& form) const = 0;
  /// The same at most, where only encoding tells.
  virtual std::vector<VisualRun> most_runs(const ClipForm& form) const { return runs(form).value(); }
  /// The same tokens frame by frame (or few neighbours by few), so that words can stand between them; empty where the eye
  /// shows a clip in one piece only.
  virtual std::vector<VisualRun> frame_runs(const ClipForm&) const { return {}; }
  virtual VisualTokens encode(const ClipInput& clip, const VisionPass& pass) const = 0;
  /// True where the tokens depend on the question: then only rows of one question share a prefix.
  virtual bool reads_text() const { return false; }

  /// What the family resolved about it, but for the values of its tensors: part of every key under which tokens are kept.
  virtual Json resolved() const = 0;
  /// The side of the squares that it takes; 0: pictures of any size.
  virtual int64_t image_side() const { return 0; }
  /// The resolutions at which it takes stills in tiles; none where it does not.
  virtual std::vector<video::Resolution> tiles() const { return {}; }
  virtual VisionCost cost(const ClipForm& form) const = 0;
};

}  // namespace rrpo::model
