#include "rrpo/train/self_check.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "asked.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/error.h"

namespace rrpo::train {

namespace {

using Values = std::vector<double>;

/// Of the spread of two plain passes in bfloat16: two passes that round at other places are about as far apart.
constexpr double kSpread = 4;
/// Nats: what the last bit of a bfloat16 makes of a log-probability, where two plain passes happen to agree.
constexpr double kLeastSpread = 0.05;

Values on_host(const at::Tensor& values) {
  if (!values.defined()) return {};
  const at::Tensor plain = values.detach().to(at::kDouble).cpu().contiguous();
  const double* begin = plain.const_data_ptr<double>();
  return {begin, begin + plain.numel()};
}

bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

/// One answer about one clip.
struct Alone {
  const data::ShownClip& clip;
  size_t place;  ///< of the clip in the batch
  const std::vector<int64_t>& question;
  const std::vector<int64_t>& answer;
};

/// Appends clip, question and answer as one segment; `read`: the rows that predict the answer are read.
void add_plain(model::PackedRows& rows, const Alone& asked, bool read) {
  rows.add_clip(asked.clip.leads, asked.clip.runs, static_cast<int64_t>(asked.place));
  rows.add_tokens(asked.question);
  const auto first = static_cast<int64_t>(rows.ids.size()) - 1;
  rows.add_tokens({asked.answer.begin(), asked.answer.end() - 1});
  for (size_t i = 0; read && i < asked.answer.size(); ++i) rows.read_rows.push_back(first + static_cast<int64_t>(i));
}

/// log p of the answer's tokens, alone or beside a copy of the same sequence.
Values plain_logp(const Scorer& scorer, const Alone& asked, const Visual& visual, model::Adapter adapter, bool copied) {
  const model::Lvlm& lvlm = scorer.policy.lvlm;
  model::PackedRows rows;
  add_plain(rows, asked, true);
  if (copied) add_plain(rows, asked, false);
  at::Tensor labels = at::empty({static_cast<int64_t>(asked.answer.size())}, at::kLong);
  std::copy(asked.answer.begin(), asked.answer.end(), labels.mutable_data_ptr<int64_t>());
  const at::Tensor hidden = model::hidden(lvlm, *model::plan_rows(lvlm, rows), visual, {.adapter = adapter});
  return on_host(loss::token_values(hidden, model::head(lvlm), {}, labels.to(hidden.device())).logp);
}

/// Every value up or down in turn by half of what bfloat16 can tell apart.
Visual moved(const Visual& visual) {
  Visual out = visual;
  for (model::VisualTokens& one : out) {
    const at::Tensor columns = at::arange(one.tokens.size(-1), one.tokens.options().dtype(at::kFloat));
    const at::Tensor factor = columns.remainder(2).mul(std::ldexp(1.0, -7)).add(1 - std::ldexp(1.0, -8));
    one.tokens = one.tokens.to(at::kFloat).mul(factor).to(one.tokens.scalar_type());
  }
  return out;
}

double distance(const Values& a, const Values& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

/// The values of the answer with a number, without those of labels in its prompt, which stand before them.
Values of_answer(const Values& values, const at::Tensor& numbers, int64_t number, size_t length) {
  const at::Tensor plain = numbers.cpu().contiguous();
  const int64_t* own = plain.const_data_ptr<int64_t>();
  Values out;
  for (size_t i = 0; i < values.size(); ++i) {
    if (own[i] == number) out.push_back(values[i]);
  }
  expect(out.size() >= length, "a pass that reads an answer in part");
  out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(length));
  return out;
}

/// Clips of a pair as policy or reference are shown them.
struct Shown {
  Visual visual;
  std::vector<data::ShownClip> clips;

  /// The number of a video's clip.
  size_t place(int64_t video) const {
    const auto found =
        std::find_if(clips.begin(), clips.end(), [&](const data::ShownClip& clip) { return clip.video == video; });
    expect(found != clips.end(), "an answer about a clip that is not shown");
    return static_cast<size_t>(found - clips.begin());
  }
};

/// What the reference is shown. It is asked nothing where the objective has none.
Shown shown_to_reference(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                         const Asked& asked) {
  if (!scorer.objective.needs_reference) return {};
  const Clips clips = scorer.objective.reference_apart ? shown_clips(dataset, batch, /*to_reference=*/true) : asked.clips;
  Reference reference = ask_reference(scorer, dataset, batch, asked);
  std::vector<data::ShownClip> shown = prompted(scorer, dataset, clips, reference.visual);
  return {std::move(reference.visual), std::move(shown)};
}

/// The comparison of one pair while it is made.
class Comparison {
 public:
  Comparison(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch, const Asked& asked,
             const Pass& shared)
      : scorer_(scorer),
        dataset_(dataset),
        sample_(dataset.samples.at(static_cast<size_t>(batch.place.rows.at(0)))),
        shared_(shared),
        policy_{asked.visual, prompted(scorer, dataset, asked.clips, asked.visual)},
        reference_(shown_to_reference(scorer, dataset, batch, asked)) {
    check_.pair = batch.ids.at(0);
  }

