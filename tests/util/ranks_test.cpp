#include "rrpo/util/ranks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "support/temp_dir.h"

namespace rrpo {
namespace {

class Ranks : public testing::Test {
 protected:
  void SetUp() override { TearDown(); }
  void TearDown() override {
    for (const char* name : {"RANK", "LOCAL_RANK", "SLURM_LOCALID", "SLURM_PROCID", "WORLD_SIZE", "LOCAL_WORLD_SIZE",
                             "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_NTASKS_PER_NODE"})
      unsetenv(name);
  }
};

TEST_F(Ranks, ThePlaceOnTheMachineIsThatOfTheLauncher) {
  EXPECT_EQ(local_rank(), std::nullopt);
  setenv("SLURM_LOCALID", "5", 1);
  EXPECT_EQ(local_rank(), 5);
  setenv("LOCAL_RANK", "2", 1);
  EXPECT_EQ(local_rank(), 2);
  for (const char* odd : {"", "two", "-1", "3x"}) {
    setenv("LOCAL_RANK", odd, 1);
    EXPECT_EQ(local_rank(), 5) << odd;
  }
}

TEST_F(Ranks, LinesNameTheRankWhereThereAreSeveral) {
  EXPECT_EQ(own_rank(), 0);
  setenv("RANK", "3", 1);
  EXPECT_EQ(own_rank(), 0) << "of one process";
  setenv("WORLD_SIZE", "4", 1);
  EXPECT_EQ(own_rank(), 3);
  unsetenv("WORLD_SIZE");
  setenv("SLURM_PROCID", "2", 1);
  EXPECT_EQ(own_rank(), 0) << "the shell of a batch job";
  setenv("SLURM_STEP_NODELIST", "node1", 1);
  EXPECT_EQ(own_rank(), 2);
}

TEST_F(Ranks, RanksOfAMachineShareItsCores) {
  const int64_t all = own_cores();
  EXPECT_GE(all, 1);
  setenv("LOCAL_WORLD_SIZE", "2", 1);
  EXPECT_EQ(own_cores(), std::max<int64_t>(1, all / 2));
  setenv("LOCAL_WORLD_SIZE", "100000", 1);
  EXPECT_EQ(own_cores(), 1);
}

TEST_F(Ranks, SeveralProcessesAreRefused) {
  require_one_process("eval");
  setenv("WORLD_SIZE", "1", 1);
  require_one_process("eval");
  for (const char* name : {"WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    setenv(name, "2", 1);
    EXPECT_THROW(require_one_process("eval"), Error) << name;
    unsetenv(name);
  }
}

TEST_F(Ranks, EachProcessOfANodeHasItsOwnGpu) {
  EXPECT_EQ(own_gpu(8, 3), "cuda:3");
  EXPECT_EQ(own_gpu(8, 0), "cuda:0");
  EXPECT_EQ(own_gpu(8, std::nullopt), "cuda");
  EXPECT_EQ(own_gpu(1, 5), "cuda") << "the launcher shows each process its own one only";
  EXPECT_THROW(own_gpu(4, 4), Error);
}

// Without B: only job steps are signalled, and the trainer of a script without srun is none: it was killed unsaved.
TEST(Slurm, TheScriptIsWarnedBeforeItsTimeEnds) {
  const std::string script = read_file(test::source_file("configs/train/slurm.sh"), "test");
  EXPECT_NE(script.find("\n#SBATCH --signal=B:TERM@"), std::string::npos);
  EXPECT_NE(script.find("\nexec "), std::string::npos) << "a signal to a shell that waits does not reach the trainer";
}

}  // namespace
}  // namespace rrpo
