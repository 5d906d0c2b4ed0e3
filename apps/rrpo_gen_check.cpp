#include "app_streams.h"
#include "rrpo/data/media.h"
#include "rrpo/gen/config.h"
#include "rrpo/policy/hub.h"
#include "rrpo/rows/check.h"
#include "rrpo/util/log.h"
#include "rrpo/video/perturbation.h"
#include "rrpo/video/reader.h"
#include "rrpo_gen_commands.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

/// Opens a medium and decodes its first picture, or with `decode` all that it holds.
void look_at(const rows::Media& media, const gen::CheckConfig& config, const fs::path& root, bool decode) {
  const std::vector<fs::path> files = data::media_files(media, root, config.video.follow_links);
  if (decode) {
    policy::VideoConfig all_of_it = config.video;
    all_of_it.verify = true;
    data::read_media(media, root, all_of_it);
  } else if (!media.video.empty()) {
    constexpr double kFirstPicture = 1e-3;
    video::read_video(files.front(), "authors", 1, video::Clip{0, kFirstPicture},
                      {.memory_bytes = config.video.max_memory_mb << 20});
  }
}

/// What a row's perturbations say; with `decode` also that they change what is shown.
void look_at_view(const rows::View& view, const std::string& at, const gen::CheckConfig& config, const fs::path& root,
                  bool decode) {
  const std::vector<video::PerturbStep> steps = video::row_perturbations(view.perturb, at);
  if (!decode) return;
  const video::Frames frames = data::read_media(view.media, root, config.video);
  if (video::perturb(frames, steps, view.seed, view.media.key()).rgb == frames.rgb)
    throw Error(Fault::input, "data", at + ": changes no frame of this clip", "other perturbations, or another seed");
}

}  // namespace

int run_check(const Invocation& call) {
  auto config = read_config<gen::CheckConfig>(call.sources);
  policy::find_models(config.model);
  const fs::path file = call.words.at("FILE");
  const fs::path root = config.video_root.empty() ? file.parent_path() : config.video_root;
  const bool decode = call.words.contains("--decode");
  const auto tokenizer = config.model.path.empty() ? nullptr : text::open_tokenizer(config.model.path);
  rows::CheckRules rules;
  rules.tokenizer = tokenizer.get();
  rules.root = root;
  rules.media = [&](const rows::Media& media) { look_at(media, config, root, decode); };
  rules.perturbed = [&](const rows::View& view, const std::string& at) { look_at_view(view, at, config, root, decode); };
  const rows::CheckedRows checked = rows::check_rows(read_file(file, "data"), file.string(), rules);
  if (checked.rows == 0 && checked.faults.empty())
    throw Error(Fault::input, "data", file.string() + ": holds no row", "name a file of pairs or questions");
  for (const auto& [note, count] : checked.notes) log_info(std::to_string(count) + " " + note);
  constexpr size_t kLine = 1000;
  for (const rows::RowFault& fault : checked.faults) {
    const std::string line = fault.place + ": " + fault.what + (fault.fix.empty() ? "" : "; fix: " + fault.fix);
    print(printable(line, kLine) + "\n");
  }
  return finish(rows::check_json(checked), checked.faults.empty() ? 0 : static_cast<int>(Fault::budget));
}

}  // namespace rrpo::apps
