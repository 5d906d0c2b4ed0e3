#include "release.h"

#include <algorithm>
#include <set>
#include <system_error>

#include "rrpo/io/sha256.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

namespace fs = std::filesystem;

/// How many folders before the name two paths have in common, from the end.
int64_t common_folders(const fs::path& a, const fs::path& b) {
  std::vector<std::string> left, right;
  for (const fs::path& part : a.parent_path()) left.push_back(part.string());
  for (const fs::path& part : b.parent_path()) right.push_back(part.string());
  int64_t same = 0;
  while (same < static_cast<int64_t>(std::min(left.size(), right.size())) &&
         left[left.size() - 1 - static_cast<size_t>(same)] == right[right.size() - 1 - static_cast<size_t>(same)])
    ++same;
  return same;
}

bool lies_in(const std::string& path, const std::string& folder) {
  return ("/" + path).find("/" + folder + "/") != std::string::npos;
}

/// The one of `found` that shares the most folders with `place`; nothing where several do.
std::optional<std::string> nearest_place(const std::string& place, const std::vector<std::string>& found) {
  int64_t most = -1;
  std::optional<std::string> best;
  for (const std::string& one : found) {
    const int64_t same = common_folders(place, one);
    if (same == most) best.reset();
    if (same <= most) continue;
    most = same;
    best = one;
  }
  return best;
}

bool is_there(const fs::path& path, bool folder) {
  std::error_code fault;
  return folder ? fs::is_directory(path, fault) : fs::is_regular_file(path, fault);
}

[[noreturn]] void refuse_absent(const fs::path& root, const std::vector<std::string>& places) {
  throw Error(Fault::input, "data", root.string() + ": holds no " + places.front(),
              "rrpo-eval benchmarks says what to download and how it is laid out");
}

/// The rows of a JSON array, of an object of columns' rows (`{"data": […]}`), or of JSON lines.
std::vector<Json> rows_of(const fs::path& file) {
  std::vector<Json> out;
  if (file.extension() == ".jsonl") {
    each_json_line(file, "data", [&](const Json& row, int64_t) { out.push_back(row); });
    return out;
  }
  const Json json = read_json(file, "data");
  if (!json.is_array())
    throw Error(Fault::input, "data", file.string() + ": is no list of rows", "give the file as it was published");
  for (const Json& row : json) out.push_back(row);
  return out;
}

}  // namespace

Release::Release(fs::path root) : root_(std::move(root)) {
  if (!is_there(root_, true))
    throw Error(Fault::usage, "config", root_.string() + ": is no readable folder",
                "name the folder with the benchmark's published files");
}

const Release::Names& Release::names(bool folders) const {
  std::optional<Names>& names = folders ? folder_names_ : file_names_;
  if (names) return *names;
  names.emplace();
  const auto how = fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
  std::error_code fault;
  for (fs::recursive_directory_iterator at(root_, how, fault), end; !fault && at != end; at.increment(fault)) {
    if (at.depth() > 16) at.disable_recursion_pending();
    if (!is_there(at->path(), folders)) continue;
    (*names)[at->path().filename().string()].push_back(at->path().lexically_relative(root_).generic_string());
  }
  return *names;
}

bool Release::is_apart(const std::string& found, const std::string& place) const {
  return std::any_of(apart_.begin(), apart_.end(),
                     [&](const std::string& folder) { return lies_in(found, folder) && !lies_in(place, folder); });
}

std::optional<std::string> Release::locate(const std::vector<std::string>& places, bool folder) const {
  for (const std::string& place : places) {
    if (is_there(root_ / place, folder)) return place;
  }
  for (const std::string& place : places) {
    const auto found = names(folder).find(fs::path(place).filename().string());
    if (found == names(folder).end()) continue;
    std::vector<std::string> near;
    for (const std::string& one : found->second) {
      if (!is_apart(one, place)) near.push_back(one);
    }
    if (auto best = nearest_place(place, near)) return best;
  }
  return std::nullopt;
}

std::optional<Json> Release::json(const std::vector<std::string>& places) {
  const auto place = locate(places, false);
  if (!place) return std::nullopt;
  files_[*place] = io::file_sha256(root_ / *place);
  return read_json(root_ / *place, "data");
}

std::optional<std::vector<Json>> Release::rows(const std::vector<std::string>& places) {
  const auto place = locate(places, false);
  if (!place) return std::nullopt;
  files_[*place] = io::file_sha256(root_ / *place);
  return rows_of(root_ / *place);
}

std::optional<std::string> Release::text(const std::vector<std::string>& places) const {
  const auto place = locate(places, false);
  if (!place) return std::nullopt;
  return read_file(root_ / *place, "data");
}

Json Release::need_json(const std::vector<std::string>& places) {
  if (auto found = json(places)) return *std::move(found);
  refuse_absent(root_, places);
}

std::vector<Json> Release::need_rows(const std::vector<std::string>& places) {
  if (auto found = rows(places)) return *std::move(found);
  refuse_absent(root_, places);
}

std::string Release::placed(const std::vector<std::string>& places, bool folder) {
  const auto known = placed_.find(places.front());
  if (known != placed_.end()) return known->second;
  const auto place = locate(places, folder);
  if (!place) missing_media_.push_back(places.front());
  return placed_[places.front()] = place.value_or(places.front());
}

std::string Release::media(const std::vector<std::string>& places) { return placed(places, false); }
std::string Release::picture_folder(const std::vector<std::string>& places) { return placed(places, true); }
std::optional<std::string> Release::find(const std::vector<std::string>& places) const { return locate(places, false); }

std::optional<std::string> Release::find_folder(const std::vector<std::string>& places) const {
  return locate(places, true);
}

void bad_release_row(std::string_view file, int64_t index, const std::string& problem) {
  throw Error(Fault::input, "data", std::string(file) + "[" + std::to_string(index) + "]: " + problem,
              "give the file as it was published");
}

}  // namespace rrpo::eval
