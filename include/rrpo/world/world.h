// The processes that share one job: one per GPU or per share of the cores. A world of one rank is a world, and costs
// nothing.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rrpo::world {

/// Where a process stands among those that a launcher has started.
struct Place {
  int64_t rank = 0, size = 1;
  int64_t local_rank = 0;    ///< among those of its machine
  std::string address;       ///< of the machine of rank 0
  int64_t port = 0;          ///< on which rank 0 listens
  bool hosted = false;       ///< the launcher itself listens there (torchrun), no rank does
  std::string start{};       ///< the launcher's name for this start: its store outlives the ranks of an earlier one
  int listener = -1;         ///< rank 0: a socket that listens there already, inherited from `--nproc`; -1: none
  int64_t patience_s = 300;  ///< how long the ranks wait for each other at the start
  int64_t silence_s = 40;    ///< without a sign of life, after which a rank counts as lost
};

/// What torchrun, srun or `--nproc` say (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT, SLURM_*); one rank where
/// nobody says anything. Throws Error(usage, "ranks") for values that do not fit each other.
Place place_of_process();

/// The ranks of a job as one of them sees the others. Every rank calls the same operations in the same order, from one
/// thread. Each throws Error(peer, "ranks") when a rank is gone, or has given no sign of life for `Place::silence_s`
/// seconds: after that no operation works any more. The ranks leave together: the destructor waits a minute at most for
/// those that are still at work, and tells them when it is an exception that ends this one.
class World {
 public:
  World();  ///< one rank
  /// Meets the others: Gloo on a CPU, NCCL (by the plugin rrpo_nccl) on a GPU. Throws Error(environment, "ranks") where they
  /// cannot be reached or the plugin is missing.
  World(const Place& place, const std::string& device);
  World(World&&) noexcept;
  World& operator=(World&&) noexcept;
  ~World();

  int64_t rank() const { return place_.rank; }
  int64_t size() const { return place_.size; }
  bool first() const { return place_.rank == 0; }
  bool alone() const { return place_.size == 1; }

  /// `values` (contiguous, float32 or float64, on the device) becomes the sum over the ranks: the same bits on all of them.
  void sum(at::Tensor& values) const;
  /// `values` (contiguous, any type) becomes that of rank 0.
  void from_first(at::Tensor& values) const;
  /// Begins to put the `parts` of all ranks, contiguous bytes of equal length, into `whole` in the order of the ranks; both
  /// lie on the device. It goes on in the background, and the function that comes back waits for it: meanwhile both are
  /// left alone, and other operations may be begun. That function must be called before this value goes, once.
  std::function<void()> begin_gather(const at::Tensor& whole, const at::Tensor& part) const;
  /// The texts of all ranks, in the order of the ranks. Any bytes, of any lengths.
  std::vector<std::string> gather(const std::string& mine) const;

  /// Has `tell` called once, from another thread, when a rank is found gone: for work between two operations that takes
  /// long.
  void when_lost(std::function<void()> tell) const;

 private:
  struct Link;
  Place place_;
  std::unique_ptr<Link> link_;  ///< null in a world of one
};

}  // namespace rrpo::world
