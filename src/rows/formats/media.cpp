// The pictures of foreign rows: under which keys and in which shapes files and parts of videos are named.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>

#include "parts.h"
#include "rrpo/rows/unused_keys.h"
#include "rrpo/util/descriptor.h"

namespace rrpo::rows {
namespace {

template <size_t count>
bool ends_in(const std::string& path, const std::array<const char*, count>& endings) {
  std::string ending = std::filesystem::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

/// Of a kind that the picture reader takes.
bool is_picture(const std::string& path) { return ends_in(path, std::array{".jpg", ".jpeg", ".png", ".bmp", ".webp"}); }

std::string path_from(const Json& value, const RowReader& row, const std::string& key) {
  if (!value.is_string() || value.get<std::string>().empty()) row.fail(key, "names no file", "give the path of a file");
  auto out = value.get<std::string>();
  constexpr std::string_view kFile = "file://";
  if (out.starts_with(kFile)) out.erase(0, kFile.size());
  if (out.starts_with("data:") || out.find("://") != std::string::npos)
    row.fail(key, "is no path of a file", "store the file and give its path");
  if (ends_in(out, std::array{".tif", ".tiff"})) row.fail(key, "is a TIFF picture, which is not read", "store it as PNG");
  return out;
}

/// What stands beside the files of an object in a list: a part of the video, keys that are not used.
void take_beside(ForeignMedia& into, ForeignMedia from) {
  if (from.start_s) into.start_s = from.start_s;
  if (from.end_s) into.end_s = from.end_s;
  into.unused.merge(from.unused);
  into.notes.merge(from.notes);
}

/// The files of a list of paths, and of objects that name some.
std::vector<std::string> paths_from(const Json& list, bool video, const RowReader& row, const std::string& key,
                                    ForeignMedia& beside) {
  std::vector<std::string> out;
  for (const Json& item : list) {
    if (!item.is_object()) {
      out.push_back(path_from(item, row, key));
      continue;
    }
    const ForeignMedia named = media_from(item, video, row, key);
    for (const auto* files : {&named.videos, &named.frames}) out.insert(out.end(), files->begin(), files->end());
    take_beside(beside, named);
  }
  return out;
}

void merge_paths(std::vector<std::string>& into, const std::vector<std::string>& from, const RowReader& row,
                 const std::string& key) {
  if (from.empty()) return;
  if (!into.empty() && into != from) row.fail(key, "differs from the other media of the row", "keep one of them");
  into = from;
}

/// `a2` before `a10`: runs of digits compare as numbers.
bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    while (i + 1 < a.size() && a[i] == '0' && digit(a[i + 1])) ++i;
    while (j + 1 < b.size() && b[j] == '0' && digit(b[j + 1])) ++j;
    size_t m = i, n = j;
    while (m < a.size() && digit(a[m])) ++m;
    while (n < b.size() && digit(b[n])) ++n;
    const std::string x = a.substr(i, m - i), y = b.substr(j, n - j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
    i = m, j = n;
  }
  return a.size() - i != b.size() - j ? a.size() - i < b.size() - j : a < b;
}

bool is_seconds(const Json& value) { return value.is_number() && std::isfinite(value.get<double>()); }

}  // namespace

ForeignMedia object_media(const Json& object, bool video, const RowReader& row, const std::string& key) {
  RowReader reader(object, row.place(), row.path(key));
  reader.find("type");
  ForeignMedia out;
  for (const char* name : {"video", "video_url", "image", "image_url", "path", "url"}) {
    const Json* value = reader.find(name);
    if (value == nullptr || *value == "") continue;
    merge_media(out, media_from(*value, video, row, key), row, key);
  }
  if (video) take_clip(reader, out);
  for (const std::string& unused : unused_keys(reader.rest())) out.unused.insert(unused);
  return out;
}

ForeignMedia media_from(const Json& value, bool video, const RowReader& row, const std::string& key) {
  ForeignMedia out;
  if (value.is_object()) {
    out = object_media(value, video, row, key);
    if (out.videos.empty() && out.frames.empty()) row.fail(key, "names no file", "give the path of a file");
    return out;
  }
  if (!value.is_array()) {
    (video ? out.videos : out.frames).push_back(path_from(value, row, key));
    return out;
  }
  const bool nested = !value.empty() && std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_array(); });
  if (nested && value.size() > 1)
    row.fail(key, "names " + std::to_string(value.size()) + " videos, each as pictures", "a row has one");
  std::vector<std::string> paths = paths_from(nested ? value.front() : value, video, row, key, out);
  if (paths.empty()) row.fail(key, "names no file", "give the path of a file");
  // A video may be named as its pictures: in a list of its own, or as pictures where videos are listed.
  const bool pictures = nested || (paths.size() > 1 && std::all_of(paths.begin(), paths.end(), is_picture));
  if (video && pictures) out.notes.insert("rows whose video is a list of pictures, used all as frames");
  (video && !pictures ? out.videos : out.frames) = std::move(paths);
  return out;
}

