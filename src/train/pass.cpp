#include "rrpo/train/pass.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <utility>

#include "asked.h"
#include "rrpo/util/error.h"
#include "rrpo/util/table.h"

namespace rrpo::train {

namespace {

/// On the device, without waiting for it: pinned memory is read when its turn comes.
at::Tensor sent(const at::Tensor& tensor, at::Device device) {
  return device.is_cuda() ? tensor.pin_memory().to(tensor.options().device(device), /*non_blocking=*/true) : tensor;
}

/// What the reference says of its own read rows. Without an adapter it is the policy, asked the same or not.
at::Tensor said_by_reference(const Scorer& scorer, const model::RowsPlan& plan, const Reference& reference,
                             const at::Tensor& policy_rows) {
  if (reference.kept.defined()) return sent(reference.kept, policy_rows.device());
  const model::Lvlm& lvlm = scorer.policy.lvlm;
  const at::NoGradGuard frozen;
  const auto own_plan = reference.apart ? model::plan_rows(lvlm, reference.apart->rows) : nullptr;
  const at::Tensor rows =
      model::has_adapter(lvlm) || own_plan
          ? model::hidden(lvlm, own_plan ? *own_plan : plan, reference.visual, {.adapter = model::Adapter::off})
          : policy_rows.detach();
  if (!reference.name.empty()) scorer.references->insert(reference.name, rows);
  return rows;
}

/// The same for the read rows of the policy.
at::Tensor reference_rows(const Scorer& scorer, const model::RowsPlan& plan, const data::PackedPairs& packed,
                          const Reference& reference, const at::Tensor& policy_rows) {
  if (!scorer.objective.needs_reference) return {};
  const at::Tensor rows = said_by_reference(scorer, plan, reference, policy_rows);
  if (!reference.apart) return rows;
  return rows.index_select(0, sent(aligned(packed, *reference.apart), rows.device()));
}

Pass run_pass(const Scorer& scorer, data::PackedPairs packed, const Visual& visual, const Reference& reference) {
  const at::Tensor head = model::head(scorer.policy.lvlm);
  const at::Device device = head.device();
  Pass pass;
  pass.packed = std::move(packed);
  const auto plan = model::plan_rows(scorer.policy.lvlm, pass.packed.rows);
  const at::Tensor rows = model::hidden(scorer.policy.lvlm, *plan, visual, scorer.rules);
  const at::Tensor other = reference_rows(scorer, *plan, pass.packed, reference, rows);
  const loss::TokenValues values = loss::token_values(rows, head, other, sent(pass.packed.labels, device));
  pass.stats = {values.logp,
                values.ref_logp,
                values.kl,
                sent(pass.packed.answer, device),
                sent(pass.packed.phrase, device),
                sent(pass.packed.weight.to(values.logp.scalar_type()), device),
                pass.packed.weight.numel(),
                pass.packed.roles};
  pass.outputs = scorer.objective.losses(pass.stats, scorer.past ? *scorer.past : std::vector<loss::Past>());
  return pass;
}

/// True where no loss, log-probability or divergence is otherwise: one wait for the device.
bool all_finite(const Pass& pass) {
  std::vector<at::Tensor> all;
  for (const loss::LossOutput& output : pass.outputs) all.push_back(output.loss.detach());
  for (const at::Tensor& values : {pass.stats.logp, pass.stats.ref_logp, pass.stats.kl}) {
    if (values.defined()) all.push_back(values.detach());
  }
  return at::cat(all).isfinite().all().item<bool>();
}

}  // namespace

Pass forward(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch) {
  return forward(scorer, dataset, batch, ask_policy(scorer, dataset, batch));
}

Pass forward(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch, Asked asked) {
  const Reference reference = ask_reference(scorer, dataset, batch, asked);
  Pass pass = run_pass(scorer, std::move(asked.packed), asked.visual, reference);
  if (!reference.name.empty()) pass.reference_hits = reference.kept.defined() ? batch.pairs() : 0;
  return pass;
}

Pass forward(const Scorer& scorer, data::PackedPairs packed, const Visual& visual, const Visual& reference_visual) {
  return run_pass(scorer, std::move(packed), visual, {.visual = reference_visual});
}

std::vector<std::string> pairs_not_finite(const Pass& pass, const data::PairBatch& batch) {
  const int64_t pairs = batch.pairs();
  std::vector<char> bad(batch.ids.size(), 0);
  const auto note = [&](const at::Tensor& values, const at::Tensor& answers) {
    if (!values.defined()) return;
    const at::Tensor finite = values.detach().isfinite().cpu();
    const bool* good = finite.const_data_ptr<bool>();
    for (int64_t i = 0; i < finite.numel(); ++i) {
      if (good[i]) continue;
      const int64_t row = answers.defined() ? answers.select(0, i).item<int64_t>() : i;
      bad[static_cast<size_t>(row % pairs)] = 1;
    }
  };
  for (const loss::LossOutput& output : pass.outputs) note(output.loss, {});
  for (const at::Tensor& tokens : {pass.stats.logp, pass.stats.ref_logp, pass.stats.kl}) note(tokens, pass.packed.answer);
  std::vector<std::string> ids;
  for (size_t i = 0; i < bad.size(); ++i) {
    if (bad[i] != 0) ids.push_back(batch.ids[i]);
  }
  return ids;
}

at::Tensor total_loss(const Pass& pass, const loss::Objective& objective, const std::vector<double>& over) {
  at::Tensor total;
  for (size_t i = 0; i < pass.outputs.size(); ++i) {
    const double weight = objective.terms.at(i).weight * (over.empty() ? 1 : over[0] / over.at(i));
    const at::Tensor sum = pass.outputs[i].loss.sum();
    const at::Tensor term = weight == 1 ? sum : sum.mul(weight);
    total = total.defined() ? total.add(term) : term;
  }
  return total;
}

void check_finite(const Pass& pass, const data::PairBatch& batch) {
  if (all_finite(pass)) return;
  throw Error(Fault::numerics, "score", "what the model computes is not finite for " + join(pairs_not_finite(pass, batch)),
              "check the checkpoint and its adapter, or model.dtype=float32");
}

}  // namespace rrpo::train
