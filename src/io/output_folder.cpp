#include "rrpo/io/output_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>

#include "now.h"
#include "ownership.h"
#include "rrpo/util/atomic_file.h"
#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "rrpo/util/folder.h"
#include "rrpo/util/version.h"

namespace rrpo::io {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kHolder = "pid ";

std::string text_of(const Descriptor& lock, const fs::path& file) {
  std::array<char, 160> text{};
  const int64_t got = read_at(lock, file, text.data(), static_cast<int64_t>(text.size()), 0);
  return {text.data(), static_cast<size_t>(got)};
}

[[noreturn]] void throw_locked(const Descriptor& lock, const fs::path& folder) {
  const std::string holder = text_of(lock, folder / kLockFile);
  throw Error(Fault::environment, "lock", folder.string() + ": is used by " + (holder.empty() ? "another process" : holder),
              "wait for it to end or choose another --out");
}

/// The file's text is replaced: it must be one that we wrote.
void check_lock_file(const Descriptor& lock, const fs::path& file) {
  struct stat status {};
  if (::fstat(lock.get(), &status) != 0) throw_errno(file, "cannot read");
  const bool ours = S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == ::geteuid();
  const std::string text = ours ? text_of(lock, file) : "";
  if (ours && (text.empty() || text.starts_with(kHolder))) return;
  throw Error(Fault::environment, "lock", file.string() + ": is not a lock of ours", "remove it or choose another --out");
}

/// The lock dies with the process, however it ends. The text inside only says who holds it.
int take_lock(const fs::path& folder) {
  const auto file = folder / kLockFile;
  // Neither a link nor a pipe in its place may be opened: writing the holder would empty what it leads to.
  Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
  if (lock.get() < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
    throw Error(Fault::environment, "lock", file.string() + ": is not a lock of ours", "remove it or choose another --out");
  if (lock.get() < 0) throw_errno(file, "cannot create");
  check_lock_file(lock, file);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) throw_locked(lock, folder);
    throw_errno(file, "cannot lock");
  }
  return lock.release();
}

void name_holder(int lock, const fs::path& folder) {
  std::array<char, 65> host{};
  ::gethostname(host.data(), host.size() - 1);
  if (::ftruncate(lock, 0) != 0) throw_errno(folder / kLockFile, "cannot write");
  write_all(lock, folder / kLockFile,
            std::string(kHolder) + std::to_string(::getpid()) + " on " + host.data() + " since " + now_utc());
}

void create(const fs::path& folder) {
  std::error_code code, unused;
  fs::create_directories(folder, code);
  if (fs::is_directory(folder, unused)) return;
  throw Error(Fault::environment, "io",
              folder.string() + ": cannot create the folder: " + (code ? code.message() : "a file is there"),
              "choose another --out");
}

/// The folders in which a run with these names writes temporaries.
std::set<fs::path> places_of(const fs::path& root, const std::set<std::string>& names) {
  std::set<fs::path> places = {root};
  for (const std::string& name : names) {
    // A folder that appears as a whole is written beside itself.
    for (fs::path above = fs::path(name).parent_path(); !above.empty(); above = above.parent_path())
      places.insert(root / above);
  }
  return places;
}

