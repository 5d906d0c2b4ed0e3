// Signs of life: each rank leaves a new one in the store every other second and looks at those of the others.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "rrpo/world/world.h"

namespace rrpo::world {

/// How a rank leaves the others.
enum class Farewell { done, failed, lost };

/// A thread of its own, from the moment at which all ranks have met.
class Watch {
 public:
  using Store = c10::intrusive_ptr<c10d::Store>;

  /// `store` serves this watch alone: an operation of another thread would hold it up. In it each rank has a sign already.
  Watch(const Store& store, const Place& place);
  /// The store's key of a rank's signs; a new rank begins with kFirstSign.
  static std::string key(int64_t rank);
  static constexpr const char* kFirstSign = "0";

  /// Who is lost and how that was noticed; empty while all are there. Once it says something it keeps to it.
  std::string lost() const;
  /// The same for an operation that has failed by `problem`: waits a few seconds for the sign of who is to blame.
  std::string blame(const std::string& problem);
  /// `tell` is called once, from the watch's thread, when somebody is found lost.
  void when_lost(std::function<void()> tell);
  /// Says farewell and waits until the others have done so, within limits. To be called once, at the end.
  void leave(Farewell farewell);

 private:
  struct State;
  std::shared_ptr<State> state_;  ///< shared with the thread: it may be stuck in the store for ever
};

}  // namespace rrpo::world
