// The eye of LongVU: two towers, a connector, and what is left out of a long clip so that it fits beside its question.
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>
#include <cmath>

#include "../layers.h"
#include "../shapes.h"
#include "dinov2.h"
#include "longvu_reduction.h"
#include "rows.h"
#include "rrpo/util/error.h"
#include "siglip.h"
#include "sva.h"

namespace rrpo::model {

namespace {

const std::string kSiglip = "model.vision_tower_aux_0.", kDino = "model.vision_tower_aux_1.",
                  kProjector = "model.mm_projector.";
constexpr int64_t kPass = 64;  // frames that a tower is shown at a time, as in the original

/// Maps [F, n, D] of squares resized to side x side, bilinearly, in float32 whatever their type.
at::Tensor resize_maps(const at::Tensor& maps, int64_t side) {
  const int64_t frames = maps.size(0), width = maps.size(2),
                own = std::llround(std::sqrt(static_cast<double>(maps.size(1))));
  if (own == side) return maps;
  const at::Tensor planes = maps.view({frames, own, own, width}).permute({0, 3, 1, 2}).to(at::kFloat).contiguous();
  const at::Tensor sized = at::upsample_bilinear2d(planes, {side, side}, /*align_corners=*/false);
  return sized.to(maps.scalar_type()).permute({0, 2, 3, 1}).reshape({frames, side * side, width});
}

/// What of a prompt decides how much room a clip has, and the text behind it.
struct PromptText {
  int64_t row = 1;  ///< ids of the prompt, the clip counted as one
  std::vector<int64_t> after;
};

PromptText read_prompt(const std::vector<int64_t>& ids) {
  const auto clip = std::find(ids.begin(), ids.end(), kVisualRow);
  expect(clip != ids.end() && clip + 1 != ids.end(), "an eye that reads the prompt was given none");
  return {.row = static_cast<int64_t>(ids.size()), .after = {clip + 1, ids.end()}};
}

class LongVuEye final : public Vision {
 public:
  LongVuEye(const ConfigReader& siglip, const ConfigReader& dino, int64_t decoder_width, const LongVuForm& form,
            const Shapes& shapes)
      : form_(form),
        siglip_(siglip_tower(siglip, siglip.integer("num_hidden_layers", 1, kMaxLayers), shapes)),
        dino_(dino_tower(dino, shapes)) {
    if (dino_.patch > form.dino_side) dino.refuse("patch_size", "is larger than the picture");
    sva_ = sva({.width = form.width,
                .depth = form.depth,
                .grid = form.fine,
                .side = form.features,
                .towers = {siglip_.patch_weight.size(0), dino_.patch_weight.size(0)}},
               shapes);
    linear_1_ = shapes.linear(form.width, decoder_width, true);
    linear_2_ = shapes.linear(decoder_width, decoder_width, true);
    newline_ = shapes.tensor({decoder_width});
  }

  void list(Listing& list) override {
    list.part = Part::vision;
    list_tower(list, kSiglip, siglip_);
    list_dino(list, kDino, dino_);
    list.part = Part::projector;
    list_sva(list, sva_);
    list.add(kProjector + "0", linear_1_);
    list.add(kProjector + "2", linear_2_);
    list.add("model.image_newline", newline_);
  }

  void each_linear(const SeeLinear& see) override {
    each_tower_linear(kSiglip, siglip_, see);
    each_dino_linear(kDino, dino_, see);
    each_sva_linear(sva_, see);
    see(kProjector + "0", linear_1_);
    see(kProjector + "2", linear_2_);
  }

  std::optional<std::vector<VisualRun>> runs(const ClipForm&) const override { return std::nullopt; }
  std::vector<VisualRun> most_runs(const ClipForm& form) const override {
    return {plain_run(std::min(form.frames * form_.fine * (form_.fine + 1), form_.limit - form_.reserve))};
  }
  bool reads_text() const override { return true; }

  VisualTokens encode(const ClipInput& clip, const VisionPass& pass) const override {
    expect(clip.pixels.size() == kSvaTowers && clip.pixels[0].size(0) == clip.pixels[1].size(0),
           "a clip that is not there for both towers");
    const PromptText prompt = read_prompt(pass.question);
    const int64_t room = form_.limit - form_.reserve - prompt.row;
    if (room < 1) {
      throw Error(Fault::input, "model",
                  "the question is " + std::to_string(prompt.row) + " tokens long and leaves the video no room in " +
                      std::to_string(form_.limit),
                  "ask a shorter question");
    }
    const int64_t cells = form_.highres ? form_.coarse * form_.coarse : form_.fine * form_.fine;
    at::Tensor dino = dino_features(clip.pixels[1], pass);
    const std::vector<int64_t> frames = unlike_frames(dino, maps_that_fit(room, cells), form_.dino_threshold);
    dino = dino.index_select(0, index_tensor(frames, dino.device()));
    const at::Tensor& pixels = clip.pixels[0];
    const at::Tensor siglip = siglip_features(pixels.index_select(0, index_tensor(frames, pixels.device())), pass);
    // The original hands on (height, width) where (width, height) is read: it was trained so.
    const video::Resolution shown{clip.form.source.width, clip.form.source.height};
    const MapPart seen = picture_part(form_.features, shown.width, shown.height);
    const at::Tensor maps = run_sva(sva_, {siglip, dino}, seen, pass.adapter);
    const at::Tensor tokens = lay_out(maps, shown, prompt, pass);
    return {tokens, {}, {plain_run(tokens.size(0))}};
  }

