#include "rrpo/data/media.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "rrpo/util/error.h"
#include "rrpo/video/perturbation.h"
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

/// What `name` leads to below `base`, links followed.
fs::path resolved(const fs::path& base, const std::string& name, bool follow_links) {
  const fs::path relative = name;
  if (name.empty() || name.find("://") != std::string::npos)
    refuse(name, "is no path of a file", "name a file below the video root");
  const bool climbs = std::find(relative.begin(), relative.end(), "..") != relative.end();
  if (relative.is_absolute() || climbs) refuse(name, "leaves the video root", "write paths relative to it");
  std::error_code fault;
  const fs::path file = fs::canonical(base / relative, fault);
  if (fault) refuse_absent(name, base, base / relative);
  const auto [end, unused] = std::mismatch(base.begin(), base.end(), file.begin(), file.end());
  if (end != base.end() && !follow_links) {
    refuse(name, "is a link that leaves the video root", "copy the file below it, or video.follow_links=true");
  }
  return file;
}

fs::path beneath(const fs::path& base, const std::string& name, bool follow_links) {
  const fs::path file = resolved(base, name, follow_links);
  std::error_code fault;
  if (fs::is_directory(file, fault))
    refuse(name, "is a folder", "name a file, or its pictures in order as frames (rrpo-gen import does)");
  if (!fs::is_regular_file(file, fault)) refuse(name, "is no regular file", "give a video or a picture");
  return file;
}

/// The name of a picture: `number` in place of the pattern's `%d`, `%5d` or `%05d`.
std::string picture_name(const std::string& pattern, int64_t number) {
  const size_t at = pattern.find('%'), end = pattern.find('d', at);
  expect(at != std::string::npos && end != std::string::npos, "a pattern without a number");
  const std::string width = pattern.substr(at + 1, end - at - 1);
  std::string digits = std::to_string(number);
  const size_t wanted = width.empty() ? 0 : std::stoul(width);
  if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), width[0] == '0' ? '0' : ' ');
  return pattern.substr(0, at) + digits + pattern.substr(end + 1);
}

std::vector<fs::path> pictures_of(const rows::PictureFolder& folder, const fs::path& base, bool follow_links) {
  const fs::path place = resolved(base, folder.path, follow_links);
  if (!fs::is_directory(place)) refuse(folder.path, "is no folder", "name the folder of the pictures, or give it as video");
  std::vector<fs::path> files;
  for (int64_t number = folder.first;; ++number) {
    const std::string name = picture_name(folder.pattern, number);
    std::error_code fault;
    if (!fs::exists(fs::symlink_status(place / name, fault))) break;
    files.push_back(beneath(base, (fs::path(folder.path) / name).string(), follow_links));
  }
  if (files.empty())
    refuse(folder.path, "holds no picture " + picture_name(folder.pattern, folder.first),
           "see its pattern and first number");
  return files;
}

std::optional<video::Clip> clip_of(const rows::Media& media) {
  if (!media.start_s && !media.end_s) return std::nullopt;
  return video::Clip{media.start_s.value_or(0), media.end_s.value_or(std::numeric_limits<double>::infinity())};
}

video::Choice choice_of(const rows::Media& media, const policy::VideoConfig& config) {
  return {.rule = config.sampling,
          .fields = {.frames = config.frames, .sample_fps = config.sample_fps, .max_frames = config.max_frames},
          .clip = clip_of(media),
          .indices = media.frame_indices,
          .verify = config.verify};
}

video::NumberedPictures numbered(const rows::PictureFolder& folder, std::vector<fs::path> files) {
  return {.name = folder.path, .files = std::move(files), .fps = folder.fps, .first = folder.first};
}

video::ReadLimits limits_of(const policy::VideoConfig& config, int64_t threads = 1) {
  return {.memory_bytes = config.max_memory_mb << 20, .threads = threads};
}

}  // namespace

std::vector<fs::path> media_files(const rows::Media& media, const fs::path& root, bool follow_links) {
  const fs::path base = base_of(root);
  if (media.folder) return pictures_of(*media.folder, base, follow_links);
  if (!media.video.empty()) return {beneath(base, media.video, follow_links)};
  std::vector<fs::path> files;
  for (const std::string& name : media.frames) files.push_back(beneath(base, name, follow_links));
  if (files.empty()) refuse(media.key(), "names neither a video nor frames", "give one of them");
  return files;
}

int64_t threads_of_a_clip(int64_t clips) {
  const auto cores = static_cast<int64_t>(std::thread::hardware_concurrency());
  return std::max<int64_t>(1, cores / std::max<int64_t>(1, clips));
}

