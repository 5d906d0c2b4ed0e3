// Video files and pictures to frames, through FFmpeg.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/video/frames.h"
#include "rrpo/video/sampling.h"

namespace rrpo::video {

/// A part of a video in seconds, half-open. Without an end (infinity) it lasts to the end of the video.
struct Clip {
  double start_s = 0;
  double end_s = 0;
};

/// Which frames of a video, or of a folder of numbered pictures, are read.
struct Choice {
  std::string rule = "authors";
  SamplingFields fields = {};
  std::optional<Clip> clip = {};
  std::vector<int64_t> indices = {};  ///< in place of a rule and a clip: frames of the whole, from 0, all, as listed
  bool verify = false;                ///< decode every frame, so that damage is found wherever it is
};

/// What reading one video or one list of pictures may take.
struct ReadLimits {
  /// Of its frames and its packets together, in bytes. What a decoder holds besides is bounded by the size of a frame.
  int64_t memory_bytes = int64_t{4} << 30;
  /// Groups of pictures decoded at a time, each on a thread of its own; the bytes do not depend on it.
  int64_t threads = 1;
};

/// The frames of `choice`, upright, converted by plain swscale to RGB24. Frames are numbered in the order in which they are
/// shown. Where the packets tell them apart (H.264 and HEVC without fields, VP9, with sound time stamps), only the groups of
/// pictures that hold chosen frames are decoded, with the same bytes as if all were; else, and with `verify`, the video is
/// decoded from its beginning and its frames are counted: the number that a container states is never believed.
/// Throws Error(input, "video") naming file and fault: unreadable, not a known container, no video stream, a damaged frame
/// among those decoded, no frame in the clip, no frame of such a number, no known frame rate where the rule needs one, more
/// memory than `limits` grants; Stopped when a stop was asked for.
Frames read_video(const std::filesystem::path& file, const Choice& choice, const ReadLimits& limits = {});

/// `wanted` frames by a rule that asks for nothing else.
Frames read_video(const std::filesystem::path& file, const std::string& rule, int64_t wanted,
                  const std::optional<Clip>& clip = std::nullopt, const ReadLimits& limits = {});

/// Every frame of a video, all of it decoded.
Frames read_all_frames(const std::filesystem::path& file, const std::optional<Clip>& clip = std::nullopt,
                       const ReadLimits& limits = {});

/// What read_video() gives but for the pixels: count, height and width (upright), times, numbers, duration, rate, total;
/// `rgb` is empty. By the packets: nothing is decoded, so where these do not tell frames apart it may differ, and the size
/// is what the container says. Throws as read_video() does, but for damage.
Frames outline(const std::filesystem::path& file, const Choice& choice, const ReadLimits& limits = {});

/// The same where it is certain: the packets tell all frames apart, and the choice does not ask to verify them; else none.
std::optional<Frames> certain_outline(const std::filesystem::path& file, const Choice& choice,
                                      const ReadLimits& limits = {});

/// Pictures (PNG, JPEG, WebP, BMP) of one size as frames, all of them in order. Throws as `read_video` does: a picture that
/// ends early is refused, not filled up.
Frames read_pictures(const std::vector<std::filesystem::path>& files, const ReadLimits& limits = {});

/// What read_pictures() gives but for the pixels; the first one alone is opened.
Frames outline_pictures(const std::vector<std::filesystem::path>& files, const ReadLimits& limits = {});

/// A folder of numbered pictures that stands for a video: files[i] has the number first + i and shows the second i / fps.
struct NumberedPictures {
  std::filesystem::path name;  ///< of the folder, in errors
  std::vector<std::filesystem::path> files;
  double fps = 1;
  int64_t first = 0;
};

/// Numbers of the pictures of `choice`, from 0. Throws Error(input) as read_video() does.
std::vector<int64_t> choose_pictures(const NumberedPictures& pictures, const Choice& choice);

/// Those pictures as frames; no other one is opened.
Frames read_numbered(const NumberedPictures& pictures, const Choice& choice, const ReadLimits& limits = {});

/// What read_numbered() gives but for the pixels; the first of them alone is opened.
Frames outline_numbered(const NumberedPictures& pictures, const Choice& choice, const ReadLimits& limits = {});

/// The same over bytes in memory. `name` stands in errors, and its ending takes part in telling the format.
Frames read_video_bytes(std::string_view bytes, const Choice& choice, const ReadLimits& limits = {},
                        const std::filesystem::path& name = "bytes");
Frames read_video_bytes(std::string_view bytes, const std::string& rule, int64_t wanted,
                        const std::optional<Clip>& clip = std::nullopt, const ReadLimits& limits = {},
                        const std::filesystem::path& name = "bytes");
Frames read_picture_bytes(std::string_view bytes, const ReadLimits& limits = {},
                          const std::filesystem::path& name = "bytes");

}  // namespace rrpo::video
