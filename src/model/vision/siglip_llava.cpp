// The eye of LLaVA's models: SigLIP and a projector of two linears.
#include "llava_projector.h"
#include "rows.h"
#include "rrpo/util/error.h"
#include "siglip.h"

namespace rrpo::model {

namespace {

const std::string kTower = "model.vision_tower.", kProjector = "model.multi_modal_projector.";

Json tiles_json(const std::optional<Tiles>& tiles) {
  if (!tiles) return nullptr;
  Json offered = Json::array();
  for (const video::Resolution& size : tiles->offered) offered.push_back({size.height, size.width});
  return {{"offered", offered}, {"most", tiles->most}, {"cuts", tiles->cuts}};
}

class SiglipLlava final : public Vision {
 public:
  SiglipLlava(Tower tower, Projector projector) : tower_(std::move(tower)), projector_(std::move(projector)) {}

  void list(Listing& list) override {
    list.part = Part::vision;
    list_tower(list, kTower, tower_);
    list.part = Part::projector;
    list.add(kProjector + "linear_1", projector_.linear_1);
    list.add(kProjector + "linear_2", projector_.linear_2);
    list.add("model.image_newline", projector_.newline);
  }

  void each_linear(const SeeLinear& see) override {
    each_tower_linear(kTower, tower_, see);
    see(kProjector + "linear_1", projector_.linear_1);
    see(kProjector + "linear_2", projector_.linear_2);
  }

  std::optional<std::vector<VisualRun>> runs(const ClipForm& form) const override {
    return std::vector<VisualRun>{plain_run(form.still ? tile_tokens(form.source) : video_tokens(form.frames))};
  }

  /// A newline at the clip's end belongs to its last frame.
  std::vector<VisualRun> frame_runs(const ClipForm& form) const override {
    if (form.still) return runs(form).value();
    const int64_t all = video_tokens(form.frames), end = projector_.layout == Newline::video ? 1 : 0;
    std::vector<VisualRun> each(static_cast<size_t>(form.frames), plain_run((all - end) / form.frames));
    each.back() = plain_run(each.back().count + end);
    return each;
  }

  VisualTokens encode(const ClipInput& clip, const VisionPass& pass) const override {
    const at::Tensor& pixels = clip.pixels.front();
    const int64_t side = tower_.image;
    expect(
        pixels.dim() == 4 && pixels.size(0) > 0 && pixels.size(1) == 3 && pixels.size(2) == side && pixels.size(3) == side,
        "pixels of another shape than the vision tower's");
    const at::Tensor features = run_tower(tower_, pixels.to(pass.device, pass.type), pass.adapter);
    const at::Tensor tokens = clip.form.still ? run_tiles(projector_, features, side, clip.form.source, pass.adapter)
                                              : run_projector(projector_, features, pass.adapter);
    return {tokens, {}, {plain_run(tokens.size(0))}};
  }

  Json resolved() const override {
    return {{"tower", tower_json(tower_)},
            {"pool", static_cast<int>(projector_.pool)},
            {"newline", static_cast<int>(projector_.layout)},
            {"tiles", tiles_json(projector_.tiles)}};
  }

  int64_t image_side() const override { return tower_.image; }

  std::vector<video::Resolution> tiles() const override {
    return projector_.tiles ? projector_.tiles->offered : std::vector<video::Resolution>{};
  }

  VisionCost cost(const ClipForm& form) const override {
    const auto frames = static_cast<double>(form.frames), patches = static_cast<double>(tower_.grid() * tower_.grid());
    const auto inner = static_cast<double>(projector_.linear_1.weight.size(1)),
               width = static_cast<double>(projector_.linear_1.weight.size(0));
    VisionCost cost = tower_cost(tower_);
    cost.flop = frames * (cost.flop + 2 * patches * (inner * width + width * width));
    cost.kept_values *= frames;
    return cost;
  }

 private:
  int64_t video_tokens(int64_t frames) const { return projected_tokens(projector_, tower_.grid(), frames); }

  int64_t tile_tokens(video::Resolution picture) const {
    expect(projector_.tiles.has_value(), "tiles for a model that takes none");
    const int64_t grid = tower_.grid();
    const TileMap map = map_tiles(*projector_.tiles, grid, tower_.image, picture);
    return grid * grid + map.final_height * (map.final_width + 1);
  }

  Tower tower_;
  Projector projector_;
};

}  // namespace

std::unique_ptr<Vision> siglip_llava(const ConfigReader& vision, int64_t layers, int64_t width, LlavaForm form,
                                     const Shapes& shapes) {
  Tower tower = siglip_tower(vision, layers, shapes);
  const int64_t inner = tower.patch_weight.size(0);
  Projector projector{.linear_1 = shapes.linear(inner, width, form.bias),
                      .linear_2 = shapes.linear(width, width, form.bias),
                      .newline = shapes.tensor({width}),
                      .pool = form.pool,
                      .layout = form.newline,
                      .tiles = std::move(form.tiles)};
  return std::make_unique<SiglipLlava>(std::move(tower), std::move(projector));
}

}  // namespace rrpo::model
