#include "rrpo/util/random.h"

#include <cmath>
#include <numbers>

#include "rrpo/util/error.h"

namespace rrpo {

namespace {

uint64_t mix(uint64_t& state) {  // splitmix64
  uint64_t z = (state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

uint64_t rotate(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

}  // namespace

uint64_t hash64(std::string_view text, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325ull ^ seed;
  for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3ull;
  return mix(hash);
}

Random::Random(uint64_t seed, std::string_view purpose, uint64_t index) {
  uint64_t state = hash64(purpose, seed) + index * 0xd1342543de82ef95ull;
  for (uint64_t& word : state_) word = mix(state);
}

uint64_t Random::bits() {
  const uint64_t result = rotate(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = rotate(state_[3], 45);
  return result;
}

double Random::uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }

int64_t Random::below(int64_t count) {
  expect(count > 0, "Random::below needs a positive count");
  const auto range = static_cast<uint64_t>(count);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % range;
  uint64_t value = bits();
  while (value >= limit) value = bits();
  return static_cast<int64_t>(value % range);
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

int64_t Random::weighted(const std::vector<double>& weights) {
  double total = 0;
  for (double weight : weights) total += weight;
  expect(total > 0, "Random::weighted needs a positive weight");
  double left = uniform() * total;
  for (size_t i = 0; i < weights.size(); ++i) {
    left -= weights[i];
    if (left < 0) return static_cast<int64_t>(i);
  }
  return static_cast<int64_t>(weights.size()) - 1;
}

std::vector<int64_t> Random::permutation(int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) order[static_cast<size_t>(i)] = i;
  shuffle(order);
  return order;
}

}  // namespace rrpo
