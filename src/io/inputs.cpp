#include "rrpo/io/inputs.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "rrpo/io/sha256.h"
#include "rrpo/util/error.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/stop.h"

namespace rrpo::io {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kSmall = int64_t{16} << 20;  ///< hashed in a moment

int64_t nanoseconds(const timespec& time) { return int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec; }

/// Nothing where no regular file is.
std::optional<Input> look_at(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return Input{file, status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim), ""};
}

/// Only weights are so large that their times must do; a row file is read anyway.
bool is_large_weights(const Input& input) { return input.size > kSmall && input.file.extension() == ".safetensors"; }

Json entry(const Input& input) {
  return {{"size", input.size},
          {"modified_ns", input.modified_ns},
          {"changed_ns", input.changed_ns},
          {"sha256", input.sha256.empty() ? Json() : Json(input.sha256)}};
}

/// True where the file system says that nobody has touched the file since `before` was written.
bool untouched(const Input& now, const Json& before) {
  const auto is = [&](const char* key, int64_t value) {
    const auto found = before.find(key);
    return found != before.end() && found->is_number_integer() && *found == value;
  };
  return before.is_object() && is("size", now.size) && is("modified_ns", now.modified_ns) &&
         is("changed_ns", now.changed_ns);
}

std::string hash_of(const Input& input, const std::atomic<bool>& hurry) {
  std::string hash = file_sha256(input.file, [&] { return hurry || stop_signal() != 0; });
  const std::optional<Input> after = look_at(input.file);
  if (!after || after->size != input.size || after->modified_ns != input.modified_ns)
    throw Error(Fault::input, "run", input.file.string() + ": was written to while the run read it",
                "start anew once it is whole");
  return hash;
}

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw Error(Fault::usage, "run", file + ": " + what,
              "give the file of the earlier run again, or start anew with --overwrite");
}

/// Throws unless `now` holds what `before` says of the file.
void check_content(const Input& now, const Json& before) {
  const std::string hash = recorded_sha256(before);
  if (hash.empty()) {
    if (!untouched(now, before)) refuse(now.file.string(), "may have changed: the earlier run ended before it was hashed");
    return;
  }
  if (now.sha256.empty()) throw Stopped();
  if (now.sha256 != hash) refuse(now.file.string(), "is not what the earlier run has read");
}

/// The one of `files` that has the name and the content of `file` as it was.
std::map<std::string, const Input*>::iterator find_moved(std::map<std::string, const Input*>& files, const fs::path& file,
                                                         const std::string& hash) {
  return std::find_if(files.begin(), files.end(), [&](const auto& one) {
    return one.second->file.filename() == file.filename() && !hash.empty() && one.second->sha256 == hash;
  });
}

}  // namespace

struct Inputs::State {
  std::vector<Input> files;
  std::atomic<bool> hurry = false;
  mutable std::mutex mutex;  // over the hashes of `files` until `hashing` is ready
  std::shared_future<void> hashing;

  void hash_weights(const std::vector<size_t>& large) {
    const auto count = static_cast<int64_t>(large.size());
    // Half of the processors at most: the run goes on meanwhile.
    const int64_t threads = std::clamp<int64_t>(std::thread::hardware_concurrency() / 2, 1, 8);
    Prefetch<std::string> hashes(0, count, threads, count,
                                 [&](int64_t i) { return hash_of(files[large[static_cast<size_t>(i)]], hurry); });
    for (const size_t i : large) {
      std::string hash = *hashes.next();
      const std::lock_guard lock(mutex);
      files[i].sha256 = std::move(hash);
    }
  }
};

Inputs::Inputs() : state_(std::make_unique<State>()) {}
Inputs::Inputs(Inputs&&) noexcept = default;
Inputs& Inputs::operator=(Inputs&& other) noexcept {
  give_up();
  if (state_ && state_->hashing.valid()) state_->hashing.wait();
  state_ = std::move(other.state_);
  return *this;
}
Inputs::~Inputs() { give_up(); }

Inputs::Inputs(const std::vector<fs::path>& files, const Json& earlier) : Inputs() {
  std::set<fs::path> known;
  std::vector<size_t> large;
  for (const fs::path& file : files) {
    if (!known.insert(file).second) continue;
    std::optional<Input> input = look_at(file);
    if (!input) continue;
    const Json before = earlier.is_object() ? earlier.value(file.string(), Json()) : Json();
    if (!is_large_weights(*input)) {
      input->sha256 = file_sha256(file);
    } else if (untouched(*input, before)) {
      input->sha256 = recorded_sha256(before);
    }
    if (input->sha256.empty()) large.push_back(state_->files.size());
    state_->files.push_back(std::move(*input));
  }
  if (large.empty()) return;
  State* state = state_.get();  // stays where it is when this value moves
  state_->hashing = std::async(std::launch::async, [state, large] { state->hash_weights(large); }).share();
}

Json Inputs::so_far() const {
  const std::lock_guard lock(state_->mutex);
  Json all = Json::object();
  for (const Input& input : state_->files) all[input.file.string()] = entry(input);
  return all;
}

Json Inputs::json() const {
  if (state_->hashing.valid()) state_->hashing.get();
  return so_far();
}

bool Inputs::ready() const {
  return !state_->hashing.valid() || state_->hashing.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

void Inputs::give_up() {
  if (state_) state_->hurry = true;
}

void Inputs::check_same(const Json& earlier, const std::vector<std::string>& free) const {
  if (!earlier.is_object() && !state_->files.empty())
    refuse(state_->files.front().file.string(), "the earlier run does not say what it has read");
  if (state_->hashing.valid()) state_->hashing.get();
  const auto may_go = [&](const std::string& file) { return std::find(free.begin(), free.end(), file) != free.end(); };
  std::map<std::string, const Input*> fresh;  // under no path of the earlier run
  Json gone = earlier.is_object() ? earlier : Json::object();
  for (const Input& input : state_->files) {
    const std::string file = input.file.string();
    if (gone.contains(file)) {
      check_content(input, gone.at(file));
      gone.erase(file);
    } else if (!may_go(file)) {
      fresh[file] = &input;
    }
  }
  for (const auto& [file, before] : gone.items()) {
    if (may_go(file)) continue;
    const auto moved = find_moved(fresh, file, recorded_sha256(before));
    if (moved == fresh.end()) refuse(file, "the earlier run has read it, this one does not");
    fresh.erase(moved);
  }
  if (!fresh.empty()) refuse(fresh.begin()->first, "the earlier run has not read it");
}

std::string recorded_sha256(const Json& entry) {
  if (entry.is_string()) return entry.get<std::string>();
  if (!entry.is_object()) return "";
  const auto hash = entry.find("sha256");
  return hash != entry.end() && hash->is_string() ? hash->get<std::string>() : "";
}

}  // namespace rrpo::io
