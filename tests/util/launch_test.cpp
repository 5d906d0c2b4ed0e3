#include "rrpo/util/launch.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "../support/ranks.h"
#include "rrpo/util/error.h"

namespace rrpo {
namespace {

TEST(Launch, OneExitCodeForAllRanks) {
  const auto code = [](const std::vector<RankEnd>& ends, int stop = 0) { return exit_of_ranks(ends, stop); };
  EXPECT_EQ(code({{0, 0, 0}, {1, 0, 0}}), 0);
  EXPECT_EQ(code({{1, 8, 0}, {0, 8, 0}}), 8);
  EXPECT_EQ(code({{1, 7, 0}, {0, 3, 0}}), 3) << "the one at fault, not those that lost it";
  EXPECT_EQ(code({{1, 7, 0}, {0, 0, 0}}), 7);
  EXPECT_EQ(code({{1, 0, SIGKILL}, {0, 7, 0}}), 7);
  EXPECT_EQ(code({{1, 0, SIGSEGV}, {0, 4, 0}}), 7) << "lost is lost";
  EXPECT_EQ(code({{0, 143, 0}, {1, 143, 0}}, SIGTERM), 143);
  EXPECT_EQ(code({{0, 143, 0}, {1, 0, SIGTERM}}, SIGTERM), 143) << "one had no time to hear it";
  EXPECT_EQ(code({{0, 0, 0}, {1, 0, 0}}, SIGTERM), 0) << "it came too late";
  EXPECT_EQ(code({{0, 143, 0}, {1, 0, SIGKILL}}, SIGTERM), 7);
  EXPECT_EQ(code({{0, 143, 0}, {1, 143, 0}}), 143) << "a stop that went to the ranks themselves";
}

TEST(Launch, TellsEachRankItsPlace) {
  if (!test::is_rank()) {
    test::Ranks ranks(3);
    for (const int rank : {0, 1, 2}) EXPECT_EQ(ranks.end(static_cast<size_t>(rank)), 10 + rank);
    return;
  }
  const auto said = [](const char* name) { return std::string(std::getenv(name)); };
  const bool fine = said("WORLD_SIZE") == "3" && said("LOCAL_WORLD_SIZE") == "3" && said("LOCAL_RANK") == said("RANK") &&
                    said("MASTER_ADDR") == "127.0.0.1" && std::stoi(said("MASTER_PORT")) > 0;
  const bool listens = std::getenv("RRPO_RANKS_LISTENER") != nullptr;
  std::exit(fine && listens == (said("RANK") == "0") ? 10 + std::stoi(said("RANK")) : 1);
}

}  // namespace
}  // namespace rrpo
