#include "app_shared.h"

#include <algorithm>
#include <csignal>
#include <exception>
#include <optional>

#include "app_faults.h"
#include "app_ranks.h"
#include "app_streams.h"
#include "rrpo/data/shard.h"
#include "rrpo/util/folder.h"
#include "rrpo/util/log.h"
#include "rrpo/util/stop.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

fs::path parts_folder(const Invocation& call) { return call.out / ".ranks"; }

fs::path part_folder(const Invocation& call, int64_t part, int64_t count) {
  return parts_folder(call) / (std::to_string(part) + "-of-" + std::to_string(count));
}

std::vector<fs::path> part_folders(const Invocation& call, int64_t count) {
  std::vector<fs::path> folders;
  for (int64_t part = 0; part < count; ++part) folders.push_back(part_folder(call, part, count));
  return folders;
}

/// The folders of parts that are there, whatever ranks made them.
std::vector<std::string> names_there(const Invocation& call) {
  std::error_code absent;
  if (call.out.empty() || !fs::is_directory(parts_folder(call), absent)) return {};
  std::vector<std::string> names = names_in(parts_folder(call));
  std::erase_if(names, [](const std::string& name) { return name.find("-of-") == std::string::npos; });
  return names;
}

/// How many parts the unfinished run in --out has; 0: there is none. One that ended before it wrote anything is none.
int64_t parts_there(const Invocation& call) {
  std::error_code absent;
  for (std::string name : names_there(call)) {
    if (!fs::exists(parts_folder(call) / name / "run.json", absent)) continue;
    return data::parse_shard(name.replace(name.find("-of-"), 4, "/"), parts_folder(call).string()).count;
  }
  return 0;
}

/// Removes the parts: they are whole in --out now, or to be made anew. Throws where one holds what no run has recorded.
void remove_parts(const Invocation& call) {
  std::error_code absent;
  for (const std::string& name : names_there(call)) {
    const fs::path folder = parts_folder(call) / name;
    if (fs::exists(folder / "run.json", absent)) {
      io::check_replaceable(folder, io::Existing::overwrite, {});
      fs::remove_all(folder);
    } else {
      fs::remove(folder / ".lock", absent);
      fs::remove(folder);
    }
  }
  fs::remove(parts_folder(call));
}

/// The ranks of a shared run, and how each of them has ended what they did last.
class Together {
 public:
  explicit Together(world::World world) : world_(std::move(world)) {
    // A rank that reads videos for an hour hears of it as of a stop signal: its part is saved.
    world_.when_lost([] { set_stop_signal(SIGTERM); });
  }
  const world::World& world() const { return world_; }

  /// Does `work` here while the others do theirs; all know the exit codes of all afterwards. Throws Error(peer) for a lost
  /// rank.
  void run(const std::function<int()>& work) {
    int own = 0;
    fault_ = nullptr;
    try {
      own = work();
    } catch (...) {
      fault_ = std::current_exception();
      const std::optional<Error> error = caught();
      own = error ? error->exit_code() : 128 + stop_signal();
    }
    codes_.clear();
    for (const std::string& code : world_.gather(std::to_string(own))) codes_.push_back(std::stoi(code));
  }

  bool fine() const { return code() == 0; }

  /// Ends as all others do; a rank whose fault it is says so.
  int end() const {
    if (fault_ && codes_[static_cast<size_t>(world_.rank())] == code()) std::rethrow_exception(fault_);
    return code();
  }

 private:
  /// The first that is not 0.
  int code() const {
    const auto found = std::find_if(codes_.begin(), codes_.end(), [](int code) { return code != 0; });
    return found == codes_.end() ? 0 : *found;
  }

  world::World world_;
  std::exception_ptr fault_;
  std::vector<int> codes_;
};

/// What the first rank finds in --out: the number of parts to do, 0 where a whole run is there to be gone on with.
int64_t begin(const Invocation& call, const SharedRun& job, int64_t size) {
  std::error_code absent;
  if (!fs::exists(call.out, absent)) return size;  // nothing is made before the inputs have been read
  int64_t parts = parts_there(call);
  const io::OutputFolder folder(call.out, call.existing, job.claim);
  if (parts > 0 && call.existing == io::Existing::refuse)
    throw Error(Fault::environment, "io", call.out.string() + ": holds the parts of an unfinished run",
                "--resume to go on, --overwrite to start anew, or another --out");
  if (call.existing == io::Existing::overwrite) parts = 0;
  if (parts == 0) remove_parts(call);
  return parts > 0 ? parts : folder.resumed() ? 0 : size;
}

/// This rank's share of the parts, one after the other. A part with failed questions is complete: the whole says so again.
int do_parts(const Invocation& call, const SharedRun& job, const world::World& world, int64_t count) {
  const Silence silence;
  int code = 0;
  for (int64_t part = world.rank(); part < count && code == 0; part += world.size()) {
    Invocation own = call;
    own.out = part_folder(call, part, count);
    own.sources.settings.push_back(job.field + "=" + data::Shard{part, count}.name());
    if (call.existing == io::Existing::overwrite) own.existing = io::Existing::refuse;  // they are removed already
    try {
      code = job.one(own);
    } catch (const Error& error) {
      if (error.fault() != Fault::budget) throw;
    }
  }
  return code;
}

int join_parts(const Invocation& call, const SharedRun& job, int64_t count) {
  int code = 0;
  try {
    code = job.join(call, part_folders(call, count));
  } catch (const Error& error) {
    if (error.fault() == Fault::budget) remove_parts(call);
    throw;
  }
  if (code == 0) remove_parts(call);
  return code;
}

}  // namespace

int run_shared(const Invocation& call, const SharedRun& job) {
  const world::Place place = world::place_of_process();
  if (place.size == 1 && parts_there(call) == 0) return job.one(call);
  if (call.dry_run) return place.rank == 0 ? job.one(call) : 0;
  Together ranks(meet_ranks("cpu"));
  const world::World& world = ranks.world();
  int64_t count = 0;
  ranks.run([&] { return count = world.first() ? begin(call, job, world.size()) : 0, 0; });
  if (!ranks.fine()) return ranks.end();
  count = std::stoll(world.gather(std::to_string(count)).front());
  if (count == 0) {
    if (world.first() && !world.alone()) log_info("--out holds the run of one process: the first rank goes on with it");
    ranks.run([&] { return world.first() ? job.one(call) : 0; });
    return ranks.end();
  }
  ranks.run([&] { return do_parts(call, job, world, count); });
  if (!ranks.fine()) return ranks.end();
  ranks.run([&] { return world.first() ? join_parts(call, job, count) : 0; });
  return ranks.end();
}

}  // namespace rrpo::apps
