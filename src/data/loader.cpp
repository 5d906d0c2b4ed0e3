#include "rrpo/data/loader.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <thread>

#include "rrpo/data/answers.h"
#include "rrpo/data/media.h"
#include "rrpo/util/error.h"
#include "rrpo/util/random.h"

namespace rrpo::data {

namespace {

/// Pixels of a picture of usual size, where only the file says how large it is.
constexpr int64_t kUsualPixels = int64_t{1280} * 720;

/// The pixels that a row's pictures come to at most: its frames, or the tiles of a still.
int64_t most_pixels(const policy::Policy& policy, const rows::Media& media, const policy::VideoConfig& config) {
  if (is_still(policy, media)) {
    const video::PixelSpec& spec = *policy.still;
    int64_t tiles = spec.max_tiles;
    for (const video::Resolution& size : spec.offered)
      tiles = std::max(tiles, size.height / spec.size * (size.width / spec.size));
    return policy.lvlm.vision().image_side() > 0 ? (1 + tiles) * spec.size * spec.size : kUsualPixels;
  }
  int64_t area = 0;
  for (const video::PixelSpec& spec : policy::pixels_of(policy, config)) {
    const bool budget = spec.fit == video::Fit::budget_frame || spec.fit == video::Fit::budget_clip;
    area += budget ? std::min(spec.max_pixels, kUsualPixels) : spec.size * spec.size;
  }
  return most_frames(media, config) * area;
}

uint64_t hash_of(const video::Frames& frames) {
  return hash64({reinterpret_cast<const char*>(frames.rgb.data()), frames.rgb.size()});
}

}  // namespace

int64_t default_loader_threads() { return std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, 16); }

Loader::Loader(const Dataset& dataset, const policy::Policy& policy, VisualCache* cache, LoaderRules rules,
               int64_t first_window, int64_t last_window)
    : dataset_(dataset),
      policy_(policy),
      cache_(cache),
      rules_(std::move(rules)),
      encodes_always_(model::adapts_vision(policy.lvlm)),
      window_(first_window),
      last_window_(last_window) {
  for (const Sample& sample : dataset.samples) videos_.push_back(sample.video);
  if (rules_.seen == nullptr) return;
  for (const auto& [key, seen] : *rules_.seen) {
    if (!seen.files.empty()) known_by_files_.insert(key);
  }
}

std::optional<PairBatch> Loader::next() {
  for (;;) {
    if (!prefetch_ && !open_epoch()) return std::nullopt;
    if (std::optional<PairBatch> batch = prefetch_->next()) {
      compare(*batch);
      if (batch->place.ends_window) ++window_;
      return batch;
    }
    prefetch_.reset();
  }
}

void Loader::compare(const PairBatch& batch) {
  if (rules_.seen == nullptr) return;
  for (const Clip& clip : batch.clips) {
    const rows::Media& media = dataset_.videos[static_cast<size_t>(clip.video)];
    const std::string key = media.key();
    Seen& seen = (*rules_.seen)[key];
    const bool decoded = !clip.input.pixels.empty();
    // A folder that an earlier part of the run did not have serves a clip that was decoded then: once more, to be compared.
    const bool new_folder = !decoded && seen.frames && seen.files.empty() && !clip.files.empty();
    const uint64_t frames = new_folder ? hash_of(read_media(media, rules_.root, rules_.video)) : clip.frames;
    const bool other_frames = (decoded || new_folder) && seen.frames && *seen.frames != frames;
    const bool other_files = !clip.files.empty() && !seen.files.empty() && seen.files != clip.files;
    if (other_frames || (other_files && !(decoded && seen.frames))) refuse_other_pictures(media);
    if (decoded) seen.frames = clip.frames;
    if (!clip.files.empty()) seen.files = clip.files;
  }
}

/// As many passes as fit into the memory for them, by the largest clip of all; two for each thread at most.
int64_t Loader::passes_ahead() const {
  int64_t pixels = 1;
  for (const rows::Media& media : dataset_.videos) pixels = std::max(pixels, most_pixels(policy_, media, rules_.video));
  const int64_t clip = pixels * 3 * static_cast<int64_t>(sizeof(float));
  return std::clamp<int64_t>(rules_.ahead_bytes / (clip * rules_.batch.micro), 1, std::max<int64_t>(1, 2 * rules_.threads));
}

bool Loader::open_epoch() {
  if (window_ >= last_window_) return false;
  const int64_t epoch = window_ / windows_per_epoch(dataset_.rows(), rules_.batch);
  batches_ = epoch_batches(epoch_order(videos_, rules_.order, epoch), videos_, rules_.batch, epoch);
  std::erase_if(batches_,
                [this](const MicroBatch& batch) { return batch.window < window_ || batch.window >= last_window_; });
  const auto count = static_cast<int64_t>(batches_.size());
  prefetch_ = std::make_unique<Prefetch<PairBatch>>(0, count, rules_.threads, passes_ahead(), [this](int64_t i) {
    const at::NoGradGuard frozen;  // gradient mode belongs to the thread, and a new one starts with it on
    return make(batches_[static_cast<size_t>(i)]);
  });
  return true;
}

/// Hash of the files of a media, where tokens may come from a folder that knows clips by it, or came from one before.
std::string Loader::files_of(const rows::Media& media) const {
  if (rules_.seen == nullptr) return "";
  std::string files = cache_ ? cache_->files_of(media) : "";
  return files.empty() && known_by_files_.contains(media.key()) ? hashes_.of(media, rules_.root) : files;
}

/// The visual tokens of a cache, or what they are made of; both where the adapter sits on the eye, since the cache's are
/// those of the reference.
Clip Loader::read(const Sample& sample) const {
  Clip clip;
  clip.video = sample.video;
  clip.input.form.still =
      is_still(policy_, sample.media);  // the words around it depend on that, wherever its tokens come from
  if (cache_) clip.visual = cache_->find(sample.media, dataset_.eye_text(sample.video));
  clip.files = files_of(sample.media);
  if (clip.visual.defined() && !encodes_always_) return clip;
  const video::Frames frames = read_media(sample.media, rules_.root, rules_.video);
  if (rules_.seen) clip.frames = hash_of(frames);
  clip.input = clip_input(policy_, sample.media, frames, rules_.video);
  return clip;
}

PairBatch Loader::make(const MicroBatch& place) const {
  PairBatch batch;
  batch.place = place;
  batch.place.rows.clear();
  std::map<int64_t, std::string> faults;  // by video; empty: it was read
  for (const int64_t row : place.rows) {
    const Sample& sample = dataset_.samples[static_cast<size_t>(row)];
    const auto [fault, is_new] = faults.try_emplace(sample.video);
    try {
      if (is_new) batch.clips.push_back(read(sample));
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      if (!rules_.skip_bad_media) throw Error(Fault::input, "data", sample.id + ": " + error.what(), "");
      fault->second = error.what();
    }
    if (fault->second.empty()) {
      batch.place.rows.push_back(row);
      batch.ids.push_back(sample.id);
    } else {
      batch.skipped.push_back({sample.id, fault->second});
    }
  }
  return batch;
}

}  // namespace rrpo::data
