#include "token_function.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "softmax/softmax.h"

namespace rrpo::loss {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::ScalarType accumulator(const at::Tensor& hidden) {
  return hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

/// Logits [m, V] in float32 or better. A GPU multiplies bfloat16 with a float32 result; the CPU has no such product.
at::Tensor logits_of(const at::Tensor& hidden, const at::Tensor& head) {
  const at::ScalarType wide = accumulator(hidden);
  if (hidden.scalar_type() == wide) return hidden.mm(head.to(wide).t());
  if (hidden.is_cuda() && head.scalar_type() == hidden.scalar_type()) return at::mm(hidden, head.t(), wide);
  return hidden.to(wide).mm(head.to(wide).t());
}

/// Begin and length of each chunk of rows: one where they are kept.
std::vector<std::pair<int64_t, int64_t>> chunks(int64_t rows, int64_t vocabulary, bool kept, const RowRules& rules) {
  if (kept) return {{0, rows}};
  const int64_t step = std::max<int64_t>(1, rules.chunk_values / std::max<int64_t>(1, vocabulary));
  std::vector<std::pair<int64_t, int64_t>> result;
  for (int64_t begin = 0; begin < rows; begin += step) result.emplace_back(begin, std::min(step, rows - begin));
  return result;
}

/// What backward reads. `values` of both models are kept where all rows fit, `norm` always; `reference` and `other` are
/// undefined for an objective without a reference. `place` [M] says which of the kept values are a row's; undefined: its
/// own.
struct Saved {
  at::Tensor hidden, head, reference, labels, place;
  Softmax policy, other;

