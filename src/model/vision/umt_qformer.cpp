// VideoChat2's eye: the video tower, the Q-Former that reads the text beside it, and a linear to the decoder's width.
#include "../layers.h"
#include "../shapes.h"
#include "qformer.h"
#include "rows.h"
#include "rrpo/util/error.h"
#include "umt.h"

namespace rrpo::model {

namespace {

class UmtQformer final : public Vision {
 public:
  UmtQformer(const ConfigReader& vision, const ConfigReader& qformer, int64_t decoder_width, const Shapes& shapes)
      : tower_(umt_tower(vision, shapes)),
        qformer_(make_qformer(qformer, tower_.width(), shapes)),
        projection_(shapes.linear(qformer_.words.size(1), decoder_width, true)) {}

  void list(Listing& list) override {
    list.part = Part::vision;
    list_umt(list, tower_);
    list.part = Part::projector;
    list_qformer(list, qformer_);
    list.add("mistral_proj", projection_);
  }

  void each_linear(const SeeLinear& see) override {
    each_umt_linear(tower_, see);
    each_qformer_linear(qformer_, see);
    see("mistral_proj", projection_);
  }

  std::optional<std::vector<VisualRun>> runs(const ClipForm&) const override {
    return std::vector<VisualRun>{plain_run(qformer_.query_count())};
  }

  VisualTokens encode(const ClipInput& clip, const VisionPass& pass) const override {
    const at::Tensor& pixels = clip.pixels.front();
    const int64_t side = tower_.image;
    expect(
        pixels.dim() == 4 && pixels.size(0) > 0 && pixels.size(1) == 3 && pixels.size(2) == side && pixels.size(3) == side,
        "pixels of another shape than the vision tower's");
    expect(!pass.question.empty(), "an eye that reads is given nothing to read");
    const at::Tensor seen = run_umt(tower_, pixels.to(pass.device, pass.type), pass.adapter);
    const at::Tensor asked = run_qformer(qformer_, pass.question, seen, pass.adapter);
    return {linear(asked, projection_, pass.adapter), {}, {plain_run(asked.size(0))}};
  }

  bool reads_text() const override { return true; }
  Json resolved() const override { return {{"umt", umt_json(tower_)}, {"qformer", qformer_json(qformer_)}}; }
  int64_t image_side() const override { return tower_.image; }

  VisionCost cost(const ClipForm& form) const override {
    const VisionCost tower = umt_cost(tower_, form.frames);
    const VisionCost asked = qformer_cost(qformer_, form.frames * tower_.grid() * tower_.grid());
    const auto projected = static_cast<double>(qformer_.query_count() * projection_.weight.numel());
    return {tower.flop + asked.flop + 2 * projected, tower.kept_values + asked.kept_values};
  }

 private:
  Umt tower_;
  Qformer qformer_;
  Linear projection_;
};

}  // namespace

std::unique_ptr<Vision> umt_qformer(const ConfigReader& vision, const ConfigReader& qformer, int64_t decoder_width,
                                    const Shapes& shapes) {
  return std::make_unique<UmtQformer>(vision, qformer, decoder_width, shapes);
}

}  // namespace rrpo::model
