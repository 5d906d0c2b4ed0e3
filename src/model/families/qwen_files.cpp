#include "qwen_files.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// The resampling filter's number in Pillow.
constexpr int64_t kBicubic = 3;
/// The visual tokens that qwen-vl-utils' cap assumes: of Qwen2.5-VL in a whole text, of Qwen3-VL in a frame.
constexpr int64_t kCapTokens = 128000, kCapFrameTokens = 768;
constexpr int64_t kMostFrequencies = 4096;
constexpr int64_t kMostPixels = int64_t{1} << 40;

/// One processor's settings and where they stand, for errors.
class ProcessorFile {
 public:
  ProcessorFile(Json json, std::string place) : json_(std::move(json)), place_(std::move(place)) {
    if (!json_.is_object()) throw Error(Fault::input, "model", place_ + ": not an object", "replace the file");
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const {
    throw Error(Fault::input, "model", place_ + "." + key + ": " + problem,
                "take the processor's files of the original checkpoint");
  }
  bool has(const std::string& key) const { return json_.contains(key) && !json_.at(key).is_null(); }
  const Json& at(const std::string& key) const { return json_.at(key); }
  void only(const std::string& key, const Json& value) const {
    if (has(key) && at(key) != value) refuse(key, printable(at(key).dump()) + " is not supported, only " + value.dump());
  }
  int64_t pixels(const std::string& key, const Json& value) const {
    if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > static_cast<double>(kMostPixels))
      refuse(key, "not a number of pixels: " + printable(value.dump()));
    return value.get<int64_t>();
  }
  std::array<float, 3> triple(const std::string& key, const std::array<float, 3>& standard) const {
    if (!has(key)) return standard;
    const Json& values = at(key);
    std::array<float, 3> result{};
    for (size_t i = 0; i < 3; ++i) {
      if (!values.is_array() || values.size() != 3 || !values[i].is_number() || !std::isfinite(values[i].get<float>()))
        refuse(key, "not three numbers: " + printable(values.dump()));
      result[i] = values[i].get<float>();
    }
    return result;
  }

 private:
  Json json_;
  std::string place_;
};

ProcessorFile find_processor(const std::filesystem::path& folder, const char* key, const std::vector<const char*>& files) {
  const auto nested = folder / "processor_config.json";
  if (std::filesystem::exists(nested)) {
    const Json json = read_json(nested, "model");
    if (json.is_object() && json.contains(key) && json.at(key).is_object())
      return {json.at(key), nested.string() + "#" + key};
  }
  for (const char* name : files) {
    const auto file = folder / name;
    if (std::filesystem::exists(file)) return {read_json(file, "model"), file.string() + "#"};
  }
  throw Error(Fault::input, "model",
              (folder / "preprocessor_config.json").string() +
                  ": missing (and no processor_config.json that says how pictures are prepared)",
              "copy it from the original checkpoint");
}

/// The budget: `size`, of which `min_pixels` and `max_pixels` override the ends.
void read_budget(const ProcessorFile& file, video::PixelSpec& spec) {
  const std::array<std::pair<const char*, int64_t*>, 2> ends = {
      {{"shortest_edge", &spec.min_pixels}, {"longest_edge", &spec.max_pixels}}};
  if (file.has("size")) {
    for (const auto& [key, value] : ends) {
      if (!file.at("size").is_object() || !file.at("size").contains(key))
        file.refuse("size", std::string("has no ") + key + ": " + printable(file.at("size").dump()));
      *value = file.pixels("size", file.at("size").at(key));
    }
  }
  if (file.has("min_pixels")) spec.min_pixels = file.pixels("min_pixels", file.at("min_pixels"));
  if (file.has("max_pixels")) spec.max_pixels = file.pixels("max_pixels", file.at("max_pixels"));
  if (spec.min_pixels > spec.max_pixels) file.refuse("size", "allows less at most than at least");
}

