#include "rrpo/rows/unused_keys.h"

#include <algorithm>

#include "rrpo/util/log.h"

namespace rrpo::rows {
namespace {

constexpr const char* kClip = "a part of the video is named by clip: {start_s, end_s}";
constexpr const char* kFrames = "video.frames and video.sampling decide which frames are seen";
constexpr const char* kSize = "the model's processor decides the size of the pictures";
constexpr const char* kSystem = "the model's prompt form decides the system text";
constexpr const char* kTools = "tools are not offered to the model";
constexpr const char* kMedia = "a row has one video, or one list of frames";
constexpr const char* kWeight = "weight is the one number that weighs a pair";
constexpr const char* kLoss = "the objective decides which tokens are trained";

bool is_empty(const Json& value) {
  return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty()) ||
         (value.is_structured() && value.empty());
}

/// Keys that are not used for the same reason.
struct UnusedKeys {
  std::string why;
  std::vector<std::string> names;
};

std::vector<UnusedKey> one_by_one(const std::vector<UnusedKeys>& groups) {
  std::vector<UnusedKey> keys;
  for (const UnusedKeys& group : groups) {
    for (const std::string& name : group.names) keys.push_back({name, group.why});
  }
  return keys;
}

}  // namespace

const std::vector<UnusedKey>& known_unused_keys() {
  static const std::vector<UnusedKey> keys = one_by_one({
      {kSystem, {"system", "system_prompt"}},
      {kTools, {"tools", "functions", "tool_calls"}},
      {"a row has one question", {"history"}},
      {kClip, {"start",   "end",           "start_s",     "end_s",       "start_time", "end_time",    "start_sec",
               "end_sec", "start_seconds", "end_seconds", "video_start", "video_end",  "timestamp",   "timestamps",
               "time",    "time_range",    "segment",     "segments",    "duration",   "start_frame", "end_frame"}},
      {kFrames, {"fps", "sample_fps", "nframes", "num_frames", "max_frames", "min_frames", "frame_idx"}},
      {kSize, {"max_pixels", "min_pixels", "total_pixels", "resized_height", "resized_width"}},
      {kMedia, {"image", "images", "videos"}},
      {"sound is not heard", {"audio", "audios"}},
      {kMedia, {"rejected_images", "rejected_videos"}},
      {"boxes are not read", {"bbox", "objects"}},
      {"write them into the question", {"subtitles", "subtitle"}},
      {kWeight,
       {"margin", "score", "chosen_score", "rejected_score", "score_chosen", "score_rejected", "chosen_rating",
        "rejected_rating", "reward"}},
      {kLoss, {"loss", "loss_scale", "channel"}},
      {"a pair has a chosen and a rejected answer", {"label", "kto_tag", "answer_gt", "chosen_meta", "rejected_meta"}},
      {"answer is the truth of a question", {"reward_model", "solution"}},
  });
  return keys;
}

std::vector<std::string> unused_keys(const Json& object) {
  std::vector<std::string> out;
  if (!object.is_object()) return out;
  for (const UnusedKey& key : known_unused_keys()) {
    const auto found = object.find(key.name);
    if (found != object.end() && !is_empty(*found)) out.push_back(key.name);
  }
  return out;
}

std::string unused_note(const std::string& name) {
  const std::vector<UnusedKey>& keys = known_unused_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const UnusedKey& key) { return key.name == name; });
  return "rows with '" + name + "', kept and not used" + (found == keys.end() ? "" : ": " + found->why);
}

void count_unused(const Json& extra, std::map<std::string, int64_t>& notes) {
  for (const std::string& name : unused_keys(extra)) ++notes[unused_note(name)];
}

void tell_notes(const std::filesystem::path& file, const std::map<std::string, int64_t>& notes) {
  for (const auto& [note, count] : notes) log_warning(file.string() + ": " + std::to_string(count) + " " + note);
}

}  // namespace rrpo::rows
