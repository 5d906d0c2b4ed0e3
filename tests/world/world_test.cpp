#include "rrpo/world/world.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "../support/ranks.h"
#include "rrpo/util/error.h"

namespace rrpo::world {
namespace {

using test::is_rank;
using test::Ranks;

void sleep_ms(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

World meet_others(int64_t silence_s = 40) {
  Place place = place_of_process();
  place.silence_s = silence_s;
  return {place, "cpu"};
}

std::string bits(const at::Tensor& values) {
  return {static_cast<const char*>(values.data_ptr()), static_cast<size_t>(values.nbytes())};
}

TEST(World, OfOneRankLeavesEverythingAsItIs) {
  const World world;
  EXPECT_TRUE(world.alone() && world.first());
  at::Tensor values = at::ones({3});
  world.sum(values);
  world.from_first(values);
  EXPECT_EQ(values.sum().item<float>(), 3);
  EXPECT_EQ(world.gather("mine"), std::vector<std::string>{"mine"});
}

// Lengths that no number of ranks divides; sums that rounding makes depend on their order.
void sums_agree(const World& world) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const int64_t length : {1, 2, 1000, 70001}) {
      at::Tensor values = at::sin(at::arange(length, type) * static_cast<double>(world.rank() + 1));
      const at::Tensor own = values.clone();
      world.sum(values);
      at::Tensor expected = at::sin(at::arange(length, at::kDouble));
      for (int64_t rank = 1; rank < world.size(); ++rank)
        expected += at::sin(at::arange(length, at::kDouble) * static_cast<double>(rank + 1));
      EXPECT_LT((values.to(at::kDouble) - expected).abs().max().item<double>(), type == at::kFloat ? 1e-2 : 1e-9);
      EXPECT_FALSE(values.equal(own) && length > 1);
      for (const std::string& one : world.gather(bits(values))) EXPECT_EQ(one, bits(values)) << length;
    }
  }
}

TEST(World, SumsToTheSameBitsOnTwo) {
  if (is_rank()) return sums_agree(meet_others());
  EXPECT_TRUE(Ranks(2).all_well());
}

TEST(World, SumsToTheSameBitsOnThree) {
  if (is_rank()) return sums_agree(meet_others());
  EXPECT_TRUE(Ranks(3).all_well());
}

