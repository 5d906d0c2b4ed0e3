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

}  // namespace

const std::vector<UnusedKey>& known_unused_keys() {
  static const std::vector<UnusedKey> keys = {
      {"system", kSystem},
      {"system_prompt", kSystem},
      {"tools", kTools},
      {"functions", kTools},
      {"tool_calls", kTools},
      {"history", "a row has one question"},
      {"start", kClip},
      {"end", kClip},
      {"start_s", kClip},
      {"end_s", kClip},
      {"start_time", kClip},
      {"end_time", kClip},
      {"start_sec", kClip},
      {"end_sec", kClip},
      {"start_seconds", kClip},
      {"end_seconds", kClip},
      {"video_start", kClip},
      {"video_end", kClip},
      {"timestamp", kClip},
      {"timestamps", kClip},
      {"time", kClip},
      {"time_range", kClip},
      {"segment", kClip},
      {"segments", kClip},
      {"duration", kClip},
      {"start_frame", kClip},
      {"end_frame", kClip},
      {"fps", kFrames},
      {"sample_fps", kFrames},
      {"nframes", kFrames},
      {"num_frames", kFrames},
      {"max_frames", kFrames},
      {"min_frames", kFrames},
      {"frame_idx", kFrames},
      {"max_pixels", kSize},
      {"min_pixels", kSize},
      {"total_pixels", kSize},
      {"resized_height", kSize},
      {"resized_width", kSize},
      {"image", kMedia},
      {"images", kMedia},
      {"videos", kMedia},
      {"audio", "sound is not heard"},
      {"audios", "sound is not heard"},
      {"rejected_images", kMedia},
      {"rejected_videos", kMedia},
      {"bbox", "boxes are not read"},
      {"objects", "boxes are not read"},
      {"subtitles", "write them into the question"},
      {"subtitle", "write them into the question"},
      {"margin", kWeight},
      {"score", kWeight},
      {"chosen_score", kWeight},
      {"rejected_score", kWeight},
      {"score_chosen", kWeight},
      {"score_rejected", kWeight},
      {"chosen_rating", kWeight},
      {"rejected_rating", kWeight},
      {"reward", kWeight},
      {"loss", kLoss},
      {"loss_scale", kLoss},
      {"channel", kLoss},
      {"label", "a pair has a chosen and a rejected answer"},
      {"kto_tag", "a pair has a chosen and a rejected answer"},
      {"reward_model", "answer is the truth of a question"},
      {"solution", "answer is the truth of a question"},
  };
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
