#include "rrpo/data/loader.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>

#include "rrpo/data/answers.h"
#include "rrpo/data/media.h"
#include "rrpo/util/error.h"
#include "rrpo/util/random.h"
#include "rrpo/util/ranks.h"

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

/// The micro-batches of a run one after the other. An epoch is cut when the first of its own is asked for: a run of many
/// epochs does not hold them all, and the threads that read ahead do not wait for its end.
class Loader::Places {
 public:
  Places(const Dataset& dataset, const LoaderRules& rules, int64_t first_window, int64_t last_window)
      : rules_(rules),
        per_epoch_(windows_per_epoch(dataset.rows(), rules.batch)),
        first_window_(first_window),
        last_window_(last_window) {
    for (const Sample& sample : dataset.samples) videos_.push_back(sample.own.video);
    if (per_epoch_ > 0) epoch_ = first_window / per_epoch_;
  }

  /// The micro-batch with number `i`, each of which is asked for once, by any thread; nothing after the last.
  std::optional<MicroBatch> take(int64_t i) {
    const std::lock_guard lock(mutex_);
    while (i >= count_ && open_epoch()) continue;
    const auto found = open_.find(i);
    if (found == open_.end()) return std::nullopt;
    return std::move(open_.extract(found).mapped());
  }

  /// How many passes each of `windows` windows has on all ranks together. Those before `first` are not asked for again.
  std::vector<int64_t> passes(int64_t first, int64_t windows) {
    const std::lock_guard lock(mutex_);
    passes_.erase(passes_.begin(), passes_.lower_bound(first));
    std::vector<int64_t> all;
    for (int64_t window = first; window < first + windows; ++window) {
      while (!passes_.contains(window) && open_epoch()) continue;
      all.push_back(passes_[window]);
    }
    return all;
  }

 private:
  bool open_epoch() {
    if (per_epoch_ == 0 || epoch_ * per_epoch_ >= last_window_) return false;
    const std::vector<int64_t> order = epoch_order(videos_, rules_.order, epoch_);
    const std::vector<MicroBatch> batches = epoch_batches(order, videos_, rules_.batch, epoch_);
    for (const MicroBatch& batch : batches) ++passes_[batch.window];
    for (MicroBatch& batch : share_of(batches, rules_.share)) {
      if (batch.window >= first_window_ && batch.window < last_window_) open_.emplace(count_++, std::move(batch));
    }
    ++epoch_;
    return true;
  }

  const LoaderRules& rules_;
  int64_t per_epoch_, first_window_, last_window_;
  std::vector<int64_t> videos_;
  int64_t epoch_ = 0, count_ = 0;       ///< the next epoch to open, the micro-batches of those before it
  std::map<int64_t, MicroBatch> open_;  ///< not taken yet
  std::map<int64_t, int64_t> passes_;   ///< by window
  std::mutex mutex_;
};

int64_t default_loader_threads() { return std::clamp<int64_t>(own_cores(), 1, 16); }

Loader::Loader(const Dataset& dataset, const policy::Policy& policy, VisualCache* cache, LoaderRules rules,
               int64_t first_window, int64_t last_window)
    : dataset_(dataset),
      policy_(policy),
      cache_(cache),
      rules_(std::move(rules)),
      encodes_always_(model::adapts_vision(policy.lvlm)),
      window_(first_window),
      places_(std::make_unique<Places>(dataset, rules_, first_window, last_window)) {
  if (rules_.seen == nullptr) return;
  for (const auto& [key, seen] : *rules_.seen) {
    if (!seen.files.empty()) known_by_files_.insert(key);
  }
}

Loader::~Loader() = default;

