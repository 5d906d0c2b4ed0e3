#include "watch.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace rrpo::world {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPeriod{2000}, kLeavingPeriod{100}, kLeaveTogether{60'000};
constexpr const char *kDone = "done", *kFailed = "failed", *kLost = "lost ";

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

/// What a rank leaves behind when it goes.
std::string sign_of(Farewell farewell, const std::string& reason) {
  return farewell == Farewell::done ? kDone : farewell == Farewell::failed ? kFailed : kLost + reason;
}

bool is_farewell(const std::string& sign) { return sign == kDone || sign == kFailed || sign.starts_with(kLost); }

}  // namespace

struct Watch::State {
  State(Store store, const Place& place)
      : store(std::move(store)),
        rank(static_cast<size_t>(place.rank)),
        silence(milliseconds(1000 * place.silence_s)),
        period(std::min(kPeriod, silence / 4)),
        signs(static_cast<size_t>(place.size), kFirstSign),
        heard(static_cast<size_t>(place.size), Clock::now()) {
    for (int64_t other = 0; other < place.size; ++other) keys.push_back(key(other));
  }

  void run();
  void round();
  bool all_gone() const;
  void find_lost(const std::string& who);
  std::string silent_since(milliseconds limit) const;
  /// A silence that proves nothing, but tells who is meant where somebody is known to be gone.
  milliseconds suspicious() const { return period * 5 / 2; }

  const Store store;
  const size_t rank;
  const milliseconds silence, period;
  std::vector<std::string> keys;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> signs;         ///< the last of each rank
  std::vector<Clock::time_point> heard;   ///< when it was seen first
  Clock::time_point last = Clock::now();  ///< when the store answered last
  std::string loss;
  std::function<void()> tell;
  std::optional<std::string> farewell;
  Clock::time_point limit;  ///< of the wait for the others, once the farewell is said
  bool ended = false;
};

std::string Watch::key(int64_t rank) { return "sign/" + std::to_string(rank); }

Watch::Watch(const Store& store, const Place& place) : state_(std::make_shared<State>(store, place)) {
  std::thread([state = state_] { state->run(); }).detach();
}

void Watch::State::find_lost(const std::string& who) {
  std::function<void()> told;
  {
    const std::lock_guard lock(mutex);
    if (!loss.empty()) return;
    loss = who;
    told = tell;
  }
  if (told) told();
}

/// The rank whose sign is older than `limit`, in words; empty where there is none. The caller holds the lock.
std::string Watch::State::silent_since(milliseconds limit) const {
  for (size_t other = 0; other < signs.size(); ++other) {
    if (other != rank && !is_farewell(signs[other]) && last - heard[other] > limit)
      return "rank " + std::to_string(other) + " is gone, or has stood still";
  }
  return "";
}

/// Nobody is there any more who would look for our farewell. The caller holds the lock.
bool Watch::State::all_gone() const {
  for (size_t other = 0; other < signs.size(); ++other) {
    const bool gone = is_farewell(signs[other]) || (!loss.empty() && last - heard[other] > suspicious());
    if (other != rank && !gone) return false;
  }
  return true;
}

/// Leaves an own sign and takes in those of the others. Throws what the store throws.
void Watch::State::round() {
  std::string own;
  {
    const std::lock_guard lock(mutex);
    if (!is_farewell(signs[rank])) signs[rank] = farewell ? *farewell : std::to_string(std::stoll(signs[rank]) + 1);
    own = signs[rank];
  }
  store->set(keys[rank], bytes_of(own));
  const auto found = store->multiGet(keys);
  std::string who;
  {
    const std::lock_guard lock(mutex);
    last = Clock::now();
    for (size_t other = 0; other < signs.size(); ++other) {
      const std::string sign(found[other].begin(), found[other].end());
      if (sign != signs[other]) heard[other] = last;
      signs[other] = sign;
      if (other != rank && sign == kFailed) who = "rank " + std::to_string(other) + " has ended with an error";
      if (other != rank && sign.starts_with(kLost)) who = sign.substr(std::string(kLost).size());
    }
    if (who.empty() && !farewell) who = silent_since(silence);
  }
  if (!who.empty()) find_lost(who);
}

void Watch::State::run() {
  for (bool goes_on = true; goes_on;) {
    try {
      round();
    } catch (const std::exception&) {  // the store was in rank 0, or in the launcher
      find_lost("rank 0 is gone");
      break;
    }
    std::unique_lock lock(mutex);
    const bool said = farewell && signs[rank] == *farewell;
    goes_on = !said || (!all_gone() && Clock::now() < limit);
    if (goes_on) changed.wait_for(lock, farewell ? kLeavingPeriod : period, [&] { return farewell && !said; });
  }
  const std::lock_guard lock(mutex);
  ended = true;
  changed.notify_all();
}

std::string Watch::lost() const {
  const std::lock_guard lock(state_->mutex);
  if (state_->loss.empty() && !state_->ended && Clock::now() - state_->last > state_->silence)
    state_->loss = "rank 0 is gone, or has stood still";
  return state_->loss;
}

std::string Watch::blame(const std::string& problem) {
  for (const auto until = Clock::now() + 4 * state_->period; lost().empty() && Clock::now() < until;) {
    std::this_thread::sleep_for(milliseconds(50));
    std::unique_lock lock(state_->mutex);
    const std::string who = state_->silent_since(state_->suspicious());
    lock.unlock();
    if (!who.empty()) state_->find_lost(who);
  }
  if (lost().empty()) state_->find_lost("another rank is gone: " + problem);
  return lost();
}

void Watch::when_lost(std::function<void()> tell) {
  std::unique_lock lock(state_->mutex);
  state_->tell = std::move(tell);
  const bool late = !state_->loss.empty();
  lock.unlock();
  if (late) state_->tell();
}

void Watch::leave(Farewell farewell) {
  std::unique_lock lock(state_->mutex);
  const milliseconds together = farewell == Farewell::done ? kLeaveTogether : 5 * state_->period;
  state_->tell = nullptr;
  state_->farewell = sign_of(farewell, state_->loss);
  state_->limit = Clock::now() + together;
  state_->changed.notify_all();
  // A store that does not answer any more holds its thread for ever: it stays behind.
  state_->changed.wait_for(lock, together + 2 * state_->period, [&] { return state_->ended; });
}

}  // namespace rrpo::world
