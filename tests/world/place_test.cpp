#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "rrpo/util/error.h"
#include "rrpo/world/world.h"

namespace rrpo::world {
namespace {

/// What a process under such an environment is told; all other names of launchers are unset.
Place placed(const std::map<std::string, std::string>& environment) {
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE",
                           "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "SLURM_PROCID", "SLURM_NTASKS",
                           "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_NODELIST", "SLURM_JOB_ID", "SLURM_STEP_ID"})
    ::unsetenv(name);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  return place_of_process();
}

TEST(Place, IsAloneWithoutALauncher) {
  EXPECT_EQ(placed({}).size, 1);
  EXPECT_EQ(placed({{"WORLD_SIZE", "1"}, {"RANK", "0"}}).size, 1);
  EXPECT_EQ(placed({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}}).size, 1) << "the shell of a batch job is one process";
  EXPECT_EQ(placed({{"SLURM_STEP_NODELIST", "a"}, {"SLURM_NTASKS", "1"}, {"SLURM_PROCID", "0"}}).size, 1);
  EXPECT_EQ(placed({{"WORLD_SIZE", "1"}, {"SLURM_STEP_NODELIST", "a"}, {"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "1"}}).size,
            1)
      << "a launcher inside a step has the last word";
}

TEST(Place, OfTorchrun) {
  const std::map<std::string, std::string> said = {
      {"RANK", "5"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"MASTER_ADDR", "first"}, {"MASTER_PORT", "29500"}};
  const Place place = placed(said);
  EXPECT_EQ(place.rank, 5);
  EXPECT_EQ(place.size, 8);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.address, "first");
  EXPECT_EQ(place.port, 29500);
  EXPECT_FALSE(place.hosted);
  auto hosted = said;
  hosted["TORCHELASTIC_USE_AGENT_STORE"] = "True";
  hosted["TORCHELASTIC_RESTART_COUNT"] = "1";
  EXPECT_TRUE(placed(hosted).hosted);
  EXPECT_NE(placed(hosted).start, place.start) << "a start after a failure finds no signs of the ranks before";
}

TEST(Place, OfSrun) {
  std::map<std::string, std::string> said = {{"SLURM_PROCID", "3"},
                                             {"SLURM_NTASKS", "4"},
                                             {"SLURM_LOCALID", "1"},
                                             {"SLURM_JOB_ID", "123456"},
                                             {"SLURM_STEP_NODELIST", "gpu[03-05,09],other7"}};
  const Place place = placed(said);
  EXPECT_EQ(place.rank, 3);
  EXPECT_EQ(place.size, 4);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.address, "gpu03");
  EXPECT_EQ(place.port, 15000 + 123456 % 15000);
  said["SLURM_STEP_ID"] = "1";
  EXPECT_NE(placed(said).port, place.port) << "two steps of a job do not meet";
  said["SLURM_STEP_NUM_TASKS"] = "6";
  EXPECT_EQ(placed(said).size, 6) << "a step may be smaller or larger than its job";
  said["MASTER_PORT"] = "4000";
  EXPECT_EQ(placed(said).port, 4000);
  for (const auto& [nodes, first] : std::map<std::string, std::string>{{"one", "one"},
                                                                       {"one,two", "one"},
                                                                       {"n[7]", "n7"},
                                                                       {"n[09,11-12]-ib,m", "n09-ib"},
                                                                       {"r[1-2]n[03-04]", "r1n03"},
                                                                       {"broken[1", "broken1"}}) {
    said["SLURM_STEP_NODELIST"] = nodes;
    EXPECT_EQ(placed(said).address, first);
  }
}

TEST(Place, RefusesWhatDoesNotFit) {
  const std::map<std::string, std::string> fine = {
      {"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "first"}, {"MASTER_PORT", "29500"}};
  EXPECT_EQ(placed(fine).rank, 1);
  for (const auto& [name, value] : std::multimap<std::string, std::string>{{"RANK", "2"},
                                                                           {"RANK", ""},
                                                                           {"WORLD_SIZE", "two"},
                                                                           {"MASTER_ADDR", ""},
                                                                           {"MASTER_PORT", ""},
                                                                           {"MASTER_PORT", "0"},
                                                                           {"MASTER_PORT", "65536"},
                                                                           {"MASTER_PORT", "-1"}}) {
    auto odd = fine;
    odd[name] = value;
    try {
      placed(odd);
      ADD_FAILURE() << name << "=" << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage) << error.what();
    }
  }
}

}  // namespace
}  // namespace rrpo::world
