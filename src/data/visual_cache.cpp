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

constexpr const char *kChecksum = "sha256", *kRuns = "runs";

/// Tokens and the features for deeper layers by their names in a file.
TensorMap tensors_of(const model::VisualTokens& visual) {
  TensorMap tensors = {{"visual", visual.tokens}};
  for (size_t i = 0; i < visual.deep.size(); ++i) tensors["deep." + std::to_string(i)] = visual.deep[i];
  return tensors;
}

/// How a prompt shows them: for each run its length, extent, moment and positions.
Json runs_json(const std::vector<model::VisualRun>& runs) {
  Json all = Json::array();
  for (const model::VisualRun& run : runs) {
    Json places = Json::array();
    for (const model::Position& at : run.positions) places.insert(places.end(), {at.time, at.height, at.width});
    all.push_back({run.count, run.extent, run.time_s, places});
  }
  return all;
}

std::vector<model::VisualRun> runs_of(const Json& json) {
  std::vector<model::VisualRun> runs;
  for (const Json& one : json) {
    model::VisualRun run{.count = one.at(0), .extent = one.at(1), .time_s = one.at(2)};
    const auto places = one.at(3).get<std::vector<int64_t>>();
    for (size_t i = 0; i + 2 < places.size(); i += 3) run.positions.push_back({places[i], places[i + 1], places[i + 2]});
    runs.push_back(std::move(run));
  }
  return runs;
}

/// Over the clip's name, which stands for all that the tokens depend on, and the tokens themselves.
std::string checksum(const std::string& name, const TensorMap& tensors, const std::string& runs) {
  std::string parts = name;
  for (const auto& [key, tensor] : tensors) {
    const std::string_view bytes(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
    parts += " " + key + " " + tensor.toString() + " " + Json(tensor.sizes().vec()).dump() + " " + io::sha256(bytes);
  }
  return io::sha256(parts + " " + runs);
}

/// What a file holds, where that is what insert() wrote under `name`; else undefined.
model::VisualTokens checked(TensorMap tensors, std::map<std::string, std::string> metadata, const std::string& name) {
  if (!tensors.contains("visual") || metadata.size() != 2 ||
      metadata[kChecksum] != checksum(name, tensors, metadata[kRuns])) {
    return {};
  }
  model::VisualTokens visual{tensors["visual"], {}, runs_of(parse_json(metadata[kRuns], "data", "runs"))};
  for (size_t i = 0; i + 1 < tensors.size(); ++i) visual.deep.push_back(tensors.at("deep." + std::to_string(i)));
  return visual;
}

std::string clip_key(const rows::Media& media, const std::vector<int64_t>& eye_text) {
  return eye_text.empty() ? media.key() : media.key() + "\n" + Json(eye_text).dump();
}

model::VisualTokens on_cpu(const model::VisualTokens& visual) {
  model::VisualTokens plain{visual.tokens.detach().cpu().contiguous(), {}, visual.runs};
  for (const at::Tensor& deep : visual.deep) plain.deep.push_back(deep.detach().cpu().contiguous());
  return plain;
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

std::string VisualCache::name_of(const rows::Media& media, const std::vector<int64_t>& eye_text) {
  std::string parts = key_;
  // Whether links may lead out of the root was asked when the rows were read.
  for (const fs::path& file : media_files(media, root_, /*follow_links=*/true)) parts += "\n" + hashes_.of(file);
  Json clip = {{"start_s", media.start_s ? Json(*media.start_s) : Json()},
               {"end_s", media.end_s ? Json(*media.end_s) : Json()}};
  if (!media.frame_indices.empty()) clip["frame_indices"] = media.frame_indices;
  if (media.folder) clip["folder"] = {media.folder->fps, media.folder->first};
  if (!eye_text.empty()) clip["eye_text"] = eye_text;
  return io::sha256(parts + "\n" + clip.dump());
}

/// Undefined where the file is not what insert() wrote.
model::VisualTokens VisualCache::read(const fs::path& file, const std::string& name) {
  std::string problem = "its content is not what was written";
  try {
    std::map<std::string, std::string> metadata;
    io::read_safetensors_header(file, &metadata);
    model::VisualTokens visual = checked(load_tensors(file), std::move(metadata), name);
    if (visual.defined()) return visual;
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

void VisualCache::keep(const std::string& clip, const model::VisualTokens& visual) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors_of(visual)) bytes += static_cast<int64_t>(tensor.nbytes());
  const std::lock_guard lock(mutex_);
  if (size_ == 0) return;  // a caller that needs each clip once keeps none of them
  if (bytes <= room_) {
    if (clips_.emplace(clip, visual).second) room_ -= bytes;
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

model::VisualTokens VisualCache::find(const rows::Media& media, const std::vector<int64_t>& eye_text) {
  const std::string clip = clip_key(media, eye_text);
  {
    const std::lock_guard lock(mutex_);
    const auto found = clips_.find(clip);
    if (found != clips_.end()) return found->second;
  }
  if (!folder_) return {};
  const std::string name = name_of(media, eye_text);
  const fs::path file = *folder_ / (name + ".safetensors");
  std::error_code absent;
  if (!fs::exists(file, absent)) return {};
  model::VisualTokens visual = read(file, name);
  if (visual.defined()) keep(clip, visual);
  return visual;
}

void VisualCache::insert(const rows::Media& media, const std::vector<int64_t>& eye_text, const model::VisualTokens& visual) {
  const model::VisualTokens plain = on_cpu(visual);
  if (folder_) {
    // find() has hashed the media in its own thread; here the hash is only looked up.
    const std::string name = name_of(media, eye_text), runs = runs_json(plain.runs).dump();
    const fs::path file = *folder_ / (name + ".safetensors");
    const TensorMap tensors = tensors_of(plain);
    if (takes_place_of(file, name)) save_tensors(file, tensors, {{kChecksum, checksum(name, tensors, runs)}, {kRuns, runs}});
  }
  keep(clip_key(media, eye_text), plain);
}

}  // namespace rrpo::data
