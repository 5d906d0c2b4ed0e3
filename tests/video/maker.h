// Small clips of any container and codec that FFmpeg writes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "rrpo/video/frames.h"

namespace rrpo::video::test {

/// How a clip is written. Names are FFmpeg's.
struct Recipe {
  std::string format = "mp4", codec = "libx264", pixels = "yuv420p";
  int rate = 12;
  int gop = 12;
  int b_frames = 2;
  int64_t first = 0;                                              ///< number of the first frame: where the times begin
  bool uneven = false;                                            ///< times whose steps are now one, now three
  std::vector<std::pair<std::string, std::string>> options = {};  ///< of the codec
};

/// `count` frames of a square that slides over a gradient, each unlike the others.
Frames moving(int64_t count, int64_t height = 48, int64_t width = 64);

/// The bytes of a file. Throws where FFmpeg lacks a part.
std::string make_clip(const Frames& frames, const Recipe& recipe = {});

/// A Matroska file that announces so many tracks of moving pictures, and holds none.
std::string make_tracks(int count, int height = 48, int width = 64);

}  // namespace rrpo::video::test