TEST(World, GathersTextsOfAnyLength) {
  if (!is_rank()) {
    EXPECT_TRUE(Ranks(3).all_well());
    return;
  }
  const World world = meet_others();
  const std::vector<std::string> texts = {"", std::string("zero\0inside", 11), std::string(100'000, 'x')};
  EXPECT_EQ(world.gather(texts[static_cast<size_t>(world.rank())]), texts);
  EXPECT_EQ(world.gather(""), std::vector<std::string>(3));
}

TEST(World, TakesTheValuesOfTheFirst) {
  if (!is_rank()) {
    EXPECT_TRUE(Ranks(3).all_well());
    return;
  }
  const World world = meet_others();
  if (!world.first()) sleep_ms(300);  // the first may go ahead, but not away
  at::Tensor bytes = at::full({5}, world.rank() + 7, at::kByte),
             numbers = at::full({70001}, world.rank() + 0.5, at::kDouble);
  world.from_first(bytes);
  world.from_first(numbers);
  EXPECT_TRUE(bytes.equal(at::full({5}, 7, at::kByte)));
  EXPECT_TRUE(numbers.equal(at::full({70001}, 0.5, at::kDouble)));
}

// Two on their way at a time, with other operations between their beginning and their end.
void parts_gather(const World& world) {
  const auto part = [](int64_t rank, int64_t number) { return at::full({70'016}, rank * 10 + number, at::kByte); };
  std::vector<at::Tensor> wholes;
  std::vector<std::function<void()>> ends;
  for (const int64_t number : {1, 2}) {
    wholes.push_back(at::full({world.size() * 70'016}, 99, at::kByte));
    ends.push_back(world.begin_gather(wholes.back(), part(world.rank(), number)));
  }
  EXPECT_EQ(world.gather("between").size(), static_cast<size_t>(world.size()));
  for (size_t i = 0; i < 2; ++i) {
    ends[i]();
    for (int64_t rank = 0; rank < world.size(); ++rank)
      EXPECT_TRUE(wholes[i].narrow(0, rank * 70'016, 70'016).equal(part(rank, static_cast<int64_t>(i) + 1))) << rank;
  }
}

TEST(World, GathersPartsInTheBackground) {
  if (is_rank()) return parts_gather(meet_others());
  parts_gather({});
  for (const int64_t count : {2, 3}) EXPECT_TRUE(Ranks(count).all_well());
}

/// The same, of which rank 1 comes to an end in the middle.
int gather_until_lost() {
  const World world = meet_others(/*silence_s=*/6);
  at::Tensor part = at::ones({64}, at::kByte), whole = at::ones({64 * world.size()}, at::kByte);
  try {
    for (int step = 0;; ++step) {
      const auto end = world.begin_gather(whole, part);
      if (step == 9 && world.rank() == 1) ::raise(SIGKILL);
      end();
    }
  } catch (const Error& error) {
    return error.exit_code();
  }
}

TEST(World, LosesARankWhileItGathersParts) {
  if (is_rank()) std::exit(gather_until_lost());
  Ranks ranks(3);
  EXPECT_EQ(ranks.end(0), 7);
  EXPECT_EQ(ranks.end(2), 7);
}

/// Works with the others until rank `odd` sends itself `signal`. The exit code that a program would end with.
int work_until_lost(int64_t odd, int signal, int64_t silence_s = 40) {
  const World world = meet_others(silence_s);
  try {
    at::Tensor values = at::ones({100});
    for (int step = 0;; ++step) {
      world.sum(values);
      if (step == 9 && world.rank() == odd) ::raise(signal);
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}

TEST(World, LosesARankThatIsKilled) {
  if (is_rank()) std::exit(work_until_lost(2, SIGKILL));
  Ranks ranks(3);
  EXPECT_EQ(ranks.end(0), 7);
  EXPECT_EQ(ranks.end(1), 7);
}

TEST(World, LosesTheFirstRankToo) {
  if (is_rank()) std::exit(work_until_lost(0, SIGKILL));
  Ranks ranks(3);
  EXPECT_EQ(ranks.end(1), 7);
  EXPECT_EQ(ranks.end(2), 7);
}

TEST(World, LosesARankThatStandsStill) {
  if (is_rank()) std::exit(work_until_lost(2, SIGSTOP, /*silence_s=*/6));
  Ranks ranks(3);
  EXPECT_EQ(ranks.end(0), 7);
  EXPECT_EQ(ranks.end(1), 7);
}

TEST(World, TellsOfALostRankBetweenOperations) {
  if (is_rank()) {
    const World world = meet_others(/*silence_s=*/6);
    if (world.rank() == 1) ::raise(SIGKILL);
    world.when_lost([] { std::_Exit(7); });
    for (;;) sleep_ms(100);
  }
  Ranks ranks(2);
  EXPECT_EQ(ranks.end(0), 7);
}

// An exception that ends one rank is known to the others at once, however long their silence may be.
TEST(World, TellsTheOthersOfAnError) {
  if (is_rank()) {
    try {
      const World world = meet_others();
      if (world.rank() == 1) throw Error(Fault::input, "data", "a bad row", "");
      world.gather("waiting for rank 1");
    } catch (const Error& error) {
      const bool told = std::string(error.what()).find("rank 1 has ended with an error") != std::string::npos;
      EXPECT_EQ(told, error.fault() == Fault::peer) << error.what();
      std::exit(testing::Test::HasFailure() ? 1 : error.exit_code());
    }
  }
  Ranks ranks(2);
  EXPECT_EQ(ranks.end(0), 7);
  EXPECT_EQ(ranks.end(1), 3);
}

// One that comes late and one that leaves early are no losses.
TEST(World, WaitsForSlowRanks) {
  if (!is_rank()) {
    EXPECT_TRUE(Ranks(2).all_well());
    return;
  }
  const bool slow = std::string(std::getenv("RANK")) == "0";
  if (slow) sleep_ms(1000);
  const World world = meet_others(/*silence_s=*/6);
  if (slow) sleep_ms(8000);  // the other one waits longer than a silence, but hears signs
  EXPECT_EQ(world.gather("x").size(), 2);
  if (slow) sleep_ms(1000);
}

TEST(World, SaysWhoHasNotCome) {
  if (!is_rank()) {
    EXPECT_TRUE(Ranks(3).all_well());
    return;
  }
  Place place = place_of_process();
  if (place.rank == 2) return;
  place.patience_s = 2;
  try {
    const World world(place, "cpu");
    ADD_FAILURE() << "met a rank that did not come";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::environment);
    EXPECT_NE(std::string(error.what()).find("rank 2 has not come within 2 s"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace rrpo::world
