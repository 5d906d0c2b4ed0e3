#include "ownership.h"

#include <algorithm>

#include "rrpo/io/output_folder.h"
#include "rrpo/util/atomic_file.h"
#include "rrpo/util/error.h"
#include "rrpo/util/folder.h"

namespace rrpo::io {

namespace fs = std::filesystem;

namespace {

/// The folders that this process has open. A lock is the process's own too.
std::mutex g_mutex;
std::vector<std::shared_ptr<Ownership>> g_open;

bool is_there(const fs::path& file) {
  std::error_code code;
  return fs::exists(fs::symlink_status(file, code));
}

bool is_plain(const fs::path& name) {
  return !name.empty() && name.is_relative() && name.has_filename() &&
         std::none_of(name.begin(), name.end(), [](const fs::path& part) { return part == ".." || part == "."; });
}

/// Without links but for the last component: a link is a name of its own.
fs::path resolved(const fs::path& file) {
  const fs::path whole = fs::absolute(file).lexically_normal();
  std::error_code code;
  return fs::weakly_canonical(whole.parent_path(), code) / whole.filename();
}

/// Where `file` lies below `root`; empty where it does not.
std::string name_below(const fs::path& root, const fs::path& file) {
  const fs::path name = file.lexically_relative(root);
  return is_plain(name) ? name.generic_string() : "";
}

bool has_temporary_part(const fs::path& name) { return std::any_of(name.begin(), name.end(), is_temporary); }

/// The open folder that `file` lies in, the innermost, and its name there.
std::pair<std::shared_ptr<Ownership>, std::string> owner_of(const fs::path& file) {
  const std::lock_guard lock(g_mutex);
  std::pair<std::shared_ptr<Ownership>, std::string> best;
  for (const auto& own : g_open) {
    const std::string name = name_below(own->root, file);
    if (!name.empty() && (!best.first || name.size() < best.second.size())) best = {own, name};
  }
  return best;
}

bool is_housekeeping(const fs::path& name) {
  return name == kRunFile || name.filename() == kLockFile || has_temporary_part(name);
}

/// Throws where removing `file` would take an input away.
void check_no_input(const fs::path& file, const std::vector<fs::path>& inputs) {
  std::error_code code;
  const fs::path target = fs::weakly_canonical(file, code);
  for (const fs::path& input : inputs) {
    const bool inside = target == input || !name_below(input, target).empty();
    if (inside)
      throw Error(Fault::environment, "io", file.string() + ": is an input of this run, and would be overwritten",
                  "choose another --out");
  }
}

}  // namespace

void open_ownership(const std::shared_ptr<Ownership>& own) {
  const std::lock_guard lock(g_mutex);
  g_open.push_back(own);
}

void close_ownership(const std::shared_ptr<Ownership>& own) {
  const std::lock_guard lock(g_mutex);
  std::erase(g_open, own);
}

std::shared_ptr<Ownership> ownership_of(const fs::path& folder) {
  std::error_code code;
  const fs::path root = fs::weakly_canonical(fs::absolute(folder), code);
  const std::lock_guard lock(g_mutex);
  const auto found = std::find_if(g_open.begin(), g_open.end(), [&](const auto& own) { return own->root == root; });
  return found == g_open.end() ? nullptr : *found;
}

void throw_not_ours(const fs::path& file) {
  throw Error(Fault::environment, "io", file.string() + ": is not ours: no run here has recorded it",
              "choose another --out, or move it away");
}

Json own_record(const fs::path& folder) {
  const fs::path file = folder / kRunFile;
  if (!is_there(file)) return nullptr;
  Json run;
  try {
    run = read_json(file, "run");
  } catch (const Error&) {
    throw_not_ours(file);
  }
  const auto text = [&](const char* key) {
    return run.is_object() && run.contains(key) && run[key].is_string() ? run[key].get<std::string>() : "";
  };
  if (!text("program").starts_with("rrpo-") || text("version").empty() || !run.contains("exit")) throw_not_ours(file);
  return run;
}

std::set<std::string> recorded_names(const Json& record, const fs::path& folder) {
  std::set<std::string> names;
  if (!record.is_object() || !record.contains("outputs")) return names;
  for (const Json& name : record.at("outputs")) {
    if (!name.is_string() || !is_plain(name.get<std::string>())) throw_not_ours(folder / kRunFile);
    names.insert(name.get<std::string>());
  }
  return names;
}

std::string first_foreign(const fs::path& root, const fs::path& place, const std::set<std::string>& names) {
  std::error_code code;
  const auto foreign = [&](const fs::path& file) {
    const std::string name = file.lexically_relative(root).generic_string();
    return names.contains(name) || is_housekeeping(name) ? "" : name;
  };
  const fs::file_status status = fs::symlink_status(place, code);
  if (!fs::exists(status)) return "";
  if (!fs::is_directory(status)) return foreign(place);
  for (const fs::path& path : paths_below(place)) {
    if (fs::is_directory(fs::symlink_status(path, code))) continue;
    if (std::string name = foreign(path); !name.empty()) return name;
  }
  return "";
}

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (const fs::path& path : paths_below(folder)) {
    const fs::path name = path.lexically_relative(folder);
    if (!fs::is_directory(path, code) && !is_housekeeping(name)) names.push_back(name.generic_string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void check_stale(const Ownership& own, const std::vector<fs::path>& inputs) {
  std::error_code code;
  std::vector<fs::path> real;
  for (const fs::path& input : inputs) real.push_back(fs::weakly_canonical(fs::absolute(input), code));
  for (const std::string& name : own.stale) {
    if (fs::is_directory(fs::symlink_status(own.root / name, code))) throw_not_ours(own.root / name);
    if (is_there(own.root / name)) check_no_input(own.root / name, real);
  }
}

void remove_stale(Ownership& own) {
  std::error_code code;
  for (const std::string& name : own.stale) {
    const fs::path file = own.root / name;
    if (!fs::remove(file, code) && code)
      throw Error(Fault::environment, "io", file.string() + ": cannot remove: " + code.message(), "choose another --out");
    // A folder that still holds something is the user's to empty.
    for (fs::path above = file.parent_path(); above != own.root; above = above.parent_path()) {
      if (!fs::remove(above, code)) break;
    }
  }
  own.stale.clear();
}

void claim_folder(const fs::path& folder, const std::vector<std::string>& names) {
  if (const auto [own, name] = owner_of(resolved(folder)); own) {
    const std::lock_guard lock(own->mutex);
    const std::string foreign = first_foreign(own->root, own->root / name, own->names);
    if (!foreign.empty()) throw_not_ours(own->root / foreign);
  }
  std::vector<fs::path> files;
  for (const std::string& name : names) files.push_back(folder / name);
  claim_outputs(files);
}

void note_growing(const fs::path& file) {
  const fs::path whole = resolved(file);
  const auto own = owner_of(whole).first;
  if (!own) return;
  const std::lock_guard lock(own->mutex);
  own->growing.insert(whole);
}

std::string json_text(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

void claim_outputs(const std::vector<fs::path>& files) {
  std::set<std::shared_ptr<Ownership>> grown;
  for (const fs::path& file : files) {
    const fs::path whole = resolved(file);
    const auto [own, name] = owner_of(whole);
    if (!own || is_housekeeping(name)) continue;
    const std::lock_guard lock(own->mutex);
    if (own->names.contains(name)) continue;
    if (is_there(whole)) throw_not_ours(file);
    own->names.insert(name);
    grown.insert(own);
  }
  for (const auto& own : grown) {
    std::function<void()> record;
    {
      const std::lock_guard lock(own->mutex);
      record = own->record;
    }
    if (record) record();
  }
}

}  // namespace rrpo::io
