#include "rrpo/policy/draw.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rrpo/util/error.h"

namespace rrpo::policy {

namespace {

/// What is below 2^-55 of a positive number leaves it as it is, added or taken away. This is the logarithm of a little less,
/// so that the rounding of logarithms and exponentials lies within.
constexpr double kNothing = -38.5;

/// exp((logit - highest) / temperature) of each token, computed where it is asked for.
class Weights {
 public:
  Weights(const float* logits, int64_t count, double temperature)
      : logits_(logits),
        highest_(*std::max_element(logits, logits + count)),
        temperature_(temperature),
        known_(static_cast<size_t>(count), kUnknown) {}

  size_t size() const { return known_.size(); }
  double operator[](size_t i) {
    if (known_[i] == kUnknown) known_[i] = std::exp((static_cast<double>(logits_[i]) - highest_) / temperature_);
    return known_[i];
  }
  /// The logit whose weight has this logarithm.
  double logit_of(double log_weight) const { return highest_ + temperature_ * log_weight; }
  bool below(size_t i, double logit) const { return static_cast<double>(logits_[i]) < logit; }

 private:
  static constexpr double kUnknown = -1;

  const float* logits_;
  double highest_, temperature_;
  std::vector<double> known_;
};

/// The sum of all weights in their order: what weighs nothing beside it is passed over, which changes no bit.
double sum_of(Weights& weights) {
  double sum = 0, seen = 0, floor = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights.below(i, floor)) continue;
    sum += weights[i];
    if (sum <= 2 * seen) continue;
    seen = sum;  // it only grows: the floor may stay behind
    floor = weights.logit_of(std::log(seen) + kNothing);
  }
  return sum;
}

/// The token at which `left` is used up, as Random::weighted finds it.
int64_t pick(Weights& weights, double left) {
  double half = left, floor = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (i == 0 || left < half) {  // it only shrinks: the floor is that of half of it
      half = left / 2;
      floor = weights.logit_of(std::log(half) + kNothing);
    }
    if (weights.below(i, floor)) continue;
    left -= weights[i];
    if (left < 0) return static_cast<int64_t>(i);
  }
  return static_cast<int64_t>(weights.size()) - 1;
}

struct Token {
  int64_t id = 0;
  double weight = 0;
};

/// The tokens of the nucleus, most likely first. A token below (1 - top_p) / count of the whole cannot be in it: all those
/// together weigh less than what the nucleus may leave out.
std::vector<Token> nucleus(Weights& weights, double total, double top_p) {
  const double least = (1 - top_p) * total / static_cast<double>(weights.size());
  const double floor = weights.logit_of(std::log(least) - 0.01);
  std::vector<Token> tokens;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!weights.below(i, floor) && weights[i] >= least) tokens.push_back({static_cast<int64_t>(i), weights[i]});
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
  Weights weights(logits, count, temperature);
  const double total = sum_of(weights);
  if (!std::isfinite(total))
    throw Error(Fault::numerics, "generation", "the model's logits are not finite",
                "check the checkpoint, or model.dtype=float32");
  if (top_p >= 1) return pick(weights, random.uniform() * total);
  const std::vector<Token> tokens = nucleus(weights, total, top_p);
  std::vector<double> kept;
  for (const Token& token : tokens) kept.push_back(token.weight);
  return tokens[static_cast<size_t>(random.weighted(kept))].id;
}

}  // namespace rrpo::policy
