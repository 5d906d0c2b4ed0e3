#include "rrpo/io/output_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "now.h"
#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "temporary.h"

namespace rrpo::io {

namespace {

/// What our programs leave in an output folder. Nothing else is ever looked at or removed: the folder may be the user's.
constexpr std::array kResults = {"run.json",        "metrics.jsonl",     "ledger.jsonl", "pairs.jsonl", "responses.jsonl",
                                 "questions.jsonl", "predictions.jsonl", "scores.jsonl", "scores.json", "report.html",
                                 "report.md",       "checkpoints",       "adapter",      "model",       "clips",
                                 "diagnostics",     "judgements.jsonl"};

std::string first_result(const std::filesystem::path& folder) {
  std::error_code code;
  for (const char* name : kResults) {
    if (std::filesystem::exists(std::filesystem::symlink_status(folder / name, code))) return name;
  }
  return "";
}

[[noreturn]] void throw_locked(const Descriptor& lock, const std::filesystem::path& folder) {
  std::array<char, 160> text{};
  const int64_t got = read_at(lock, folder, text.data(), static_cast<int64_t>(text.size()), 0);
  const std::string holder(text.data(), static_cast<size_t>(got));
  throw Error(Fault::environment, "lock", folder.string() + ": is used by " + (holder.empty() ? "another process" : holder),
              "wait for it to end or choose another --out");
}

/// The lock dies with the process, however it ends. The text inside only says who holds it.
int take_lock(const std::filesystem::path& folder) {
  const auto file = folder / ".lock";
  Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (lock.get() < 0) throw_errno(file, "cannot create");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) throw_locked(lock, folder);
    throw_errno(file, "cannot lock");
  }
  return lock.release();
}

void name_holder(int lock, const std::filesystem::path& folder) {
  std::array<char, 65> host{};
  ::gethostname(host.data(), host.size() - 1);
  if (::ftruncate(lock, 0) != 0) throw_errno(folder / ".lock", "cannot write");
  write_all(lock, folder / ".lock", "pid " + std::to_string(::getpid()) + " on " + host.data() + " since " + now_utc());
}

void remove_results(const std::filesystem::path& folder) {
  for (const char* name : kResults) {
    std::error_code code;
    std::filesystem::remove_all(folder / name, code);
    if (code)
      throw Error(Fault::environment, "io", (folder / name).string() + ": cannot remove: " + code.message(),
                  "choose another --out");
  }
}

}  // namespace

OutputFolder::OutputFolder(const std::filesystem::path& folder, Existing existing) : path_(folder) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  std::error_code unused;
  if (!std::filesystem::is_directory(folder, unused)) {
    throw Error(Fault::environment, "io",
                folder.string() + ": cannot create the folder: " + (code ? code.message() : "a file is there"),
                "choose another --out");
  }
  Descriptor lock(take_lock(folder));
  const std::string result = first_result(folder);
  if (!result.empty() && existing == Existing::refuse) {
    throw Error(Fault::environment, "io", folder.string() + ": holds " + result + " of an earlier run",
                "--resume to go on, --overwrite to start anew, or another --out");
  }
  if (existing == Existing::overwrite) remove_results(folder);
  remove_temporaries(folder);
  name_holder(lock.get(), folder);
  resumed_ = existing == Existing::resume && !result.empty();
  lock_ = lock.release();
}

OutputFolder::~OutputFolder() {
  if (lock_ < 0) return;
  // The file stays: removing it would let two processes lock two files of one name. It keeps no name of a person or machine.
  if (::ftruncate(lock_, 0) != 0) errno = 0;
  ::close(lock_);
}

}  // namespace rrpo::io
