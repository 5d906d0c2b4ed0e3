// Ours beside the numbers of others: a difference only where both were made in the same way.
#include <array>
#include <cmath>

#include "rrpo/eval/evaluation.h"
#include "rrpo/util/table.h"

namespace rrpo::eval {
namespace {

/// What is known of the numbers in the RRPO paper's table, and of those that other benchmarks publish themselves.
struct Known {
  std::string_view benchmark;
  int64_t questions;       ///< that they are over; 0: how they are weighted is not known
  std::string_view doubt;  ///< what the paper leaves open; empty: nothing
};

constexpr std::array<Known, 11> kKnown = {{
    {"tvbench", 2525, "the paper does not say which of the two releases it used; by its date the revised one"},
    {"tempcompass", 0, "no script computes an overall number, and the paper does not say how its own is weighted"},
    {"videohallucer", 2000, ""},
    {"vidhalluc", 0, "no script joins its three parts, and the paper does not say how its own number does"},
    {"mvbench", 4000, ""},
    {"videomme", 2700, "without subtitles; its script leaves replies out that it cannot read"},
    {"mlvu", 2175, ""},
    {"longvideobench", 1337, "without subtitles"},
    {"videomme_v2", 0, "its script shows a model the frames as 64 single JPEG pictures, not as a video"},
    {"eventhallusion", 409, "counted by its script over the replies that its repository holds; a null there is wrong"},
    {"elvhalluc", 0, "its repository has no script that asks: frames and prompt of its numbers are not known"},
}};

std::string profile_of(const std::string& model) {
  if (model.starts_with("VideoChat2")) return "rrpo-videochat2";
  return model.starts_with("LongVU") ? "rrpo-longvu" : "rrpo-llava";
}

const ScorerResult* result_of(const Evaluation& evaluation, const std::string& scorer) {
  for (const ScorerResult& result : evaluation.results) {
    if (result.scores.scorer == scorer) return &result;
  }
  return nullptr;
}

/// What makes all of the run's numbers unlike the published ones.
std::vector<std::string> unlike_run(const Evaluation& evaluation, const Known& known, const ScorerResult* ours) {
  std::vector<std::string> out;
  const auto unless = [&](bool like, const std::string& reason) {
    if (!like) out.push_back(reason);
  };
  unless(known.questions > 0, std::string(known.doubt));
  if (ours == nullptr) return out;
  const Counts& all = ours->scores.all;
  if (known.questions > 0)
    unless(all.questions == known.questions,
           std::to_string(all.questions) + " questions, the published numbers have " + std::to_string(known.questions));
  unless(all.failed == 0, std::to_string(all.failed) + " questions failed");
  unless(all.missing == 0, std::to_string(all.missing) + " questions have no prediction");
  unless(all.unjudged == 0, std::to_string(all.unjudged) + " replies wait for a judge");
  unless(evaluation.judge_note.empty(), evaluation.judge_note);
  if (!evaluation.facts) {
    out.emplace_back("how these predictions were made is not known");
    return out;
  }
  unless(evaluation.facts->whole, evaluation.facts->reason_not);
  unless(evaluation.facts->sampling == evaluation.benchmark->sampling,
         "frames sampled by " + evaluation.facts->sampling + ", published by " + evaluation.benchmark->sampling);
  return out;
}

bool asked_alike(const Evaluation& evaluation, const Published& row) {
  return evaluation.facts && evaluation.facts->profile == profile_of(row.model) &&
         std::to_string(evaluation.facts->frames) == row.frames;
}

}  // namespace

PublishedTable published_table(const Evaluation& evaluation) {
  PublishedTable out;
  const Benchmark* benchmark = evaluation.benchmark;
  if (benchmark == nullptr || benchmark->published.empty()) return out;
  out.scorer = benchmark->scorers.front();
  const ScorerResult* ours = result_of(evaluation, out.scorer);
  Known known{};
  for (const Known& one : kKnown) {
    if (one.benchmark == benchmark->name) known = one;
  }
  out.unlike = unlike_run(evaluation, known, ours);
  if (ours == nullptr) out.unlike.push_back("the scorer " + out.scorer + " was not asked for");
  const bool like = out.unlike.empty();
  bool other_frames = false;
  for (const Published& row : benchmark->published) {
    Compared compared{row, std::nullopt, std::nullopt};
    if (ours != nullptr && !std::isnan(ours->scores.overall.value)) compared.ours = 100 * ours->scores.overall.value;
    if (like && compared.ours && asked_alike(evaluation, row)) compared.difference = *compared.ours - row.value;
    other_frames = other_frames || !asked_alike(evaluation, row);
    out.rows.push_back(std::move(compared));
  }
  if (other_frames && evaluation.facts)
    out.unlike.push_back("rows with other frames or another prompt than " + std::to_string(evaluation.facts->frames) +
                         " frames under " + evaluation.facts->profile + " have no difference");
  if (known.questions > 0 && !known.doubt.empty()) out.unlike.emplace_back(known.doubt);
  return out;
}

report::Table published_report(const PublishedTable& table) {
  report::Table out{{"published", "frames", "published %", "ours %", "difference"}, {}};
  const auto text = [](const std::optional<double>& value) { return value ? report::fixed(*value, 1) : std::string("-"); };
  for (const Compared& row : table.rows)
    out.rows.push_back({row.published.model, row.published.frames, report::fixed(row.published.value, 1), text(row.ours),
                        text(row.difference)});
  return out;
}

}  // namespace rrpo::eval