  Json resolved() const override {
    return {{"siglip", tower_json(siglip_)},
            {"dino", dino_json(dino_)},
            {"dino_side", form_.dino_side},
            {"grids", {form_.features, form_.fine, form_.coarse}},
            {"highres", form_.highres},
            {"limit", {form_.limit, form_.reserve}},
            {"thresholds", {form_.dino_threshold, form_.drop_threshold}}};
  }

  int64_t image_side() const override { return siglip_.image; }

  VisionCost cost(const ClipForm& form) const override {
    const auto frames = static_cast<double>(form.frames), cells = static_cast<double>(form_.fine * form_.fine);
    const auto inner = static_cast<double>(linear_1_.weight.size(1)), width = static_cast<double>(linear_1_.weight.size(0));
    const VisionCost bright = tower_cost(siglip_), other = dino_cost(dino_, form_.dino_side);
    return {.flop = frames * (bright.flop + other.flop + sva_flop(sva_) + 2 * cells * (inner * width + width * width)),
            .kept_values = frames * (bright.kept_values + other.kept_values)};
  }

 private:
  /// Features of all frames by `run`, some frames at a time.
  template <class Run>
  at::Tensor in_passes(const at::Tensor& pixels, const VisionPass& pass, Run run) const {
    std::vector<at::Tensor> parts;
    for (int64_t begin = 0; begin < pixels.size(0); begin += kPass) {
      const at::Tensor some = pixels.narrow(0, begin, std::min(kPass, pixels.size(0) - begin));
      parts.push_back(resize_maps(run(some.to(pass.device, pass.type)), form_.features));
    }
    return parts.size() == 1 ? parts.front() : at::cat(parts);
  }

  at::Tensor siglip_features(const at::Tensor& pixels, const VisionPass& pass) const {
    expect_squares(pixels, siglip_.image);
    return in_passes(pixels, pass, [&](const at::Tensor& some) { return run_tower(siglip_, some, pass.adapter); });
  }

  at::Tensor dino_features(const at::Tensor& pixels, const VisionPass& pass) const {
    expect_squares(pixels, form_.dino_side);
    return in_passes(pixels, pass, [&](const at::Tensor& some) { return run_dino(dino_, some, pass.adapter); });
  }

  static void expect_squares(const at::Tensor& pixels, int64_t side) {
    expect(
        pixels.dim() == 4 && pixels.size(0) > 0 && pixels.size(1) == 3 && pixels.size(2) == side && pixels.size(3) == side,
        "pixels of another shape than a vision tower's");
  }

  /// Connector's maps [F, side^2, C] to rows of visual tokens, newlines among them: [F, n, D].
  at::Tensor rows_of(const at::Tensor& maps, int64_t side, video::Resolution shown, Adapter adapter) const {
    const at::Tensor tokens = linear(at::gelu(linear(maps, linear_1_, adapter)), linear_2_, adapter);
    return lay_part(tokens, side, picture_part(side, shown.width, shown.height), newline_);
  }

  /// Maps to the visual tokens [N, D] that there is room for.
  at::Tensor lay_out(const at::Tensor& maps, video::Resolution shown, const PromptText& prompt,
                     const VisionPass& pass) const {
    const int64_t fine_cells = form_.fine * form_.fine, coarse_cells = form_.coarse * form_.coarse;
    const int64_t room = form_.limit - form_.reserve - (prompt.row - 1);  // the clip's own id is counted no more
    if (!form_.highres || !mixes_detail(maps.size(0), room - 1, fine_cells, coarse_cells))
      return fitted(rows_of(maps, form_.fine, shown, pass.adapter), room);
    // Of the coarse map the picture's part is by its size in coarse cells, as far as whole pixels go.
    const double step = static_cast<double>(form_.fine) / static_cast<double>(form_.coarse);
    const video::Resolution smaller{static_cast<int64_t>(static_cast<double>(shown.height) / step),
                                    static_cast<int64_t>(static_cast<double>(shown.width) / step)};
    const at::Tensor coarse = rows_of(resize_maps(maps, form_.coarse), form_.coarse, smaller, pass.adapter);
    if (fine_cells > coarse_cells) {
      const at::Tensor text = pass.embedding.index_select(0, index_tensor(prompt.after, pass.device)).to(pass.type);
      const at::Tensor sharp = sharpen(coarse, rows_of(maps, form_.fine, shown, pass.adapter), text, room);
      if (sharp.defined()) return sharp;
    }
    return fitted(coarse, room);
  }

  /// Rows of visual tokens [F, n, D] as [N, D], compressed where they are too many.
  at::Tensor fitted(const at::Tensor& rows, int64_t room) const {
    return rows.size(0) * rows.size(1) <= room ? rows.flatten(0, 1) : compress(rows, form_.drop_threshold, room);
  }

  LongVuForm form_;
  Tower siglip_;
  DinoTower dino_;
  Sva sva_;
  Linear linear_1_, linear_2_;
  at::Tensor newline_;  ///< [D]
};

}  // namespace

std::unique_ptr<Vision> longvu_eye(const ConfigReader& siglip, const ConfigReader& dino, int64_t decoder_width,
                                   const LongVuForm& form, const Shapes& shapes) {
  return std::make_unique<LongVuEye>(siglip, dino, decoder_width, form, shapes);
}

}  // namespace rrpo::model