  SelfCheck all() {
    const Values policy = on_host(shared_.stats.logp), reference = on_host(shared_.stats.ref_logp);
    for (size_t slot = 0; slot < dataset_.roles.size(); ++slot) {
      if (data::answer_of(sample_, dataset_.roles[slot]).ids.empty()) continue;
      one(slot, policy, /*to_reference=*/false);
      if (!reference.empty()) one(slot, reference, /*to_reference=*/true);
    }
    return check_;
  }

 private:
  void one(size_t slot, const Values& values, bool to_reference) {
    const Role role = dataset_.roles[slot];
    const std::vector<int64_t>& answer = data::answer_of(sample_, role).ids;
    const data::AskedClip& clip = data::clip_of(sample_, role, to_reference && scorer_.objective.reference_apart);
    const Shown& shown = to_reference ? reference_ : policy_;
    const size_t place = shown.place(clip.video);
    const Alone alone{shown.clips[place], place, clip.question, answer};
    const bool without = to_reference && model::has_adapter(scorer_.policy.lvlm);
    const model::Adapter adapter = without ? model::Adapter::off : model::Adapter::on;
    const Values plain = plain_logp(scorer_, alone, shown.visual, adapter, false);
    const double allowed = allowed_of(alone, shown.visual, adapter, plain);
    const Values own = of_answer(values, shared_.packed.answer, static_cast<int64_t>(slot), answer.size());
    for (size_t i = 0; i < plain.size(); ++i) {
      ++check_.tokens;
      const double apart = std::abs(own[i] - plain[i]);
      // The largest as measured by what is allowed; one that is no number stays.
      if (std::isnan(check_.difference) || apart * check_.allowed <= check_.difference * allowed) continue;
      check_.difference = apart;
      check_.allowed = allowed;
      check_.where = "token " + std::to_string(i + 1) + " of " + std::to_string(answer.size()) + " of " + parts(role).name +
                     " under the " + (to_reference ? "reference" : "policy");
    }
    if (check_.allowed == 0) check_.allowed = allowed;
  }

  double allowed_of(const Alone& asked, const Visual& visual, model::Adapter adapter, const Values& plain) const {
    const at::ScalarType type = scorer_.policy.lvlm.weights().type;
    if (type == at::kDouble) return 1e-9;
    if (type == at::kFloat) return 1e-4;
    return std::max(kLeastSpread, kSpread * distance(plain, plain_logp(scorer_, asked, moved(visual), adapter, true)));
  }

  const Scorer& scorer_;
  const data::Dataset& dataset_;
  const data::Sample& sample_;
  const Pass& shared_;
  Shown policy_, reference_;
  SelfCheck check_;
};

std::string short_number(double value) {
  char text[32] = {};
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}

}  // namespace

int64_t most_forwards_of_check(const loss::Objective& objective) {
  const int64_t models = objective.needs_reference ? 2 : 1;
  return models * (1 + 2 * static_cast<int64_t>(objective.roles.size()));
}

std::optional<SelfCheck> compare_with_plain(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                                            const Asked& asked, const Pass& shared) {
  expect(batch.pairs() == 1, "a self-check of several pairs");
  if (!all_finite(on_host(shared.stats.logp)) || !all_finite(on_host(shared.stats.ref_logp))) return std::nullopt;
  const at::NoGradGuard frozen;
  return Comparison(scorer, dataset, batch, asked, shared).all();
}

std::optional<SelfCheck> self_check(const Scorer& scorer, const data::Dataset& dataset, data::LoaderRules rules,
                                    int64_t window) {
  const at::NoGradGuard frozen;
  const Stopwatch clock;
  rules.share = {};
  rules.batch.micro = 1;
  rules.threads = 0;
  rules.seen = nullptr;
  Scorer alone = scorer;
  alone.cache = nullptr;
  alone.references = nullptr;
  alone.media = nullptr;
  data::Loader loader(dataset, scorer.policy, nullptr, rules, window, window + 1);
  for (std::optional<data::PairBatch> batch = loader.next(); batch; batch = loader.next()) {
    if (batch->pairs() == 0) continue;
    const Asked asked = ask_policy(alone, dataset, *batch);
    std::optional<SelfCheck> check =
        compare_with_plain(alone, dataset, *batch, asked, forward(alone, dataset, *batch, asked));
    if (!check) return std::nullopt;
    check->seconds = clock.seconds();
    require_passed(*check);
    return check;
  }
  return std::nullopt;
}

void require_passed(const SelfCheck& check) {
  if (check.passed()) return;
  throw Error(Fault::numerics, "train",
              "self-check: " + check.pair + ": the shared pass and a plain one differ by " + short_number(check.difference) +
                  " nats at " + check.where + ", " + short_number(check.allowed) + " are allowed (" +
                  std::to_string(check.tokens) + " tokens compared)",
              "run rrpo-train selftest on this machine and report both lines; train.self_check=false trains all the same");
}

std::string line_of(const SelfCheck& check) {
  return "self-check: " + check.pair + ", " + std::to_string(check.tokens) +
         " tokens, shared pass against plain ones: " + short_number(check.difference) + " nats apart at most, " +
         short_number(check.allowed) + " allowed, " + short_number(check.seconds) + " s";
}

}  // namespace rrpo::train