video::Frames read_media(const rows::Media& media, const fs::path& root, const policy::VideoConfig& config,
                         int64_t threads) {
  std::vector<fs::path> files = media_files(media, root, config.follow_links);
  if (media.folder)
    return video::read_numbered(numbered(*media.folder, std::move(files)), choice_of(media, config), limits_of(config));
  if (media.video.empty()) return video::read_pictures(files, limits_of(config));
  return video::read_video(files.front(), choice_of(media, config), limits_of(config, threads));
}

video::Frames perturbed_frames(const rows::View& view, const video::Frames& frames) {
  return video::perturb(frames, video::parse_perturbations(view.perturb, "perturb"), view.seed, view.media.key());
}

video::Frames read_times(const rows::Media& media, const fs::path& root, const policy::VideoConfig& config) {
  if (media.video.empty() && !config.verify) return outline_media(media, root, config);
  if (!media.video.empty()) {
    const fs::path file = media_files(media, root, config.follow_links).front();
    if (auto known = video::certain_outline(file, choice_of(media, config), limits_of(config))) return std::move(*known);
  }
  video::Frames frames = read_media(media, root, config);
  std::vector<uint8_t>().swap(frames.rgb);  // an empty one that is assigned would leave the memory
  return frames;
}

bool has_fixed_count(const rows::Media& media, const policy::VideoConfig& config) {
  return !media.frames.empty() || !media.frame_indices.empty() || !video::sampler(config.sampling).by_rate;
}

video::Frames outline_media(const rows::Media& media, const fs::path& root, const policy::VideoConfig& config) {
  std::vector<fs::path> files = media_files(media, root, config.follow_links);
  if (media.folder)
    return video::outline_numbered(numbered(*media.folder, std::move(files)), choice_of(media, config), limits_of(config));
  if (media.video.empty()) return video::outline_pictures(files, limits_of(config));
  return video::outline(files.front(), choice_of(media, config), limits_of(config));
}

int64_t most_frames(const rows::Media& media, const policy::VideoConfig& config) {
  constexpr int64_t kManyFrames = 256;  // more do not fit into the positions of the families
  if (!media.frames.empty()) return static_cast<int64_t>(media.frames.size());
  if (!media.frame_indices.empty()) return static_cast<int64_t>(media.frame_indices.size());
  if (has_fixed_count(media, config)) return config.frames;
  return config.max_frames > 0 ? std::min(2 * config.max_frames, kManyFrames) : kManyFrames;
}

bool is_still(const policy::Policy& policy, const rows::Media& media) { return policy.still && media.frames.size() == 1; }

model::ClipForm form_of(const policy::Policy& policy, const rows::Media& media, const video::Frames& frames,
                        const policy::VideoConfig& config) {
  const bool still = is_still(policy, media);
  const video::PixelSpec spec = still ? *policy.still : policy::pixels_of(policy, config).front();
  const video::Resolution source{frames.height, frames.width}, size = video::fitted_size(spec, frames.count, source);
  return {.frames = video::fitted_count(spec, frames.count, source),
          .height = size.height,
          .width = size.width,
          .source = source,
          .still = still,
          .index = frames.index,
          .fps = frames.fps,
          .total = frames.total};
}

std::optional<model::ClipForm> square_form(const policy::Policy& policy, int64_t count) {
  const int64_t side = policy.lvlm.vision().image_side();
  if (side == 0) return std::nullopt;
  return model::ClipForm{.frames = count, .height = side, .width = side};
}

model::ClipInput clip_input(const policy::Policy& policy, const rows::Media& media, const video::Frames& frames,
                            const policy::VideoConfig& config) {
  model::ClipInput clip{{}, form_of(policy, media, frames, config)};
  const auto specs = clip.form.still ? std::vector<video::PixelSpec>{*policy.still} : policy::pixels_of(policy, config);
  for (const video::PixelSpec& spec : specs) clip.pixels.push_back(pixel_tensor(frames, spec));
  return clip;
}

at::Tensor pixel_tensor(const video::Frames& frames, const video::PixelSpec& spec) {
  const video::Resolution source{frames.height, frames.width}, size = video::fitted_size(spec, frames.count, source);
  at::Tensor tensor = at::empty({video::fitted_count(spec, frames.count, source), 3, size.height, size.width}, at::kFloat);
  video::write_pixels(frames, spec, tensor.mutable_data_ptr<float>());
  return tensor;
}

}  // namespace rrpo::data
