#include "meet.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <array>
#include <chrono>
#include <thread>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "watch.h"

namespace rrpo::world {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{50};

[[noreturn]] void cannot_meet(const std::string& problem, const std::string& fix) {
  throw Error(Fault::environment, "ranks", problem, fix);
}

std::string at(const Place& place) { return place.address + ":" + std::to_string(place.port); }

/// This side's address of a connection to rank 0; empty where nobody listens there (yet).
std::string connected_from(const Place& place) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(place.address.c_str(), std::to_string(place.port).c_str(), &hints, &found) != 0) return "";
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const Descriptor socket(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
    if (socket.get() < 0 || ::connect(socket.get(), one->ai_addr, one->ai_addrlen) != 0) continue;
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    std::array<char, NI_MAXHOST> text{};
    auto* address = reinterpret_cast<sockaddr*>(&own);
    if (::getsockname(socket.get(), address, &size) == 0 &&
        ::getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      return text.data();
  }
  return "";
}

/// Waits for `there`; false after the place's patience.
template <class There>
bool waited_for(const Place& place, There there) {
  for (const auto until = Clock::now() + std::chrono::seconds(place.patience_s); !there();) {
    check_stop();
    if (Clock::now() > until) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

c10d::TCPStoreOptions options_of(const Place& place, bool serves) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(place.port);
  options.isServer = serves;
  options.waitWorkers = false;  // LibTorch's own wait hears no stop signal
  options.timeout = std::chrono::seconds(place.patience_s);
  if (serves && place.listener >= 0) options.masterListenFd = place.listener;
  return options;
}

c10::intrusive_ptr<c10d::Store> open_store(const Place& place, bool serves) {
  try {
    auto store = c10::make_intrusive<c10d::TCPStore>(place.address, options_of(place, serves));
    return c10::make_intrusive<c10d::PrefixStore>("rrpo/" + place.start, store);
  } catch (const std::exception& error) {
    cannot_meet(at(place) + ": " + (serves ? "rank 0 cannot listen there" : "what listens there is no rank 0"),
                "MASTER_PORT=PORT with a free port of the first machine");
  }
}

std::string host_key(int64_t rank) { return "host/" + std::to_string(rank); }

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

/// True once the rank has left its address. Where rank 0 has given up already, and its store with it, nobody comes any more.
bool has_come(c10d::Store& store, int64_t rank) {
  try {
    return store.check({host_key(rank)});
  } catch (const std::exception&) {
    return false;
  }
}

bool is_loopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

/// A machine that knows itself under a loopback address tells the others an address at which they find themselves.
void check_hosts(const Place& place, c10d::Store& store) {
  std::string near, far;
  for (int64_t rank = 0; rank < place.size; ++rank) {
    const auto bytes = store.get(host_key(rank));
    const std::string host(bytes.begin(), bytes.end());
    (is_loopback(host) ? near : far) = "rank " + std::to_string(rank) + " at " + host;
  }
  if (!near.empty() && !far.empty())
    cannot_meet(far + " cannot reach " + near, "MASTER_ADDR=IP of the first machine, as the others reach it");
}

}  // namespace

Meeting meet(const Place& place) {
  const bool serves = place.rank == 0 && !place.hosted;
  Meeting meeting;
  if (serves) meeting.store = open_store(place, true);
  if (!waited_for(place, [&] { return !(meeting.host = connected_from(place)).empty(); }))
    cannot_meet("nobody listens at " + at(place) + " after " + std::to_string(place.patience_s) + " s",
                "look at the lines of rank 0; MASTER_ADDR and MASTER_PORT must lead to its machine");
  if (!serves) meeting.store = open_store(place, false);
  meeting.signs = open_store(place, false);
  meeting.store->set(Watch::key(place.rank), bytes_of(Watch::kFirstSign));
  meeting.store->set(host_key(place.rank), bytes_of(meeting.host));
  for (int64_t rank = 0; rank < place.size; ++rank) {
    if (!waited_for(place, [&] { return has_come(*meeting.store, rank); }))
      cannot_meet("rank " + std::to_string(rank) + " has not come within " + std::to_string(place.patience_s) + " s",
                  "look at its lines: start " + std::to_string(place.size) + " ranks");
  }
  check_hosts(place, *meeting.store);
  return meeting;
}

}  // namespace rrpo::world
