// Reads a pair, compares its answers word by word, and takes the RRPO loss of two tokens whose value is known.
#include <ATen/ops/tensor.h>

#include <cmath>
#include <cstdio>

#include "rrpo/loss/loss.h"
#include "rrpo/rows/pair.h"
#include "rrpo/text/diff.h"
#include "rrpo/util/error.h"
#include "rrpo/util/version.h"

namespace {

/// One pair, one marked token in each answer: reward beta * (logp - ref_logp) = 0.1 * (1 - (-1)) apart, no divergence.
double loss_of_two_tokens() {
  rrpo::loss::TokenStats stats;
  stats.logp = at::tensor({-1.0, -3.0}, at::kDouble);
  stats.ref_logp = at::tensor({-2.0, -2.0}, at::kDouble);
  stats.kl = at::tensor({0.0, 0.0}, at::kDouble);
  stats.row = at::tensor({0, 1}, at::kLong);
  stats.phrase = at::tensor({1, 1}, at::kLong);
  stats.weight = at::tensor({1.0}, at::kDouble);
  stats.pairs = 1;
  return rrpo::loss::make_objective({{"name", "rrpo"}, {"beta", 0.1}}).losses(stats).at(0).loss.item<double>();
}

}  // namespace

int main() try {
  const rrpo::Json row = {{"id", "a"},
                          {"video", "a.mp4"},
                          {"question", "What?"},
                          {"chosen", {{"text", "a red ball"}}},
                          {"rejected", {{"text", "a blue ball"}}}};
  const rrpo::rows::Pair pair = rrpo::rows::parse_pair(row, "here:1");
  const auto words = rrpo::text::differing_words(pair.chosen.text, pair.rejected.text);
  const bool same_words = words.a.size() == 1 && words.b.size() == 1;
  const bool same_loss = std::abs(loss_of_two_tokens() - std::log1p(std::exp(-0.2))) < 1e-12;
  std::printf("rrpo %s: words %d, loss %d\n", rrpo::kVersion, same_words, same_loss);
  return same_words && same_loss ? 0 : 1;
} catch (const rrpo::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
