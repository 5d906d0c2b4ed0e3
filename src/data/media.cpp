#include "rrpo/data/media.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "rrpo/util/error.h"
#include "rrpo/video/reader.h"

namespace rrpo::data {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& problem, const std::string& fix) {
  throw Error(Fault::input, "data", name + ": " + problem, fix);
}

/// `root` as it is without links.
fs::path base_of(const fs::path& root) {
  std::error_code fault;
  fs::path base = fs::canonical(root.empty() ? "." : root, fault);
  if (fault)
    throw Error(Fault::usage, "config", root.string() + ": is no readable folder",
                "set the video root to the folder of the clips");
  return base;
}

/// Why `file` cannot be opened at all.
[[noreturn]] void refuse_absent(const std::string& name, const fs::path& base, const fs::path& file) {
  std::error_code fault;
  const auto kind = fs::symlink_status(file, fault).type();
  if (kind == fs::file_type::symlink)
    refuse(name, "is a link to a file that is not there", "mend the link or copy the file");
  if (fault && fault != std::errc::no_such_file_or_directory)
    refuse(name, fault.message(), "check the permissions below it");
  refuse(name, "no such file below " + base.string(), "put the file there or set the video root");
}

fs::path beneath(const fs::path& root, const std::string& name, bool follow_links) {
  const fs::path relative = name;
  if (name.empty() || name.find("://") != std::string::npos)
    refuse(name, "is no path of a file", "name a file below the video root");
  const bool climbs = std::find(relative.begin(), relative.end(), "..") != relative.end();
  if (relative.is_absolute() || climbs) refuse(name, "leaves the video root", "write paths relative to it");
  const fs::path base = base_of(root);
  std::error_code fault;
  const fs::path file = fs::canonical(base / relative, fault);
  if (fault) refuse_absent(name, base, base / relative);
  if (fs::is_directory(file, fault))
    refuse(name, "is a folder", "name a file, or its pictures in order as frames (rrpo-gen import does)");
  if (!fs::is_regular_file(file, fault)) refuse(name, "is no regular file", "give a video or a picture");
  const auto [end, unused] = std::mismatch(base.begin(), base.end(), file.begin(), file.end());
  if (end != base.end() && !follow_links) {
    refuse(name, "is a link that leaves the video root", "copy the file below it, or video.follow_links=true");
  }
  return file;
}

}  // namespace

std::vector<fs::path> media_files(const rows::Media& media, const fs::path& root, bool follow_links) {
  if (!media.video.empty()) return {beneath(root, media.video, follow_links)};
  std::vector<fs::path> files;
  for (const std::string& name : media.frames) files.push_back(beneath(root, name, follow_links));
  if (files.empty()) refuse(media.key(), "names neither a video nor frames", "give one of them");
  return files;
}

video::Frames read_media(const rows::Media& media, const fs::path& root, const policy::VideoConfig& config) {
  const std::vector<fs::path> files = media_files(media, root, config.follow_links);
  const video::ReadLimits limits{.memory_bytes = config.max_memory_mb << 20};
  if (media.video.empty()) return video::read_pictures(files, limits);
  std::optional<video::Clip> clip;
  if (media.start_s || media.end_s) {
    clip = video::Clip{media.start_s.value_or(0), media.end_s.value_or(std::numeric_limits<double>::infinity())};
  }
  return video::read_video(files.front(), config.sampling, config.frames, clip, limits);
}

TowerInput tower_input(const policy::Policy& policy, const rows::Media& media, const video::Frames& frames) {
  const bool still = media.video.empty() && media.frames.size() == 1;
  if (!still || !policy.tiles) return {pixel_tensor(frames, policy.pixels), std::nullopt};
  const video::Frames tiles = video::cut_tiles(frames, model::tile_resolutions(policy.lvlm), policy.tiles->size);
  return {pixel_tensor(tiles, *policy.tiles), video::Resolution{frames.height, frames.width}};
}

int64_t visual_token_count(const policy::Policy& policy, const TowerInput& input) {
  return input.picture ? model::visual_token_count(policy.lvlm, *input.picture)
                       : model::visual_token_count(policy.lvlm, input.pixels.size(0));
}

at::Tensor pixel_tensor(const video::Frames& frames, const video::PixelSpec& spec) {
  const video::Pixels pixels = video::to_pixels(frames, spec);
  at::Tensor tensor = at::empty({pixels.count, 3, pixels.size, pixels.size}, at::kFloat);
  expect(static_cast<size_t>(tensor.numel()) == pixels.values.size(), "pixels of another number than their shape");
  std::memcpy(tensor.mutable_data_ptr<float>(), pixels.values.data(), pixels.values.size() * sizeof(float));
  return tensor;
}

}  // namespace rrpo::data
