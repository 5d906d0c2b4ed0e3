#include "pair_html.h"

#include <algorithm>

#include "rrpo/data/media.h"
#include "rrpo/data/sheet.h"
#include "rrpo/gen/lens.h"
#include "rrpo/report/html.h"
#include "rrpo/util/table.h"

namespace rrpo::gen {

namespace {

std::string sheet(const ClipView& view, const video::Frames& frames, const std::string& caption) {
  const bool some = view.most > 0 && frames.count > view.most;
  const std::string which =
      some ? " (" + std::to_string(view.most) + " of " + std::to_string(frames.count) + " frames)" : "";
  return data::sheet_html(data::picked(frames, view.most), view.columns, caption + which);
}

std::string side_html(const char* name, const text::MarkedText& side, const text::Tokenizer* tokenizer, report::Mark mark) {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const text::ByteRange& range : marked_bytes(side, tokenizer)) ranges.emplace_back(range.begin, range.end);
  return report::labelled(name, report::marked_text(side.text, ranges, mark));
}

}  // namespace

std::string clip_html(const ClipView& view, const rows::Media& media, const Perturbed& perturbed) {
  const video::Frames frames = data::read_media(media, view.root, view.video);
  const std::string clean = sheet(view, frames, "as they are: what training sees");
  if (perturbed.steps.empty()) return clean;
  std::vector<std::string> names;
  for (const video::PerturbStep& step : perturbed.steps) names.push_back(step.name);
  const video::Frames seen = video::perturb(frames, perturbed.steps, perturbed.seed, media.key());
  return clean + sheet(view, seen, "perturbed (" + join(names) + "): what the model saw when it was asked");
}

std::string pair_frames_html(const ClipView& view, const rows::Pair& pair) {
  const Json::json_pointer steps("/made/perturbation/steps"), seed("/made/seed");
  Perturbed perturbed;
  if (pair.extra.contains(steps))
    perturbed.steps = video::parse_perturbations(pair.extra.at(steps), "made.perturbation.steps");
  if (!perturbed.steps.empty()) perturbed.seed = pair.extra.at(seed).get<uint64_t>();
  return clip_html(view, pair.media, perturbed);
}

std::string answers_html(const rows::Pair& pair, const text::Tokenizer* tokenizer, const std::string& official) {
  const auto plain = [](const char* name, const std::string& text) {
    return report::labelled(name, report::marked_text(text, {}, report::Mark::plain));
  };
  std::string responses;
  const Json made = pair.extra.value("made", Json());
  for (const auto& [key, name] : {std::pair("response", "response"), {"clean_response", "response to the clean video"}}) {
    if (made.is_object() && made.contains(key) && made.at(key).is_string())
      responses += plain(name, made.at(key).get<std::string>());
  }
  return plain("question", pair.question) +
         report::grid({side_html("chosen", pair.chosen, tokenizer, report::Mark::chosen),
                       side_html("rejected", pair.rejected, tokenizer, report::Mark::rejected)}) +
         responses + (official.empty() ? "" : report::labelled("official", report::escape(official)));
}

}  // namespace rrpo::gen
