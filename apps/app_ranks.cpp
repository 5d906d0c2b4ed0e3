#include "app_ranks.h"

#include <charconv>
#include <cstdlib>

#include "app_streams.h"
#include "rrpo/report/progress.h"
#include "rrpo/util/log.h"

namespace rrpo::apps {

namespace {

constexpr const char* kFlag = "--nproc";

}  // namespace

int64_t ranks_of(const Command& command, const std::string& nproc) {
  constexpr int64_t kMost = 1024;
  if (nproc.empty()) return 1;
  int64_t count = 0;
  const auto [end, fault] = std::from_chars(nproc.data(), nproc.data() + nproc.size(), count);
  if (fault != std::errc() || end != nproc.data() + nproc.size() || count < 1 || count > kMost)
    bad_usage(std::string(kFlag) + " " + printable(nproc) + " is no number of ranks", "--nproc N, from 1 to 1024");
  if (count > 1 && !command.ranks) bad_usage(std::string(kFlag) + ": this command runs as one process", "leave it out");
  if (const world::Place place = world::place_of_process(); count > 1 && place.size > 1)
    bad_usage(std::string(kFlag) + ": a launcher has started " + std::to_string(place.size) + " ranks already",
              "leave it out");
  return count;
}

std::vector<std::string> as_rank(const Program& program, const std::vector<std::string>& typed) {
  std::vector<std::string> out = {program.name};
  for (size_t i = 0; i < typed.size(); ++i) {
    if (typed[i] == kFlag) {
      ++i;  // and its value
    } else if (!typed[i].starts_with(std::string(kFlag) + "=")) {
      out.push_back(typed[i]);
    }
  }
  return out;
}

world::World meet_ranks(const std::string& device) {
  world::World world(world::place_of_process(), device);
  if (!world.first()) {
    static const Silence silence;
    report::open_progress(report::ProgressMode::off);
    log_less();
  }
  return world;
}

}  // namespace rrpo::apps
