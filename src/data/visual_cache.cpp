#include "rrpo/data/visual_cache.h"

#include "rrpo/data/media.h"
#include "rrpo/data/tensor_file.h"
#include "rrpo/io/sha256.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/error.h"

namespace rrpo::data {

namespace fs = std::filesystem;

namespace {

/// Hash of what turns pixels into visual tokens.
std::string weights_hash(policy::Policy& policy) {
  std::string parts;
  for (const model::NamedTensor& weight : model::tensors(policy.lvlm)) {
    if (weight.part == model::Part::decoder) continue;
    const at::Tensor plain = weight.tensor->detach().cpu().contiguous();
    parts += weight.name + " " + plain.toString() + " " +
             io::sha256({static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()}) + "\n";
  }
  return io::sha256(parts);
}

}  // namespace

void VisualCache::open_folder(const fs::path& folder, policy::Policy& policy, const policy::VideoConfig& video,
                              const fs::path& root) {
  std::error_code fault;
  fs::create_directories(folder, fault);
  if (fault)
    throw Error(Fault::environment, "data", folder.string() + ": " + fault.message(),
                "set data.cache to a folder that can be written");
  const video::PixelSpec& pixels = policy.pixels;
  Json key = {{"weights", weights_hash(policy)},
              {"frames", video.frames},
              {"sampling", video.sampling},
              {"size", pixels.size},
              {"mean", pixels.mean},
              {"std", pixels.std},
              {"rescale", pixels.rescale},
              {"pool", static_cast<int>(policy.lvlm.weights().projector.pool)},
              {"newline", static_cast<int>(policy.lvlm.weights().projector.layout)},
              {"tiles", policy.tiles.has_value()}};
  key_ = key.dump();
  folder_ = folder;
  root_ = root;
}

fs::path VisualCache::file_of(const rows::Media& media) const {
  std::string parts = key_;
  for (const fs::path& file : media_files(media, root_)) parts += "\n" + io::file_sha256(file);
  const Json clip = {{"start_s", media.start_s ? Json(*media.start_s) : Json()},
                     {"end_s", media.end_s ? Json(*media.end_s) : Json()}};
  return *folder_ / (io::sha256(parts + "\n" + clip.dump()) + ".safetensors");
}

at::Tensor VisualCache::find(const rows::Media& media) {
  const std::string key = media.key();
  {
    const std::lock_guard lock(mutex_);
    const auto found = clips_.find(key);
    if (found != clips_.end()) return found->second;
  }
  if (!folder_) return {};
  const fs::path file = file_of(media);
  if (!fs::exists(file)) return {};
  TensorMap tensors = load_tensors(file);
  if (tensors.size() != 1 || !tensors.contains("visual")) {
    throw Error(Fault::input, "data", file.string() + ": is no file of visual tokens", "delete it");
  }
  const at::Tensor visual = tensors.at("visual");
  const std::lock_guard lock(mutex_);
  if (static_cast<int64_t>(visual.nbytes()) <= room_ && clips_.emplace(key, visual).second) {
    room_ -= static_cast<int64_t>(visual.nbytes());
  }
  return visual;
}

void VisualCache::insert(const rows::Media& media, const at::Tensor& visual) {
  const at::Tensor plain = visual.detach().cpu().contiguous();
  if (folder_) {
    const fs::path file = file_of(media);
    if (!fs::exists(file)) save_tensors(file, {{"visual", plain}});
  }
  const std::lock_guard lock(mutex_);
  if (static_cast<int64_t>(plain.nbytes()) > room_) return;
  if (clips_.emplace(media.key(), plain).second) room_ -= static_cast<int64_t>(plain.nbytes());
}

}  // namespace rrpo::data
