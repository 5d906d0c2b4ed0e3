#include "agree.h"

#include <exception>
#include <optional>

#include "rrpo/policy/memory.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::train {

namespace {

/// How a piece of work went on one rank. As CBOR it keeps every double, and text that is no UTF-8.
struct Outcome {
  Json value;
  int64_t signal = 0;  ///< that stopped it
  bool stopped = false;
  int64_t fault = 0;  ///< its exit code
  std::string line;   ///< of the fault
};

std::string written(const Outcome& outcome) {
  std::string bytes;
  Json::to_cbor({outcome.value, outcome.stopped, outcome.signal, outcome.fault, outcome.line}, bytes);
  return bytes;
}

Outcome read_outcome(const std::string& bytes) {
  const Json all = Json::from_cbor(bytes);
  return {all.at(0), all.at(2).get<int64_t>(), all.at(1).get<bool>(), all.at(3).get<int64_t>(),
          all.at(4).get<std::string>()};
}

/// What the exception being handled says of the work that threw it.
Outcome failed() {
  Outcome outcome;
  try {
    throw;
  } catch (const Stopped&) {
    outcome.stopped = true;
    outcome.signal = stop_signal();
  } catch (const Error& error) {
    outcome.fault = error.exit_code();
    outcome.line = error.what();
  } catch (const std::exception& error) {
    const std::optional<Error> memory = policy::memory_error(error);
    outcome.fault = memory ? memory->exit_code() : static_cast<int64_t>(Fault::internal);
    outcome.line = memory ? memory->what() : error.what();
  }
  return outcome;
}

/// Calls `work`; `thrown` becomes what it threw.
Outcome attempt(const std::function<Json()>& work, std::exception_ptr& thrown) {
  try {
    return {.value = work(), .line = {}};
  } catch (...) {
    thrown = std::current_exception();
    return failed();
  }
}

}  // namespace

std::vector<Json> agree(const world::World& world, const std::function<Json()>& work) {
  if (world.alone()) return {work()};
  std::exception_ptr thrown;
  const Outcome own = attempt(work, thrown);
  std::vector<Outcome> all;
  for (const std::string& bytes : world.gather(written(own))) all.push_back(read_outcome(bytes));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].fault == 0) continue;
    if (static_cast<int64_t>(rank) == world.rank()) std::rethrow_exception(thrown);
    const bool remedy = all[rank].line.find("; fix: ") != std::string::npos;  // one is enough
    throw Error(static_cast<Fault>(all[rank].fault), "ranks", "rank " + std::to_string(rank) + " failed: " + all[rank].line,
                remedy ? "" : "see what that rank says");
  }
  std::vector<Json> values;
  for (Outcome& outcome : all) {
    if (outcome.stopped) {
      set_stop_signal(static_cast<int>(outcome.signal));
      throw Stopped();
    }
    values.push_back(std::move(outcome.value));
  }
  return values;
}

Json from_first(const world::World& world, const std::function<Json()>& work) {
  return agree(world, [&] { return world.first() ? work() : Json(); }).front();
}

}  // namespace rrpo::train