video::PixelSpec read_spec(const ProcessorFile& file, const PatchForm& form, const QwenProcessor& standard) {
  for (const char* key : {"do_resize", "do_rescale", "do_normalize"}) file.only(key, true);
  file.only("resample", kBicubic);
  file.only("patch_size", form.patch);
  file.only("merge_size", form.merge);
  file.only("temporal_patch_size", form.temporal);
  video::PixelSpec spec;
  spec.fit = standard.fit;
  spec.factor = form.factor();
  spec.multiple = form.temporal;
  spec.min_pixels = standard.min_pixels;
  spec.max_pixels = standard.max_pixels;
  read_budget(file, spec);
  spec.mean = file.triple("image_mean", standard.mean);
  spec.std = file.triple("image_std", standard.std);
  if (std::any_of(spec.std.begin(), spec.std.end(), [](float value) { return !(value > 0); }))
    file.refuse("image_std", "not above zero");
  if (file.has("rescale_factor")) {
    if (!file.at("rescale_factor").is_number()) file.refuse("rescale_factor", "not a number");
    spec.rescale = file.at("rescale_factor").get<double>();
  }
  return spec;
}

/// `rope_parameters` (transformers 5) or `rope_scaling`.
ConfigReader rope_object(const ConfigReader& text) {
  const std::string key = text.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const ConfigReader rope = text.object(key);
  for (const char* kind : {"rope_type", "type"}) {
    if (rope.has(kind) && rope.json().at(kind) != Json("mrope")) rope.only(kind, "default");
  }
  return rope;
}

}  // namespace

ConfigReader qwen_text(const ConfigReader& config) {
  return config.has("text_config") ? config.object("text_config") : config;
}

bool qwen_tied_head(const ConfigReader& config) {
  return config.flag("tie_word_embeddings", false) || qwen_text(config).flag("tie_word_embeddings", false);
}

double qwen_theta(const ConfigReader& text) {
  const ConfigReader rope = rope_object(text);
  return rope.has("rope_theta") ? rope.number("rope_theta") : text.number("rope_theta");
}

RotaryAxes qwen_axes(const ConfigReader& text, int64_t head_width, bool interleaved) {
  const ConfigReader rope = rope_object(text);
  RotaryAxes axes{.sections = {}, .interleaved = interleaved};
  if (!rope.has("mrope_section")) {
    // The default of the one original that has one.
    if (interleaved) return {.sections = {24, 20, 20}, .interleaved = true};
    rope.refuse("mrope_section", "missing");
  }
  const Json& sections = rope.json().at("mrope_section");
  for (const Json& section : sections) {
    const int64_t count = sections.is_array() && section.is_number_integer() ? section.get<int64_t>() : -1;
    if (count < 0 || count > kMostFrequencies) break;
    axes.sections.push_back(count);
  }
  // In turns, height and width take what there is of their sections, and time all the rest: they need not add up.
  const int64_t all = std::accumulate(axes.sections.begin(), axes.sections.end(), int64_t{0});
  if (axes.sections.size() != 3 || sections.size() != 3 || (!interleaved && all != head_width / 2))
    rope.refuse("mrope_section", printable(sections.dump()) + " does not share half a head's width, " +
                                     std::to_string(head_width / 2) + ", among three axes");
  return axes;
}

void check_qwen_options(const LoadOptions& options, const std::string& family, const std::string& known) {
  if (!options.video_pool.empty())
    throw Error(Fault::usage, "config", "model.video_pool: family " + family + " does not pool", "model.video_pool=auto");
  if (!options.positions.empty() && options.positions != known) {
    throw Error(Fault::usage, "config", "model.positions: family " + family + " has no '" + options.positions + "'",
                "model.positions=auto");
  }
}

video::PixelSpec qwen_video_pixels(const std::filesystem::path& folder, const PatchForm& form,
                                   const QwenProcessor& standard) {
  const ProcessorFile file =
      find_processor(folder, "video_processor", {"video_preprocessor_config.json", "preprocessor_config.json"});
  video::PixelSpec spec = read_spec(file, form, standard);
  if (file.has("cap_pixels_per_frame")) {
    if (!file.at("cap_pixels_per_frame").is_boolean()) file.refuse("cap_pixels_per_frame", "neither true nor false");
    spec.cap = file.at("cap_pixels_per_frame").get<bool>();
  }
  if (spec.cap) file.only("max_video_tokens", spec.fit == video::Fit::budget_clip ? kCapFrameTokens : kCapTokens);
  return spec;
}

video::PixelSpec qwen_still_pixels(const std::filesystem::path& folder, const PatchForm& form,
                                   const QwenProcessor& standard) {
  return read_spec(find_processor(folder, "image_processor", {"preprocessor_config.json"}), form, standard);
}

}  // namespace rrpo::model