  variable_list list() const {
    return {hidden, head, reference, labels, place, policy.values, policy.norm, other.values, other.norm};
  }
  static Saved from(const variable_list& list) {
    return {list[0], list[1], list[2], list[3], list[4], {list[5], list[6]}, {list[7], list[8]}};
  }
  bool kept() const { return policy.values.defined(); }
};

/// Values and norms of all rows, chunk by chunk.
struct Parts {
  variable_list logp, ref_logp, kl, policy_norm, other_norm;
  void add(const TokenValues& values, const Softmax& policy, const Softmax& other) {
    logp.push_back(values.logp);
    policy_norm.push_back(policy.norm);
    if (!other.norm.defined()) return;
    ref_logp.push_back(values.ref_logp);
    kl.push_back(values.kl);
    other_norm.push_back(other.norm);
  }
};

at::Tensor joined(const variable_list& parts) {
  if (parts.empty()) return {};
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

/// The rows that a gradient reaches, those with one of the divergence first.
struct Reached {
  at::Tensor rows;     ///< int64; undefined: all, as they stand
  int64_t pulled = 0;  ///< how many of them read the reference
};
Reached reached_by(const RowGradients& gradients) {
  const int64_t all = gradients.labels.size(0);
  // To look at the values of a GPU is to wait for them.
  if (!gradients.labels.is_cpu()) return {{}, gradients.kl.defined() ? all : 0};
  at::Tensor pulled = gradients.labels.new_zeros({all}, at::kBool), pushed = pulled;
  if (gradients.kl.defined()) pulled = gradients.kl.ne(0);
  if (gradients.logp.defined()) pushed = gradients.logp.ne(0).logical_and_(pulled.logical_not());
  const at::Tensor first = pulled.nonzero().squeeze(1);
  return {at::cat({first, pushed.nonzero().squeeze(1)}), first.size(0)};
}

at::Tensor pick(const at::Tensor& whole, const at::Tensor& rows) {
  return whole.defined() ? whole.index_select(0, rows) : whole;
}
RowGradients pick(const RowGradients& all, const at::Tensor& rows) {
  return {pick(all.labels, rows), pick(all.logp, rows), pick(all.kl, rows)};
}
/// All but `values`, which are large and stay where they lie.
Saved pick(const Saved& saved, const at::Tensor& rows) {
  return {pick(saved.hidden, rows),
          saved.head,
          pick(saved.reference, rows),
          pick(saved.labels, rows),
          saved.place.defined() ? pick(saved.place, rows) : rows,
          {saved.policy.values, pick(saved.policy.norm, rows)},
          {saved.other.values, pick(saved.other.norm, rows)}};
}

/// The gradients at `saved.hidden` and, into `to_head` where that is defined, at the head.
at::Tensor backward_rows(const Saved& saved, const RowGradients& gradients, const Reached& reached, at::Tensor& to_head,
                         const RowRules& rules) {
  const at::Tensor& head = saved.head;
  const RowKernel* kernel = kernel_for(saved.policy.norm, rules.kernel);
  variable_list to_hidden;
  for (const auto& [begin, length] : chunks(saved.hidden.size(0), head.size(0), saved.kept(), rules)) {
    const int64_t pulled = std::clamp<int64_t>(reached.pulled - begin, 0, length);
    const auto part = [begin](const at::Tensor& whole, int64_t count) {
      return whole.defined() ? whole.narrow(0, begin, count) : whole;
    };
    const auto again = [&](const at::Tensor& rows, const Softmax& whole, int64_t count) {
      Softmax softmax{whole.values, part(whole.norm, count)};
      if (saved.kept() || count == 0) return softmax;
      softmax.values = logits_of(part(rows, count), head);
      restore(softmax, kernel);
      return softmax;
    };
    const RowGradients own{part(gradients.labels, length), part(gradients.logp, length), part(gradients.kl, length)};
    const Softmax policy = again(saved.hidden, saved.policy, length);
    const at::Tensor steep = slope(policy, again(saved.reference, saved.other, pulled), own, pulled,
                                   saved.kept() ? saved.place : at::Tensor(), kernel);
    const bool cuda = steep.is_cuda();
    to_hidden.push_back(cuda ? steep.to(head.scalar_type()).mm(head) : steep.mm(head.to(steep.scalar_type())));
    if (to_head.defined()) to_head.add_(steep.t().mm(part(saved.hidden, length).to(steep.scalar_type())));
  }
  return joined(to_hidden);
}

/// Rows of which each has the values of one that stands once. Both undefined: all rows stand once.
struct Alike {
  at::Tensor first;  ///< [U] the rows that are looked at
  at::Tensor place;  ///< [M] where each row's values stand among those
};

std::string_view bytes_of(const at::Tensor& rows, int64_t row) {
  const size_t size = rows.nbytes() / static_cast<size_t>(rows.size(0));
  return {static_cast<const char*>(rows.const_data_ptr()) + static_cast<size_t>(row) * size, size};
}

/// Rows of a CPU that are equal bit by bit in both models and have the same label.
Alike alike_rows(const at::Tensor& hidden, const at::Tensor& reference, const at::Tensor& labels) {
  if (!hidden.is_cpu() || hidden.numel() == 0) return {};
  const at::Tensor own = hidden.detach().contiguous(), other = reference.defined() ? reference.contiguous() : own;
  using Key = std::tuple<std::string_view, std::string_view, int64_t>;
  std::map<Key, int64_t> seen;
  const int64_t count = hidden.size(0);
  const at::Tensor place = at::empty({count}, at::kLong), first = at::empty({count}, at::kLong);
  for (int64_t i = 0; i < count; ++i) {
    const Key key{bytes_of(own, i), bytes_of(other, i), labels.const_data_ptr<int64_t>()[i]};
    const auto [found, added] = seen.emplace(key, static_cast<int64_t>(seen.size()));
    if (added) first.mutable_data_ptr<int64_t>()[found->second] = i;
    place.mutable_data_ptr<int64_t>()[i] = found->second;
  }
  const auto once = static_cast<int64_t>(seen.size());
  return once == count ? Alike{} : Alike{first.narrow(0, 0, once), place};
}

/// The rows of an index; all of them where it is undefined.
at::Tensor pick_any(const at::Tensor& whole, const at::Tensor& index) {
  return index.defined() ? pick(whole, index) : whole;
}

/// The rules on their way to backward.
struct HeldRules : torch::CustomClassHolder {
  explicit HeldRules(const RowRules& given) : rules(given) {}
  RowRules rules;
};

class TokenFunction : public torch::autograd::Function<TokenFunction> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& hidden, const at::Tensor& head,
                               const std::optional<at::Tensor>& reference, const at::Tensor& labels, const RowRules& rules) {
    Saved saved{hidden, head, reference.value_or(at::Tensor()), labels.contiguous(), {}, {}, {}};
    const Alike alike = rules.once ? alike_rows(hidden, saved.reference, saved.labels) : Alike{};
    const at::Tensor rows = pick_any(hidden, alike.first), own_labels = pick_any(saved.labels, alike.first),
                     other_rows = pick_any(saved.reference, alike.first);
    const bool kept = rows.size(0) * head.size(0) <= rules.kept_values;
    Parts parts;
    for (const auto& [begin, length] : chunks(rows.size(0), head.size(0), kept, rules)) {
      Softmax policy{logits_of(rows.narrow(0, begin, length), head), {}}, other;
      if (reference) other.values = logits_of(other_rows.narrow(0, begin, length), head);
      const RowKernel* kernel = kernel_for(policy.values, rules.kernel);
      parts.add(reduce(policy, other, own_labels.narrow(0, begin, length), kernel), policy, other);
      if (kept) saved.policy = policy, saved.other = other;
    }
    saved.place = alike.place;
    saved.policy.norm = pick_any(joined(parts.policy_norm), alike.place);
    saved.other.norm = pick_any(joined(parts.other_norm), alike.place);
    context->set_materialize_grads(false);
    context->save_for_backward(saved.list());
    context->saved_data["rules"] = at::IValue::make_capsule(c10::make_intrusive<HeldRules>(rules));
    const at::Tensor logp = pick_any(joined(parts.logp), alike.place);
    if (!reference) return {logp};
    const at::Tensor ref_logp = pick_any(joined(parts.ref_logp), alike.place);
    context->mark_non_differentiable({ref_logp});
    return {logp, ref_logp, pick_any(joined(parts.kl), alike.place)};
  }

