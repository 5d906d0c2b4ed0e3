#include "rrpo/data/visual_cache.h"

#include <utility>

#include "rrpo/data/media.h"
#include "rrpo/io/sha256.h"

namespace rrpo::data {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRuns = "runs";

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

KeptTensors kept_of(const model::VisualTokens& visual) {
  return {tensors_of(visual), {{kRuns, runs_json(visual.runs).dump()}}};
}

model::VisualTokens visual_of(const KeptTensors& kept) {
  model::VisualTokens visual{kept.tensors.at("visual"), {}, runs_of(parse_json(kept.words.at(kRuns), "data", kRuns))};
  for (size_t i = 0; i + 1 < kept.tensors.size(); ++i) visual.deep.push_back(kept.tensors.at("deep." + std::to_string(i)));
  return visual;
}

int64_t bytes_of(const model::VisualTokens& visual) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors_of(visual)) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

std::string name_in_memory(const rows::View& view, const std::vector<int64_t>& eye_text) {
  return eye_text.empty() ? view.key() : view.key() + "\n" + Json(eye_text).dump();
}

model::VisualTokens on_cpu(const model::VisualTokens& visual) {
  model::VisualTokens plain{visual.tokens.detach().cpu().contiguous(), {}, visual.runs};
  for (const at::Tensor& deep : visual.deep) plain.deep.push_back(deep.detach().cpu().contiguous());
  return plain;
}

}  // namespace

void VisualCache::open_folder(const fs::path& folder, policy::Policy& policy, const policy::VideoConfig& video,
                              const fs::path& root) {
  folder_.emplace(folder);
  key_ = visual_key(policy, video);
  root_ = root;
}

std::string VisualCache::name_in_folder(const rows::View& view, const std::vector<int64_t>& eye_text) {
  std::string parts = key_;
  // Whether links may lead out of the root was asked when the rows were read.
  for (const fs::path& file : media_files(view.media, root_, /*follow_links=*/true)) parts += "\n" + hashes_.of(file);
  const rows::Media& media = view.media;
  Json clip = {{"start_s", media.start_s ? Json(*media.start_s) : Json()},
               {"end_s", media.end_s ? Json(*media.end_s) : Json()}};
  if (!media.frame_indices.empty()) clip["frame_indices"] = media.frame_indices;
  if (media.folder) clip["folder"] = {media.folder->fps, media.folder->first};
  if (view.perturbed()) clip["view"] = view.key();  // the media's key too, by which the choices are drawn
  if (!eye_text.empty()) clip["eye_text"] = eye_text;
  return io::sha256(parts + "\n" + clip.dump());
}

std::string VisualCache::name(const rows::View& view, const std::vector<int64_t>& eye_text) {
  return folder_ ? name_in_folder(view, eye_text) : name_in_memory(view, eye_text);
}

std::string VisualCache::files_of(const rows::Media& media) { return folder_ ? hashes_.of(media, root_) : ""; }

model::VisualTokens VisualCache::find(const rows::View& view, const std::vector<int64_t>& eye_text) {
  const std::string clip = name_in_memory(view, eye_text);
  if (std::optional<model::VisualTokens> found = clips_.find(clip)) return *found;
  if (!folder_) return {};
  const std::optional<KeptTensors> kept = folder_->read(name_in_folder(view, eye_text));
  if (!kept) return {};
  const model::VisualTokens visual = visual_of(*kept);
  clips_.insert(clip, visual, bytes_of(visual));
  return visual;
}

void VisualCache::insert(const rows::View& view, const std::vector<int64_t>& eye_text, const model::VisualTokens& visual) {
  const int64_t bytes = bytes_of(visual);
  if (!folder_ && !clips_.has_room(bytes)) return;  // a copy from the device would wait for it
  const model::VisualTokens plain = on_cpu(visual);
  // find() has hashed the media in its own thread; here the hash is only looked up.
  if (folder_) folder_->write(name_in_folder(view, eye_text), kept_of(plain));
  clips_.insert(name_in_memory(view, eye_text), plain, bytes);
}

}  // namespace rrpo::data
