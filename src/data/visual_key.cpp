// What visual tokens depend on beside the frames themselves.
#include "rrpo/data/visual_cache.h"
#include "rrpo/io/sha256.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/version.h"

namespace rrpo::data {

namespace {

/// Hash of the values of tower and projector.
std::string weights_hash(policy::Policy& policy) {
  std::string parts;
  for (const model::NamedTensor& weight : model::tensors(policy.lvlm)) {
    if (weight.part == model::Part::decoder) continue;
    const at::Tensor plain = weight.tensor->detach().cpu().contiguous();
    parts += weight.name + " " + plain.toString() + " " + Json(weight.shape).dump() + " " +
             io::sha256({static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()}) + "\n";
  }
  return io::sha256(parts);
}

Json pixels_json(const video::PixelSpec& pixels) {
  return {{"size", pixels.size}, {"mean", pixels.mean}, {"std", pixels.std}, {"rescale", pixels.rescale}};
}

Json tower_json(const model::Tower& tower) {
  Json eps = Json::array({tower.post.eps});
  for (const model::VisionLayer& layer : tower.layers) eps.push_back({layer.norm1.eps, layer.norm2.eps});
  return {{"image", tower.image}, {"patch", tower.patch}, {"heads", tower.heads}, {"eps", eps}};
}

Json tiles_json(const std::optional<model::Tiles>& tiles) {
  if (!tiles) return nullptr;
  Json offered = Json::array();
  for (const video::Resolution& size : tiles->offered) offered.push_back({size.height, size.width});
  return {{"offered", offered}, {"most", tiles->most}, {"cuts", tiles->cuts}};
}

/// What the rule reads of the fields, and no more: another value of the others chooses no other frame.
Json frames_json(const policy::VideoConfig& video) {
  Json rule = {{"frames", video.frames}, {"sampling", video.sampling}};
  if (video::sampler(video.sampling).by_rate) {
    rule["sample_fps"] = video.sample_fps;
    rule["max_frames"] = video.max_frames;
  }
  return rule;
}

}  // namespace

std::string visual_key(policy::Policy& policy, const policy::VideoConfig& video) {
  const model::Weights& weights = policy.lvlm.weights();
  const Json key = {{"version", kVersion},
                    {"family", weights.family},
                    {"weights", weights_hash(policy)},
                    {"type", static_cast<int>(weights.type)},
                    {"device", weights.device.is_cuda() ? "cuda" : "cpu"},
                    {"tower", tower_json(weights.tower)},
                    {"pool", static_cast<int>(weights.projector.pool)},
                    {"newline", static_cast<int>(weights.projector.layout)},
                    {"tiles", tiles_json(weights.projector.tiles)},
                    {"pixels", pixels_json(policy.pixels)},
                    {"tile_pixels", policy.tiles ? pixels_json(*policy.tiles) : Json()},
                    {"video", frames_json(video)}};
  return io::sha256(key.dump());
}

}  // namespace rrpo::data
