#include "rrpo/train/sight.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "asked.h"
#include "rrpo/report/table.h"
#include "rrpo/util/error.h"
#include "rrpo/util/random.h"

namespace rrpo::train {

namespace {

/// What the policy sees under a control: of clips that it leaves as they are, what it saw before.
Visual control_tokens(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                      const data::ControlledClips& under, const Asked& asked) {
  Visual visual = asked.visual;
  const model::Lvlm& lvlm = scorer.policy.lvlm;
  const bool kept = scorer.cache != nullptr && !model::adapts_vision(lvlm);
  for (size_t c = 0; c < asked.clips.size(); ++c) {
    const data::Clip& clip = under.clips[static_cast<size_t>(asked.clips[c] - batch.clips.data())];
    if (!clip.there()) continue;
    const std::vector<int64_t>& text = dataset.eye_text(clip.video);
    if (clip.input.pixels.empty()) {
      visual[c] = clip.visual;
      continue;
    }
    visual[c] = model::encode(lvlm, clip.input, model::Adapter::on, text);
    const rows::View& view = dataset.videos.at(static_cast<size_t>(clip.video));
    if (kept) scorer.cache->insert(data::controlled(view, under.control, under.seed), text, visual[c]);
  }
  return visual;
}

bool same_runs(const Visual& a, const Visual& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const model::VisualTokens& x, const model::VisualTokens& y) { return x.runs == y.runs; });
}

std::vector<double> on_host(const at::Tensor& values) {
  const at::Tensor plain = values.detach().to(at::kDouble).cpu().contiguous();
  const double* begin = plain.const_data_ptr<double>();
  return {begin, begin + plain.numel()};
}

/// log p of the read rows about other tokens. The head is asked for the reference's rows too where the pass did so: a
/// product of another shape rounds otherwise, and so does the sum over the vocabulary.
std::vector<double> log_p(const Scorer& scorer, const Pass& pass, const data::PackedPairs& packed, const Visual& visual) {
  const model::Lvlm& lvlm = scorer.policy.lvlm;
  const at::Tensor rows = model::hidden(lvlm, *model::plan_rows(lvlm, packed.rows), visual, scorer.rules);
  const at::Tensor other = pass.stats.ref_logp.defined() ? rows : at::Tensor();
  return on_host(loss::token_values(rows, model::head(lvlm), other, packed.labels.to(rows.device())).logp);
}

/// The first of the answers of the role that is read about the row's own clip; -1 where none is.
int64_t first_chosen(const Pass& pass) {
  const std::vector<Role>& roles = pass.packed.roles;
  const auto slot = std::find(roles.begin(), roles.end(), Role::chosen);
  return slot == roles.end() ? -1 : (slot - roles.begin()) * pass.stats.pairs;
}

/// By pair: the sum over the tokens of its chosen answer.
std::vector<double> gains(const Pass& pass, const std::vector<double>& unseen) {
  const std::vector<double> seen = on_host(pass.stats.logp);
  const int64_t first = first_chosen(pass);
  const at::Tensor answer = pass.packed.answer.contiguous();
  const int64_t* number = answer.const_data_ptr<int64_t>();
  expect(seen.size() == unseen.size(), "a control with other answers");
  std::vector<double> nats(static_cast<size_t>(pass.stats.pairs), 0.0);
  for (size_t m = 0; m < seen.size(); ++m) {
    const int64_t pair = number[m] - first;
    if (pair >= 0 && pair < pass.stats.pairs) nats[static_cast<size_t>(pair)] += seen[m] - unseen[m];
  }
  return nats;
}

[[noreturn]] void not_finite(const data::Control& control, const std::string& id) {
  throw Error(Fault::numerics, "sight",
              "what the model computes about the " + control.name + " clip of " + id + " is not finite",
              "check the checkpoint and its adapter, or model.dtype=float32");
}

bool changes_any(const data::ControlledClips& under) {
  return std::any_of(under.clips.begin(), under.clips.end(), [](const data::Clip& clip) { return clip.there(); });
}

/// What each pair says of one control.
std::vector<double> asked_under(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                                const data::ControlledClips& under, const Asked& asked, const Pass& pass) {
  const Visual unseen = control_tokens(scorer, dataset, batch, under, asked);
  if (same_runs(asked.visual, unseen)) return gains(pass, log_p(scorer, pass, pass.packed, unseen));
  return gains(pass, log_p(scorer, pass, pack(scorer, dataset, batch, asked.clips, unseen, /*to_reference=*/false), unseen));
}

