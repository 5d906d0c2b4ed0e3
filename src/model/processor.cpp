// The processor's files of a checkpoint folder. Layouts: transformers 5 nests everything in processor_config.json; before,
// the image processor stands flat in preprocessor_config.json and the video processor, if any, in
// video_preprocessor_config.json.
#include "rrpo/model/processor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"

namespace rrpo::model {

namespace {

/// The resampling filter's number in Pillow.
constexpr int64_t kBicubic = 3;

constexpr std::array<const char*, 3> kFiles = {"processor_config.json", "video_preprocessor_config.json",
                                               "preprocessor_config.json"};

/// One processor's settings and where they stand, for errors.
struct Settings {
  Json json;
  std::string place;

  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const {
    throw Error(Fault::input, "model", place + "." + key + ": " + problem,
                "take the processor's files of the original checkpoint");
  }
  const Json& at(const std::string& key) const {
    if (!json.contains(key)) refuse(key, "missing");
    return json.at(key);
  }
  double number(const std::string& key, const Json& value) const {
    if (!value.is_number() || !std::isfinite(value.get<double>())) refuse(key, "not a finite number: " + value.dump());
    return value.get<double>();
  }
};

/// The processor that prepares frames: the one for videos where there is one, else the one for images; for stills the other
/// way round.
Settings find_settings(const std::filesystem::path& folder, Media media) {
  const auto nested = folder / kFiles[0];
  if (std::filesystem::exists(nested)) {
    const Json json = read_json(nested, "model");
    std::array<const char*, 2> keys = {"video_processor", "image_processor"};
    if (media == Media::image) std::swap(keys[0], keys[1]);
    for (const char* key : keys) {
      if (json.is_object() && json.contains(key) && json.at(key).is_object())
        return {json.at(key), nested.string() + "#" + key};
    }
  }
  for (const char* name : {kFiles[1], kFiles[2]}) {
    if (media == Media::image && name == kFiles[1]) continue;
    const auto file = folder / name;
    if (!std::filesystem::exists(file)) continue;
    Settings settings{read_json(file, "model"), file.string() + "#"};
    if (!settings.json.is_object())
      throw Error(Fault::input, "model", file.string() + ": not an object", "replace the file");
    return settings;
  }
  throw Error(Fault::input, "model",
              (folder / "preprocessor_config.json").string() +
                  ": missing (and no processor_config.json that says how frames are prepared)",
              "copy it from the original checkpoint");
}

int64_t side(const Settings& settings) {
  const Json& size = settings.at("size");
  const auto whole = [&](const Json& value) {
    if (!value.is_number_integer() || value.get<int64_t>() < 1 || value.get<int64_t>() > 8192) {
      settings.refuse("size", "not a side of 1 to 8192 pixels: " + value.dump());
    }
    return value.get<int64_t>();
  };
  if (size.is_number()) return whole(size);
  if (!size.is_object() || !size.contains("height") || !size.contains("width")) {
    settings.refuse("size", "not a height and a width: " + printable(size.dump()));
  }
  if (size.at("height") != size.at("width")) settings.refuse("size", "not square: " + printable(size.dump()));
  return whole(size.at("height"));
}

std::array<float, 3> triple(const Settings& settings, const std::string& key) {
  const Json& values = settings.at(key);
  if (!values.is_array() || values.size() != 3) settings.refuse(key, "not three numbers: " + printable(values.dump()));
  std::array<float, 3> result{};
  for (size_t i = 0; i < 3; ++i) result[i] = static_cast<float>(settings.number(key, values[i]));
  return result;
}

}  // namespace

bool has_pixel_spec(const std::filesystem::path& folder) {
  return std::any_of(kFiles.begin(), kFiles.end(),
                     [&folder](const char* name) { return std::filesystem::exists(folder / name); });
}

video::PixelSpec read_pixel_spec(const std::filesystem::path& folder, Media media) {
  const Settings settings = find_settings(folder, media);
  for (const char* key : {"do_resize", "do_rescale", "do_normalize"}) {
    if (settings.json.value(key, Json(true)) != Json(true))
      settings.refuse(key, "a processor that leaves this out is not supported");
  }
  if (settings.json.value("do_center_crop", Json(false)) == Json(true))
    settings.refuse("do_center_crop", "cropping is not supported");
  const Json& resample = settings.at("resample");
  if (resample != Json(kBicubic))
    settings.refuse("resample", "only 3 (bicubic) is supported, not " + printable(resample.dump()));
  video::PixelSpec spec;
  spec.size = side(settings);
  spec.mean = triple(settings, "image_mean");
  spec.std = triple(settings, "image_std");
  for (const float value : spec.std) {
    if (!(value > 0)) settings.refuse("image_std", "not above zero");
  }
  spec.rescale = settings.number("rescale_factor", settings.at("rescale_factor"));
  return spec;
}

}  // namespace rrpo::model
