// The plugin for several GPUs, as far as one GPU can tell: skipped where there is none, or where the plugin is not built.
#include <ATen/ops/arange.h>
#include <gtest/gtest.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "../../src/world/group.h"
#include "rrpo/policy/device.h"
#include "rrpo/world/plugin.h"

namespace rrpo::world {
namespace {

TEST(NcclCuda, AGroupOfOneRankLeavesTheValues) {
  if (!policy::open_cuda()) GTEST_SKIP() << policy::cuda_report().problem;
  if (nccl_plugin().empty()) GTEST_SKIP() << "built without rrpo_nccl";
  const Group group = nccl_group(c10::make_intrusive<c10d::HashStore>(), Place(), 0);
  EXPECT_EQ(group->getBackendName(), "nccl");
  const at::Tensor values = at::arange(100'003, at::TensorOptions(at::kFloat).device("cuda:0"));
  std::vector<at::Tensor> summed = {values.clone()};
  group->allreduce(summed)->wait();
  EXPECT_TRUE(summed.front().equal(values));
  group->broadcast(summed)->wait();
  EXPECT_TRUE(summed.front().equal(values));
}

}  // namespace
}  // namespace rrpo::world
