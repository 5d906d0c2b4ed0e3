#include "rrpo/policy/draw.h"

#include <algorithm>
#include <cmath>

#include "rrpo/util/error.h"

namespace rrpo::policy {

namespace {

struct Token {
  int64_t id = 0;
  double weight = 0;
};

/// The tokens of the nucleus, most likely first. A token below (1 - top_p) / count of the whole cannot be in it: all those
/// together weigh less than what the nucleus may leave out.
std::vector<Token> nucleus(const std::vector<double>& weights, double total, double top_p) {
  const double least = (1 - top_p) * total / static_cast<double>(weights.size());
  std::vector<Token> tokens;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] >= least) tokens.push_back({static_cast<int64_t>(i), weights[i]});
  }
  std::stable_sort(tokens.begin(), tokens.end(), [](const Token& a, const Token& b) { return a.weight > b.weight; });
  double sum = 0;
  size_t kept = 0;
  while (kept < tokens.size() && sum < top_p * total) sum += tokens[kept++].weight;
  tokens.resize(std::max<size_t>(kept, 1));
  return tokens;
}

}  // namespace

int64_t draw_token(const float* logits, int64_t count, double temperature, double top_p, Random& random) {
  const double highest = *std::max_element(logits, logits + count);
  std::vector<double> weights(static_cast<size_t>(count));
  double total = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = std::exp((static_cast<double>(logits[i]) - highest) / temperature);
    total += weights[i];
  }
  if (!std::isfinite(total))
    throw Error(Fault::numerics, "generation", "the model's logits are not finite",
                "check the checkpoint, or model.dtype=float32");
  if (top_p >= 1) return random.weighted(weights);
  const std::vector<Token> tokens = nucleus(weights, total, top_p);
  std::vector<double> kept;
  for (const Token& token : tokens) kept.push_back(token.weight);
  return tokens[static_cast<size_t>(random.weighted(kept))].id;
}

}  // namespace rrpo::policy
