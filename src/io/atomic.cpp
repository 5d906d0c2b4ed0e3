#include "rrpo/io/atomic.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "ownership.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/util/atomic_file.h"
#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"

namespace rrpo::io {

void write_file(const std::filesystem::path& file, std::string_view bytes) {
  claim_outputs({file});
  write_atomically(file, bytes);
}

void write_json(const std::filesystem::path& file, const Json& json) { write_file(file, json_text(json)); }

namespace {

/// Syncs every file and folder below `folder`, and itself.
void sync_tree(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_symlink()) continue;
    if (entry.is_directory()) {
      sync_folder(entry.path());
    } else if (entry.is_regular_file()) {
      const Descriptor file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
      if (file.get() < 0) throw_errno(entry.path(), "cannot open");
      sync_file(file.get(), entry.path());
    }
  }
  sync_folder(folder);
}

/// Puts `fresh` in the place of `folder`, in one step where the file system can exchange two names. The old one, if any,
/// ends under a temporary name and is removed.
void put_in_place(const std::filesystem::path& fresh, const std::filesystem::path& folder) {
  if (std::rename(fresh.c_str(), folder.c_str()) == 0) return;
  if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) throw_errno(folder, "cannot create");
  auto old = fresh;
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) != 0) {
    old = temporary_beside(folder);
    if (std::rename(folder.c_str(), old.c_str()) != 0) throw_errno(folder, "cannot replace");
    if (std::rename(fresh.c_str(), folder.c_str()) != 0) throw_errno(folder, "cannot create");
  }
  sync_folder(folder.parent_path());
  std::filesystem::remove_all(old);
}

}  // namespace

void write_folder(const std::filesystem::path& folder, const std::function<void(const std::filesystem::path&)>& fill) {
  // `a/b/` names the folder b as well, but has an empty file name.
  const auto target = folder.has_filename() ? folder : folder.parent_path();
  const auto temporary = temporary_beside(target);
  if (::mkdir(temporary.c_str(), 0777) != 0) throw_errno(target, "cannot create");
  try {
    fill(temporary);
    sync_tree(temporary);
    claim_folder(target, files_below(temporary));
    put_in_place(temporary, target);
  } catch (const std::filesystem::filesystem_error& error) {
    std::error_code ignored;
    std::filesystem::remove_all(temporary, ignored);
    throw Error(Fault::environment, "io", target.string() + ": " + error.code().message(),
                "check the folder and its file system");
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(temporary, ignored);
    throw;
  }
  sync_folder(target.parent_path());
}

}  // namespace rrpo::io