SightRows sight_of(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch, const Asked& asked,
                   const Pass& pass) {
  SightRows rows;
  std::map<int64_t, size_t> place;
  for (size_t c = 0; c < batch.clips.size(); ++c) place[batch.clips[c].video] = c;
  for (const data::ControlledClips& under : batch.controls) {
    if (!changes_any(under)) continue;
    const std::vector<double> nats = asked_under(scorer, dataset, batch, under, asked, pass);
    for (size_t p = 0; p < nats.size(); ++p) {
      const int64_t row = batch.place.rows[p];
      const data::AskedClip& own = dataset.samples[static_cast<size_t>(row)].own;
      if (!under.clips[place.at(own.video)].there()) continue;
      if (!std::isfinite(nats[p])) not_finite(under.control, batch.ids[p]);
      rows[under.control.name].push_back({row, hash64(dataset.view(own).media.key()), nats[p]});
    }
  }
  return rows;
}

}  // namespace

Sighted forward_under_controls(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  const Asked asked = ask_policy(scorer, dataset, batch);
  Sighted sighted{forward(scorer, dataset, batch, asked), {}};
  check_finite(sighted.pass, batch);
  if (first_chosen(sighted.pass) < 0) return sighted;
  const at::NoGradGuard frozen;
  sighted.rows = sight_of(scorer, dataset, batch, asked, sighted.pass);
  return sighted;
}

SightMean mean_of(const std::vector<SeenRow>& rows) {
  SightMean mean{.rows = static_cast<int64_t>(rows.size())};
  if (rows.empty()) return mean;
  const auto n = static_cast<double>(rows.size());
  std::map<uint64_t, std::pair<double, double>> parts;  // sum and number by media
  double sum = 0;
  for (const SeenRow& row : rows) {
    sum += row.nats;
    parts[row.media].first += row.nats;
    parts[row.media].second += 1;
  }
  mean.nats = sum / n;
  mean.media = static_cast<int64_t>(parts.size());
  if (parts.size() < 2) return mean;
  const auto count = static_cast<double>(parts.size());
  double centre = 0, square = 0;
  const auto without = [&](const auto& part) { return (sum - part.first) / (n - part.second); };
  for (const auto& [media, part] : parts) centre += without(part) / count;
  for (const auto& [media, part] : parts) square += (without(part) - centre) * (without(part) - centre);
  const double half = 1.96 * std::sqrt(square * (count - 1) / count);
  mean.low = mean.nats - half;
  mean.high = mean.nats + half;
  return mean;
}

Json sight_json(const SightRows& rows) {
  Json json = Json::object();
  for (const auto& [name, own] : rows) {
    const SightMean mean = mean_of(own);
    json[name] = {{"nats", mean.nats},
                  {"low", mean.low ? Json(*mean.low) : Json()},
                  {"high", mean.high ? Json(*mean.high) : Json()},
                  {"rows", mean.rows},
                  {"media", mean.media}};
  }
  return json;
}

std::string sight_note(const SightRows& rows) {
  const auto blank = rows.find("blank");
  if (blank == rows.end()) return "";
  const SightMean mean = mean_of(blank->second);
  if (mean.low.value_or(mean.nats) > 0) return "";
  const std::string interval =
      mean.low ? " [" + report::fixed(*mean.low, 4) + ", " + report::fixed(*mean.high, 4) + "]" : "";
  return "sight/blank is " + report::fixed(mean.nats, 4) + interval + " nats over " + std::to_string(mean.rows) +
         " rows: the chosen answers are as likely about blank clips, and nothing shows that the video was seen";
}

Json told(const SightRows& rows) {
  Json all = Json::object();
  for (const auto& [name, own] : rows) {
    Json list = Json::array();
    for (const SeenRow& row : own) list.push_back({row.row, row.media, row.nats});
    all[name] = std::move(list);
  }
  return all;
}

SightRows heard_sight(const Json& told) {
  SightRows rows;
  for (const auto& [name, list] : told.items()) {
    for (const Json& row : list)
      rows[name].push_back({row.at(0).get<int64_t>(), row.at(1).get<uint64_t>(), row.at(2).get<double>()});
  }
  return rows;
}

void add(SightRows& sums, const SightRows& other) {
  for (const auto& [name, rows] : other) {
    std::vector<SeenRow>& own = sums[name];
    own.insert(own.end(), rows.begin(), rows.end());
  }
}

}  // namespace rrpo::train
