// Answers of two pairs under any of their clips, for tests of objectives that read several.
#pragma once

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "rrpo/loss/loss.h"

namespace rrpo::loss {

/// By formula: what an answer holds under a clip does not depend on which others are asked for. Of the two answers of a text
/// the tokens and phrases are the same under both clips; no two answers are of one length throughout.
struct RoleRows {
  static constexpr int64_t kPairs = 2, kWords = 7;

  std::vector<Role> roles;
  at::Tensor policy, reference;  ///< [M, kWords] logits, float64
  at::Tensor labels, phrase, row;

  explicit RoleRows(std::vector<Role> asked) : roles(std::move(asked)) {
    for (size_t s = 0; s < roles.size(); ++s) {
      for (int64_t pair = 0; pair < kPairs; ++pair) add_answer(static_cast<int64_t>(s), pair);
    }
    const int64_t count = static_cast<int64_t>(label_list.size());
    policy = at::tensor(policy_list, at::kDouble).view({count, kWords}).requires_grad_();
    reference = at::tensor(reference_list, at::kDouble).view({count, kWords});
    labels = at::tensor(label_list, at::kLong);
    phrase = at::tensor(phrase_list, at::kLong);
    row = at::tensor(row_list, at::kLong);
  }

  TokenStats stats() const { return stats_of(policy); }
  TokenStats stats_of(const at::Tensor& logits) const {
    const TokenValues values = token_values_from_logits(logits, reference, labels);
    return {values.logp, values.ref_logp, values.kl, row, phrase, {}, kPairs, roles};
  }

 private:
  std::vector<double> policy_list, reference_list;
  std::vector<int64_t> label_list, phrase_list, row_list;

  void add_answer(int64_t place, int64_t pair) {
    const Role role = roles[static_cast<size_t>(place)];
    const auto answer = static_cast<int64_t>(parts(role).answer);
    const int64_t length = 2 + (2 * answer + 3 * pair) % 4;
    for (int64_t t = 0; t < length; ++t) {
      label_list.push_back((3 * answer + 2 * pair + 5 * t + 1) % kWords);
      phrase_list.push_back((t + answer + pair) % 3);
      row_list.push_back(place * kPairs + pair);
      const auto r = static_cast<double>(role), p = static_cast<double>(pair), at = static_cast<double>(t);
      for (int64_t word = 0; word < kWords; ++word) {
        const auto v = static_cast<double>(word);
        policy_list.push_back(2 * std::sin(1.3 * r + 0.9 * p + 0.7 * at * at + 0.37 * v * (at + 1)));
        reference_list.push_back(2 * std::cos(0.9 * r + 0.4 * p + 0.5 * at + 0.21 * v * v));
      }
    }
  }
};

/// Every role, in the order of the enumeration.
inline std::vector<Role> all_roles() {
  std::vector<Role> roles;
  for (size_t i = 0; i < kRoles.size(); ++i) roles.push_back(static_cast<Role>(i));
  return roles;
}

}  // namespace rrpo::loss