  static variable_list backward(AutogradContext* context, const variable_list& outer) {
    const Saved saved = Saved::from(context->get_saved_variables());
    const auto capsule = context->saved_data["rules"].toCapsule();
    const RowRules& rules = static_cast<const HeldRules&>(*capsule).rules;
    const bool with_reference = saved.other.norm.defined();
    const auto contiguous = [](const at::Tensor& values) { return values.defined() ? values.contiguous() : values; };
    const RowGradients all{saved.labels, contiguous(outer[0]), with_reference ? contiguous(outer[2]) : at::Tensor()};
    at::Tensor to_head;
    if (context->needs_input_grad(1)) to_head = saved.head.new_zeros(saved.head.sizes(), accumulator(saved.hidden));
    const Reached reached = reached_by(all);
    at::Tensor to_hidden;
    if (reached.rows.defined()) {
      const at::Tensor rows = backward_rows(pick(saved, reached.rows), pick(all, reached.rows), reached, to_head, rules);
      to_hidden = saved.hidden.new_zeros(saved.hidden.sizes());
      if (rows.defined()) to_hidden.index_copy_(0, reached.rows, rows.to(saved.hidden.scalar_type()));
    } else {
      to_hidden = backward_rows(saved, all, reached, to_head, rules).to(saved.hidden.scalar_type());
    }
    if (to_head.defined()) to_head = to_head.to(saved.head.scalar_type());
    return {to_hidden, to_head, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

TokenValues token_values_by(const RowRules& rules, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& reference, const at::Tensor& labels) {
  std::optional<at::Tensor> other;
  if (reference.defined()) other = reference.detach();
  const auto values = TokenFunction::apply(hidden, head, other, labels, rules);
  if (!reference.defined()) return {values[0], {}, {}};
  return {values[0], values[1], values[2]};
}

}  // namespace rrpo::loss