std::optional<PairBatch> Loader::next() {
  if (!prefetch_) {
    const auto make_next = [this](int64_t i) -> std::optional<PairBatch> {
      const at::NoGradGuard frozen;  // gradient mode belongs to the thread, and a new one starts with it on
      const std::optional<MicroBatch> place = places_->take(i);
      return place ? std::optional(make(*place)) : std::nullopt;
    };
    prefetch_ = std::make_unique<Prefetch<std::optional<PairBatch>>>(0, std::numeric_limits<int64_t>::max(), rules_.threads,
                                                                     passes_ahead(), make_next);
  }
  std::optional<PairBatch> batch = prefetch_->next().value();
  if (!batch) return batch;
  window_ = batch->place.window + (batch->place.ends_window ? 1 : 0);
  if (rules_.seen == nullptr) return batch;
  for (const Clip& clip : batch->clips) compare(clip);
  for (const ControlledClips& controlled : batch->controls) {
    for (const Clip& clip : controlled.clips) {
      if (clip.there()) compare(clip);
    }
  }
  return batch;
}

std::vector<int64_t> Loader::window_rows(int64_t window) const {
  std::vector<int64_t> videos;
  for (const Sample& sample : dataset_.samples) videos.push_back(sample.own.video);
  return data::window_rows(videos, rules_.order, rules_.batch, window);
}

Loader Loader::again(int64_t window) const { return {dataset_, policy_, cache_, rules_, window, window + 1}; }

int64_t Loader::most_passes(int64_t windows) {
  return data::most_passes(window_, places_->passes(window_, windows), rules_.share.size);
}

