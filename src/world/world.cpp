#include "rrpo/world/world.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Logging.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <thread>

#include "group.h"
#include "meet.h"
#include "rrpo/util/error.h"
#include "watch.h"

namespace rrpo::world {

struct World::Link {
  Meeting meeting;
  Watch watch;
  Group texts;    ///< Gloo: whatever lies in this machine's memory
  Group tensors;  ///< NCCL where the device is a GPU, else the same
  int exceptions = std::uncaught_exceptions();

  Link(Meeting met, const Place& place) : meeting(std::move(met)), watch(meeting.signs, place) {}
  const Group& group_of(const at::Tensor& tensor) const { return tensor.is_cpu() ? texts : tensors; }
  void end(const c10::intrusive_ptr<c10d::Work>& work, std::chrono::microseconds longest = std::chrono::milliseconds(2));
  template <class Use>
  void use(Use what);
  template <class Begin>
  void run(Begin begin);
};

namespace {

/// `[file:line] Connection closed by peer [address]. This is most likely …`: the middle.
std::string brief(const std::string& what) {
  const size_t begin = what.starts_with("[") ? what.find("] ") + 2 : 0;
  return what.substr(begin, what.find(". ", begin) - begin);
}

[[noreturn]] void throw_lost(const std::string& who) {
  throw Error(Fault::peer, "ranks", who, "see its own lines; start all ranks again with --resume");
}

at::Tensor bytes_of(const std::string& text, int64_t size) {
  at::Tensor bytes = at::zeros({size}, at::kByte);
  std::memcpy(bytes.data_ptr<uint8_t>(), text.data(), text.size());
  return bytes;
}

}  // namespace

/// Waits for an operation, but no longer than all ranks are there; looks after it every `longest` at least.
void World::Link::end(const c10::intrusive_ptr<c10d::Work>& work, std::chrono::microseconds longest) {
  constexpr std::chrono::microseconds kShortest{20};
  for (auto pause = kShortest; !work->isCompleted(); pause = std::min(2 * pause, longest)) {
    if (const std::string who = watch.lost(); !who.empty()) throw_lost(who);
    std::this_thread::sleep_for(pause);
  }
  work->wait();
}

/// What is done with a group. A lost connection of Gloo's is no c10::Error, one of NCCL's is a DistError.
template <class Use>
void World::Link::use(Use what) {
  if (const std::string who = watch.lost(); !who.empty()) throw_lost(who);
  try {
    what();
  } catch (const Error&) {
    throw;
  } catch (const c10::DistError& error) {
    throw_lost(watch.blame(brief(error.what_without_backtrace())));
  } catch (const c10::Error&) {  // arguments that do not fit: nobody is lost
    throw;
  } catch (const std::exception& error) {
    throw_lost(watch.blame(brief(error.what())));
  }
}

/// An operation from its beginning to its end.
template <class Begin>
void World::Link::run(Begin begin) {
  use([&] { end(begin()); });
}

World::World() = default;
World::World(World&&) noexcept = default;
World& World::operator=(World&&) noexcept = default;

World::World(const Place& place, const std::string& device) : World() {  // from here on a throw runs the destructor
  place_ = place;
  if (alone()) return;
  // A lost connection ends in one line of ours; LibTorch would print where in its sources it noticed.
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = c10::GLOG_ERROR;
  link_ = std::make_unique<Link>(meet(place), place);
  try {
    link_->texts = link_->tensors = gloo_group(link_->meeting.store, place_, link_->meeting.host);
  } catch (const std::exception& error) {
    throw Error(Fault::environment, "ranks", "rank " + std::to_string(rank()) + " cannot reach the others: " + error.what(),
                "GLOO_SOCKET_IFNAME=INTERFACE that leads to them");
  }
  if (!device.starts_with("cuda")) return;
  const at::Device gpu(device);
  link_->tensors = nccl_group(link_->meeting.store, place_, gpu.has_index() ? gpu.index() : 0);
  at::Tensor first = at::zeros({1}, at::TensorOptions(gpu));
  sum(first);  // connects now, while all are here, and not when one of them is hours behind
}

World::~World() {
  if (!link_) return;
  const bool lost = !link_->watch.lost().empty(), failed = std::uncaught_exceptions() > link_->exceptions;
  link_->watch.leave(lost ? Farewell::lost : failed ? Farewell::failed : Farewell::done);
  if (!lost) return;
  // A group waits for its operations when it is destroyed, and one with a lost rank would do so for ever: it stays behind.
  if (link_->tensors && link_->tensors != link_->texts) link_->tensors->abort();
  (void)link_.release();
}

void World::sum(at::Tensor& values) const {
  if (alone()) return;
  std::vector<at::Tensor> list = {values};
  link_->run([&] { return link_->group_of(values)->allreduce(list); });
}

void World::from_first(at::Tensor& values) const {
  if (alone()) return;
  std::vector<at::Tensor> list = {values};
  link_->run([&] { return link_->group_of(values)->broadcast(list); });
}

std::function<void()> World::begin_gather(const at::Tensor& whole, const at::Tensor& part) const {
  at::Tensor all = whole, own = part;
  if (alone()) {
    all.copy_(own);
    return [] {};
  }
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  link_->use([&] {
    const Group& group = link_->group_of(own);
    if (!own.is_cpu()) {
      works = {group->_allgather_base(all, own)};
      return;
    }
    // Gloo's own would gather into a copy of `whole` first: each rank sends its part to all others instead.
    all.narrow(0, rank() * own.numel(), own.numel()).copy_(own);
    for (int64_t from = 0; from < size(); ++from) {
      std::vector<at::Tensor> list = {all.narrow(0, from * own.numel(), own.numel())};
      c10d::BroadcastOptions options;
      options.rootRank = from;
      works.push_back(group->broadcast(list, options));
    }
  });
  // While a GPU computes with one layer the next one must be launched: a long pause would let it run dry.
  return [link = link_.get(), works] {
    for (const auto& work : works) link->use([&] { link->end(work, std::chrono::microseconds(100)); });
  };
}

std::vector<std::string> World::gather(const std::string& mine) const {
  if (alone()) return {mine};
  at::Tensor length = at::zeros({1}, at::kLong), lengths = at::empty({size()}, at::kLong);
  length.data_ptr<int64_t>()[0] = static_cast<int64_t>(mine.size());
  link_->run([&] { return link_->texts->_allgather_base(lengths, length); });
  const int64_t longest = std::max<int64_t>(1, lengths.max().item<int64_t>());
  at::Tensor own = bytes_of(mine, longest), all = at::empty({size() * longest}, at::kByte);
  link_->run([&] { return link_->texts->_allgather_base(all, own); });
  std::vector<std::string> texts;
  for (int64_t rank = 0; rank < size(); ++rank) {
    const auto* begin = reinterpret_cast<const char*>(all.data_ptr<uint8_t>() + rank * longest);
    texts.emplace_back(begin, static_cast<size_t>(lengths.data_ptr<int64_t>()[rank]));
  }
  return texts;
}

void World::when_lost(std::function<void()> tell) const {
  if (link_) link_->watch.when_lost(std::move(tell));
}

}  // namespace rrpo::world
