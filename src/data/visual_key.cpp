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
  Json offered = Json::array();
  for (const video::Resolution& size : pixels.offered) offered.push_back({size.height, size.width});
  return {{"fit", static_cast<int>(pixels.fit)},
          {"size", pixels.size},
          {"mean", pixels.mean},
          {"std", pixels.std},
          {"rescale", pixels.rescale},
          {"budget", {pixels.factor, pixels.min_pixels, pixels.max_pixels, pixels.cap, pixels.multiple}},
          {"tiles", {pixels.min_tiles, pixels.max_tiles, pixels.thumbnail, offered}}};
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
  Json pixels = Json::array();
  for (const video::PixelSpec& spec : policy::pixels_of(policy, video)) pixels.push_back(pixels_json(spec));
  const Json key = {{"version", kVersion},
                    {"format", 2},
                    {"family", weights.family},
                    {"weights", weights_hash(policy)},
                    {"type", static_cast<int>(weights.type)},
                    {"device", weights.device.is_cuda() ? "cuda" : "cpu"},
                    {"eye", weights.vision->resolved()},
                    {"pixels", pixels},
                    {"still_pixels", policy.still ? pixels_json(*policy.still) : Json()},
                    {"video", frames_json(video)}};
  return io::sha256(key.dump());
}

}  // namespace rrpo::data