void Loader::compare(const Clip& clip) {
  const rows::Media& media = dataset_.videos[static_cast<size_t>(clip.video)].media;
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

/// As many passes as fit into the memory for them, by the largest clip of all; two for each thread at most.
int64_t Loader::passes_ahead() const {
  int64_t pixels = 1;
  for (const rows::View& view : dataset_.videos) pixels = std::max(pixels, most_pixels(policy_, view.media, rules_.video));
  const int64_t clip = pixels * 3 * static_cast<int64_t>(sizeof(float));
  const size_t shown = dataset_.samples.empty() ? 1 : clips_of(dataset_.samples[0]).size();
  const auto clips = static_cast<int64_t>(shown + rules_.controls.size());
  return std::clamp<int64_t>(rules_.ahead_bytes / (clip * clips * rules_.batch.micro), 1,
                             std::max<int64_t>(1, 2 * rules_.threads));
}

/// Hash of the files of a media, where tokens may come from a folder that knows clips by it, or came from one before.
std::string Loader::files_of(const rows::Media& media) const {
  if (rules_.seen == nullptr) return "";
  std::string files = cache_ ? cache_->files_of(media) : "";
  return files.empty() && known_by_files_.contains(media.key()) ? hashes_.of(media, rules_.root) : files;
}

Loader::SharedFrames Loader::shared_media(const MicroBatch& place) const {
  std::set<int64_t> videos;
  for (const int64_t row : place.rows) {
    for (const AskedClip* asked : clips_of(dataset_.samples[static_cast<size_t>(row)])) videos.insert(asked->video);
  }
  std::map<std::string, int64_t> views;
  const auto controls = static_cast<int64_t>(rules_.controls.size());
  for (const int64_t video : videos) views[dataset_.videos.at(static_cast<size_t>(video)).media.key()] += 1 + controls;
  SharedFrames shared;
  for (const auto& [media, count] : views) {
    if (count > 1) shared.try_emplace(media);
  }
  return shared;
}

/// The visual tokens of a cache, or what they are made of; both where the adapter sits on the eye, since the cache's are
/// those of the reference.
Clip Loader::read(int64_t video, const rows::View& view, SharedFrames& shared) const {
  Clip clip;
  clip.video = video;
  // The words around it depend on that, wherever its tokens come from.
  clip.input.form.still = is_still(policy_, view.media);
  if (cache_) clip.visual = cache_->find(view, dataset_.eye_text(video));
  clip.files = files_of(view.media);
  if (clip.visual.defined() && !encodes_always_) return clip;
  const auto decoded = [&] { return read_media(view.media, rules_.root, rules_.video, threads_of_a_clip(rules_.threads)); };
  const auto kept = shared.find(view.media.key());
  if (kept == shared.end()) {
    fill(clip, view, decoded());
  } else {
    if (!kept->second) kept->second = decoded();
    fill(clip, view, *kept->second);
  }
  return clip;
}

void Loader::fill(Clip& clip, const rows::View& view, const video::Frames& frames) const {
  if (rules_.seen) clip.frames = hash_of(frames);  // as they were decoded: a media is the same in all of its views
  const video::Frames changed = view.perturbed() ? perturbed_frames(view, frames) : video::Frames();
  clip.input = clip_input(policy_, view.media, view.perturbed() ? changed : frames, rules_.video);
}

/// The clip of a row after each control.
void Loader::add_controls(PairBatch& batch, int64_t video, SharedFrames& shared) const {
  const auto found =
      std::find_if(batch.clips.begin(), batch.clips.end(), [&](const Clip& clip) { return clip.video == video; });
  if (found == batch.clips.end()) return;  // its media is a fault
  const auto place = static_cast<size_t>(found - batch.clips.begin());
  const rows::View& view = dataset_.videos.at(static_cast<size_t>(video));
  const bool one_frame = is_still(policy_, view.media) || most_frames(view.media, rules_.video) < 2;
  for (ControlledClips& one : batch.controls) {
    one.clips.resize(batch.clips.size());
    if (one.clips[place].there() || (one.control.order && one_frame)) continue;
    one.clips[place] = read(video, controlled(view, one.control, one.seed), shared);
  }
}

namespace {

/// Leaves the clips that a row of the micro-batch shows: a row that was skipped may have had one that could be read.
void drop_unshown(PairBatch& batch, const Dataset& dataset) {
  std::set<int64_t> shown;
  for (const int64_t row : batch.place.rows) {
    for (const AskedClip* asked : clips_of(dataset.samples[static_cast<size_t>(row)])) shown.insert(asked->video);
  }
  for (size_t c = batch.clips.size(); c-- > 0;) {
    if (shown.contains(batch.clips[c].video)) continue;
    const auto place = static_cast<std::ptrdiff_t>(c);
    for (ControlledClips& one : batch.controls) one.clips.erase(one.clips.begin() + place);
    batch.clips.erase(batch.clips.begin() + place);
  }
}

}  // namespace

PairBatch Loader::make(const MicroBatch& place) const {
  PairBatch batch;
  for (const Control& control : rules_.controls) batch.controls.push_back({control, rules_.order.seed});
  batch.place = place;
  batch.place.rows.clear();
  SharedFrames shared = shared_media(place);
  std::map<int64_t, std::string> faults;  // by video; empty: it was read
  for (const int64_t row : place.rows) {
    const Sample& sample = dataset_.samples[static_cast<size_t>(row)];
    std::string fault;
    for (const AskedClip* asked : clips_of(sample)) {
      const auto [found, is_new] = faults.try_emplace(asked->video);
      try {
        if (is_new) batch.clips.push_back(read(asked->video, dataset_.view(*asked), shared));
        if (asked == &sample.own) add_controls(batch, asked->video, shared);
      } catch (const Error& error) {
        if (error.fault() != Fault::input) throw;
        if (!rules_.skip_bad_media) throw Error(Fault::input, "data", sample.id + ": " + error.what(), "");
        found->second = error.what();
      }
      if (fault.empty()) fault = found->second;
    }
    if (fault.empty()) {
      batch.place.rows.push_back(row);
      batch.ids.push_back(sample.id);
    } else {
      batch.skipped.push_back({sample.id, fault});
    }
  }
  for (ControlledClips& one : batch.controls) one.clips.resize(batch.clips.size());
  if (!batch.skipped.empty()) drop_unshown(batch, dataset_);
  return batch;
}

}  // namespace rrpo::data
