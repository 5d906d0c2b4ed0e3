// `rrpo-gen show --perturbations`: what each perturbation does to a clip.
#include "rrpo/data/media.h"
#include "rrpo/data/sheet.h"
#include "rrpo/gen/lens.h"
#include "rrpo/report/html.h"
#include "rrpo/util/table.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::gen {

namespace {

/// Lists of steps that the page shows, one sheet each.
std::vector<Json> shown_lists(const ShowConfig& config) {
  std::vector<Json> lists;
  if (!config.perturb.empty()) {
    Json upon = Json::array();
    for (const Json& step : config.perturb) {
      upon.push_back(step);
      lists.push_back(upon);
    }
    return lists;
  }
  for (const video::Perturbation& row : video::perturbations()) {
    lists.push_back(Json::array({row.name}));
    if (row.name != "mask") continue;
    for (const char* shape : {"frame", "patches"}) lists.push_back({{{"name", "mask"}, {"shape", shape}}});
  }
  lists.push_back({"mask", "shuffle_local"});
  return lists;
}

std::string order_of(const video::Frames& frames) {
  std::vector<std::string> numbers;
  for (const int64_t i : frames.index) numbers.push_back(std::to_string(i));
  return join(numbers, " ");
}

std::string sheet_of(const ShowConfig& config, const video::Frames& frames, const Json& list, const std::string& key) {
  const std::vector<video::PerturbStep> steps = video::parse_perturbations(list, "perturb");
  const video::Frames seen = video::perturb(frames, steps, static_cast<uint64_t>(config.seed), key);
  std::string settings, help;
  for (const video::PerturbStep& step : steps) {
    settings += (settings.empty() ? "" : ", ") + step.settings.dump();
    help += (help.empty() ? "" : ", then ") + find_row(video::perturbations(), step.name)->help;
  }
  const std::string order = seen.index == frames.index ? "" : "; frames " + order_of(seen);
  return data::sheet_html(seen, config.columns, help + order + "; " + settings);
}

}  // namespace

std::string perturbation_page(const ShowConfig& config, const std::filesystem::path& root,
                              const std::vector<rows::Media>& clips) {
  report::Page page("Perturbations", "seed " + std::to_string(config.seed));
  page.paragraph("What the model sees when it is asked. Training sees the clean clip.");
  for (const rows::Media& media : clips) {
    const video::Frames frames = data::read_media(media, root, config.video);
    page.section(media.folder ? media.folder->path : media.video.empty() ? media.frames.front() : media.video);
    page.add(data::sheet_html(frames, config.columns, "as it is; frames " + order_of(frames)));
    for (const Json& list : shown_lists(config)) page.add(sheet_of(config, frames, list, media.key()));
  }
  return page.html();
}

}  // namespace rrpo::gen
