#include "pair_html.h"

#include <algorithm>

#include "rrpo/data/media.h"
#include "rrpo/data/sheet.h"
#include "rrpo/gen/lens.h"
#include "rrpo/report/html.h"
#include "rrpo/util/table.h"

namespace rrpo::gen {

namespace {

std::string names_of(const std::vector<video::PerturbStep>& steps) {
  std::vector<std::string> names;
  for (const video::PerturbStep& step : steps) names.push_back(step.name);
  return join(names);
}

std::string sheet(const ClipView& view, const video::Frames& frames, const std::string& caption) {
  const bool some = view.most > 0 && frames.count > view.most;
  const std::string which =
      some ? " (" + std::to_string(view.most) + " of " + std::to_string(frames.count) + " frames)" : "";
  return data::sheet_html(data::picked(frames, view.most), view.columns, caption + which);
}

/// A clip that a pair names beside its own, after its perturbations.
std::string view_html(const ClipView& view, const rows::View& other, const std::string& name) {
  video::Frames frames = data::read_media(other.media, view.root, view.video);
  if (!other.perturbed()) return sheet(view, frames, name);
  const std::vector<video::PerturbStep> steps = video::row_perturbations(other.perturb, "perturb");
  frames = video::perturb(frames, steps, other.seed, other.media.key());
  return sheet(view, frames, name + ", perturbed (" + names_of(steps) + ")");
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
  const video::Frames seen = video::perturb(frames, perturbed.steps, perturbed.seed, media.key());
  return clean +
         sheet(view, seen,
               "perturbed (" + names_of(perturbed.steps) + "): what the model saw when it was asked" + perturbed.also);
}

std::string pair_frames_html(const ClipView& view, const rows::Pair& pair) {
  const Json::json_pointer steps("/made/perturbation/steps"), seed("/made/seed");
  Perturbed perturbed;
  if (pair.extra.contains(steps))
    perturbed.steps = video::parse_perturbations(pair.extra.at(steps), "made.perturbation.steps");
  if (!perturbed.steps.empty()) perturbed.seed = pair.extra.at(seed).get<uint64_t>();
  const bool seen = pair.other && !perturbed.steps.empty() && pair.other->media.key() == pair.media.key() &&
                    pair.other->perturb == pair.extra.at(steps) && pair.other->seed == perturbed.seed;
  if (seen) perturbed.also = "; the other clip of the pair";
  std::string html = clip_html(view, pair.media, perturbed);
  if (pair.other && !seen) html += view_html(view, *pair.other, "the other clip");
  if (pair.reference) html += view_html(view, *pair.reference, "the clip that the reference is asked about");
  return html;
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
  std::vector<std::string> sides = {side_html("chosen", pair.chosen, tokenizer, report::Mark::chosen),
                                    side_html("rejected", pair.rejected, tokenizer, report::Mark::rejected)};
  if (pair.other_chosen)
    sides.push_back(side_html("chosen about the other clip", *pair.other_chosen, tokenizer, report::Mark::chosen));
  return plain("question", pair.question) + report::grid(sides) + responses +
         (official.empty() ? "" : report::labelled("official", report::escape(official)));
}

}  // namespace rrpo::gen