void take_clip(RowReader& object, ForeignMedia& media) {
  struct Names {
    const char *begin, *end;
  };
  constexpr std::array<Names, 6> kNames = {{{"start", "end"},
                                            {"start_s", "end_s"},
                                            {"start_time", "end_time"},
                                            {"start_sec", "end_sec"},
                                            {"start_seconds", "end_seconds"},
                                            {"video_start", "video_end"}}};
  for (const auto& [begin, end] : kNames) {
    const Json *from = object.peek(begin), *to = object.peek(end);
    if ((from == nullptr && to == nullptr) || media.start_s || media.end_s) continue;
    const bool plain = std::string_view(begin) == "start";  // known names: anything but seconds is a fault
    if (!plain && ((from != nullptr && !is_seconds(*from)) || (to != nullptr && !is_seconds(*to)))) continue;
    media.start_s = object.number(begin);
    media.end_s = object.number(end);
    if (!plain) media.notes.insert("rows whose " + std::string(begin) + " and " + end + ", in seconds, became clip");
  }
}

void list_folder(Media& media, const std::filesystem::path& root, const RowReader& row, std::set<std::string>& notes) {
  namespace fs = std::filesystem;
  std::error_code code;
  const fs::path folder = fs::path(media.video).is_absolute() || root.empty() ? fs::path(media.video) : root / media.video;
  if (!fs::is_directory(folder, code)) {
    if (!fs::path(media.video).has_extension())
      notes.insert("rows whose video has no ending of a file and is no folder below video_root, where its pictures may lie");
    return;
  }
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    if (is_picture(entry->path().string()) && entry->is_regular_file(code))
      names.push_back(entry->path().filename().string());
  }
  if (code == std::errc::permission_denied)
    bad_row(row.place(), media.video + ": is a folder that cannot be read: " + code.message(), "check its permissions");
  if (code) {  // of the machine, not of the row
    errno = code.value();
    throw_errno(folder, "cannot list");
  }
  if (names.empty()) bad_row(row.place(), media.video + ": is a folder without pictures", "name the video file");
  if (media.start_s || media.end_s)
    bad_row(row.place(), media.video + ": is a folder, of which no part in seconds can be taken", "list the pictures");
  std::sort(names.begin(), names.end(), natural_less);
  for (const std::string& name : names) media.frames.push_back((fs::path(media.video) / name).string());
  media.video.clear();
  notes.insert("rows whose video is a folder: its pictures became frames, used all, in natural order");
}

void merge_media(ForeignMedia& into, const ForeignMedia& from, const RowReader& row, const std::string& key) {
  merge_paths(into.videos, from.videos, row, key);
  merge_paths(into.frames, from.frames, row, key);
  if ((from.start_s && into.start_s && from.start_s != into.start_s) ||
      (from.end_s && into.end_s && from.end_s != into.end_s))
    row.fail(key, "names another part of the video than the row", "keep one of them");
  if (from.start_s) into.start_s = from.start_s;
  if (from.end_s) into.end_s = from.end_s;
  into.unused.insert(from.unused.begin(), from.unused.end());
  into.notes.insert(from.notes.begin(), from.notes.end());
}

}  // namespace rrpo::rows