/// True where another process works in a folder below ours.
bool is_locked(const fs::path& folder) {
  const Descriptor lock(::open((folder / kLockFile).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  return lock.get() >= 0 && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

void remove_left_behind(const fs::path& root, const std::set<std::string>& names) {
  for (const fs::path& place : places_of(root, names)) {
    std::error_code code;
    if (place != root && is_locked(place)) continue;
    for (const std::string& name : names_in(place)) {
      if (is_temporary(name) && is_left_behind(place / name)) fs::remove_all(place / name, code);
    }
  }
}

std::string told(const Json& record, const char* key) {
  return record.contains(key) && record.at(key).is_string() ? record.at(key).get<std::string>() : "";
}

/// Throws unless the run that wrote `record` may be gone on with, or overwritten.
void check_earlier(const fs::path& folder, const Json& record, Existing existing, const Claim& claim) {
  if (existing == Existing::overwrite) return;
  const std::string earlier = told(record, "program") + " " + told(record, "command");
  if (existing == Existing::refuse)
    throw Error(Fault::environment, "io", folder.string() + ": holds run.json of an earlier run (" + earlier + ")",
                "--resume to go on, --overwrite to start anew, or another --out");
  if (told(record, "program") != claim.program || told(record, "command") != claim.command)
    throw Error(Fault::environment, "io",
                folder.string() + ": holds the results of " + earlier + ", which this cannot go on with",
                "choose another --out, or --overwrite");
}

}  // namespace

OutputFolder::OutputFolder(const fs::path& folder, Existing existing, const Claim& claim) : path_(folder) {
  create(folder);
  Descriptor lock(take_lock(folder));
  auto own = std::make_shared<Ownership>();
  own->root = fs::canonical(folder);
  const Json record = own_record(folder);
  std::set<std::string> names = recorded_names(record, folder);
  if (record.is_object()) check_earlier(folder, record, existing, claim);
  for (const std::string& name : claim.names) {
    const std::string foreign = first_foreign(own->root, own->root / name, names);
    if (!foreign.empty()) throw_not_ours(folder / foreign);
  }
  remove_left_behind(own->root, names);
  name_holder(lock.get(), folder);
  const bool cleared = record.is_object() && record["exit"].is_object() && told(record["exit"], "state") == kClearing;
  resumed_ = existing == Existing::resume && record.is_object() && !cleared;
  (existing == Existing::overwrite || cleared ? own->stale : own->names) = std::move(names);
  open_ownership(own);
  own_ = std::move(own);
  lock_ = lock.release();
}

OutputFolder::~OutputFolder() {
  if (lock_ < 0) return;
  close_ownership(own_);
  // The file stays: removing it would let two processes lock two files of one name. It keeps no name of a person or machine.
  if (::ftruncate(lock_, 0) != 0) errno = 0;
  ::close(lock_);
}

namespace {

/// The record of a folder that holds pages only.
Json page_record(const Claim& claim) {
  return {{"program", claim.program},
          {"command", claim.command},
          {"version", kVersion},
          {"started", now_utc()},
          {"exit", {{"state", "finished"}, {"code", 0}}}};
}

}  // namespace

void leave_pages(const fs::path& folder, Existing existing, const Claim& claim, const std::vector<Page>& pages) {
  create(folder);
  const Descriptor lock(take_lock(folder));
  Json record = own_record(folder);
  std::set<std::string> names = recorded_names(record, folder);
  for (const Page& page : pages) {
    const fs::path file = folder / page.name;
    std::error_code code;
    if (!fs::exists(fs::symlink_status(file, code))) continue;
    if (!names.contains(page.name)) throw_not_ours(file);
    if (existing != Existing::overwrite)
      throw Error(Fault::environment, "io", file.string() + ": exists", "--overwrite, or another --out");
  }
  for (const Page& page : pages) names.insert(page.name);
  if (record.is_null()) record = page_record(claim);
  record["outputs"] = names;
  write_atomically(folder / kRunFile, json_text(record));
  for (const Page& page : pages) write_atomically(folder / page.name, page.bytes);
}

void check_replaceable(const fs::path& folder, Existing existing, const std::vector<fs::path>& inputs) {
  std::error_code code;
  if (!fs::exists(fs::symlink_status(folder, code))) return;
  if (fs::is_directory(folder, code) && fs::is_empty(folder, code)) return;
  if (existing != Existing::overwrite)
    throw Error(Fault::environment, "io", folder.string() + ": is not empty", "--overwrite, or choose another --out");
  const Json record = fs::is_directory(folder, code) ? own_record(folder) : Json();
  if (record.is_null()) throw_not_ours(folder);
  const fs::path root = fs::canonical(folder);
  const std::string foreign = first_foreign(root, root, recorded_names(record, folder));
  if (!foreign.empty()) throw_not_ours(folder / foreign);
  for (const fs::path& input : inputs) {
    const fs::path real = fs::weakly_canonical(fs::absolute(input), code);
    const auto [end, unused] = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
    if (end == root.end())
      throw Error(Fault::environment, "io", input.string() + ": is an input of this run, and would be overwritten",
                  "choose another --out");
  }
}

}  // namespace rrpo::io
