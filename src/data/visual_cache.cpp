#include "rrpo/data/visual_cache.h"

#include <utility>

#include "rrpo/data/media.h"
#include "rrpo/data/tensor_file.h"
#include "rrpo/io/safetensors.h"
#include "rrpo/io/sha256.h"
#include "rrpo/util/error.h"
#include "rrpo/util/log.h"

namespace rrpo::data {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTensor = "visual";
constexpr const char* kChecksum = "sha256";

/// Over the clip's name, which stands for all that the tokens depend on, and the tokens themselves.
std::string checksum(const std::string& name, const at::Tensor& visual) {
  const std::string_view bytes(static_cast<const char*>(visual.const_data_ptr()), visual.nbytes());
  return io::sha256(name + " " + visual.toString() + " " + Json(visual.sizes().vec()).dump() + " " + io::sha256(bytes));
}

}  // namespace

void VisualCache::open_folder(const fs::path& folder, policy::Policy& policy, const policy::VideoConfig& video,
                              const fs::path& root) {
  std::error_code fault;
  fs::create_directories(folder, fault);
  if (fault)
    throw Error(Fault::environment, "data", folder.string() + ": " + fault.message(),
                "set data.cache to a folder that can be written");
  key_ = visual_key(policy, video);
  folder_ = folder;
  root_ = root;
}

std::string VisualCache::name_of(const rows::Media& media) {
  std::string parts = key_;
  // Whether links may lead out of the root was asked when the rows were read.
  for (const fs::path& file : media_files(media, root_, /*follow_links=*/true)) parts += "\n" + hashes_.of(file);
  Json clip = {{"start_s", media.start_s ? Json(*media.start_s) : Json()},
               {"end_s", media.end_s ? Json(*media.end_s) : Json()}};
  if (!media.frame_indices.empty()) clip["frame_indices"] = media.frame_indices;
  if (media.folder) clip["folder"] = {media.folder->fps, media.folder->first};
  return io::sha256(parts + "\n" + clip.dump());
}

/// Undefined where the file is not what insert() wrote.
at::Tensor VisualCache::read(const fs::path& file, const std::string& name) {
  std::string problem = "is no file of visual tokens";
  try {
    std::map<std::string, std::string> metadata;
    io::read_safetensors_header(file, &metadata);
    TensorMap tensors = load_tensors(file);
    const auto visual = tensors.find(kTensor);
    if (tensors.size() == 1 && visual != tensors.end() && visual->second.dim() == 2 && metadata.size() == 1 &&
        metadata[kChecksum] == checksum(name, visual->second)) {
      return visual->second;
    }
    problem = "its content is not what was written";
  } catch (const Error& error) {
    problem = error.what();  // whatever it is: the clip can be made anew
  }
  {
    const std::lock_guard lock(mutex_);
    bad_.insert(name);
  }
  if (damaged_++ == 0) log_warning("data.cache: " + file.string() + ": " + problem + "; damaged files are made anew");
  return {};
}

void VisualCache::keep(const rows::Media& media, const at::Tensor& visual) {
  const auto bytes = static_cast<int64_t>(visual.nbytes());
  const std::lock_guard lock(mutex_);
  if (size_ == 0) return;  // a caller that needs each clip once keeps none of them
  if (bytes <= room_) {
    if (clips_.emplace(media.key(), visual).second) room_ -= bytes;
  } else if (!std::exchange(full_, true)) {
    log_info("visual tokens fill " + std::to_string(size_ >> 20) +
             " MiB: further clips are read again when their turn comes; data.cache_memory_mb makes room");
  }
}

/// True where there is no such file, or one that was found damaged and waits to be replaced.
bool VisualCache::takes_place_of(const fs::path& file, const std::string& name) {
  std::error_code absent;
  const std::lock_guard lock(mutex_);
  return bad_.erase(name) > 0 || !fs::exists(file, absent);
}

std::string VisualCache::files_of(const rows::Media& media) { return folder_ ? hashes_.of(media, root_) : ""; }

at::Tensor VisualCache::find(const rows::Media& media) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = clips_.find(media.key());
    if (found != clips_.end()) return found->second;
  }
  if (!folder_) return {};
  const std::string name = name_of(media);
  const fs::path file = *folder_ / (name + ".safetensors");
  std::error_code absent;
  if (!fs::exists(file, absent)) return {};
  const at::Tensor visual = read(file, name);
  if (visual.defined()) keep(media, visual);
  return visual;
}

void VisualCache::insert(const rows::Media& media, const at::Tensor& visual) {
  const at::Tensor plain = visual.detach().cpu().contiguous();
  if (folder_) {
    // find() has hashed the media in its own thread; here the hash is only looked up.
    const std::string name = name_of(media);
    const fs::path file = *folder_ / (name + ".safetensors");
    if (takes_place_of(file, name)) save_tensors(file, {{kTensor, plain}}, {{kChecksum, checksum(name, plain)}});
  }
  keep(media, plain);
}

}  // namespace rrpo::data
