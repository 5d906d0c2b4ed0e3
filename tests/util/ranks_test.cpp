#include "rrpo/util/ranks.h"

#include <gtest/gtest.h>

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
    for (const char* name : {"LOCAL_RANK", "SLURM_LOCALID", "WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) unsetenv(name);
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
