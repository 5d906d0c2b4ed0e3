// The pictures of a row: ours (`video`, `frames`, `clip`, `frame_indices`) and those of canonical benchmark rows (`media`).
#include <algorithm>
#include <cstdio>

#include "rrpo/rows/row_reader.h"

namespace rrpo::rows {
namespace {

std::string number(double value) {
  char out[32];
  std::snprintf(out, sizeof out, "%.17g", value);
  return out;
}

std::string seconds(const std::optional<double>& value) { return value ? number(*value) : ""; }

void check_bounds(const RowReader& row, const Media& media, const char* start, const char* end) {
  if (media.start_s.value_or(0) < 0) row.fail(start, "is negative", "give seconds from the beginning of the video");
  if (media.end_s && *media.end_s <= media.start_s.value_or(0))
    row.fail(end, std::string("is not after ") + start, "give a part of the video");
}

void read_clip(RowReader& row, Media& media) {
  const Json* json = row.find("clip");
  if (json == nullptr) return;
  if (media.video.empty()) row.fail("clip", "does not go with frames", "remove one of them");
  RowReader clip(*json, row.place(), row.path("clip"));
  media.start_s = clip.number("start_s");
  media.end_s = clip.number("end_s");
  if (!clip.rest().empty()) clip.fail(clip.rest().begin().key(), "is not known", "clip has start_s and end_s");
  check_bounds(clip, media, "start_s", "end_s");
}

void read_indices(RowReader& row, Media& media) {
  const Json* list = row.find("frame_indices");
  if (list == nullptr) return;
  if (!media.frames.empty()) row.fail("frame_indices", "does not go with frames", "remove one of them");
  if (media.start_s || media.end_s)
    row.fail("frame_indices", "does not go with clip", "give numbers of frames of the whole video, or a clip");
  if (!list->is_array() || list->empty()) row.fail("frame_indices", "is no list of numbers", "write [0, 12, 24]");
  for (const Json& index : *list) {
    if (!index.is_number_integer() || index < 0)
      row.fail("frame_indices", "holds something that is no frame number", "count frames from 0");
    media.frame_indices.push_back(index.get<int64_t>());
  }
}

/// One `%d`, or `%05d`, and nothing else that a format would read.
bool is_pattern(const std::string& pattern) {
  const size_t at = pattern.find('%');
  if (at == std::string::npos || pattern.find('/') != std::string::npos) return false;
  const size_t d = pattern.find_first_not_of("0123456789", at + 1);
  return d != std::string::npos && d <= at + 3 && pattern[d] == 'd' && pattern.find('%', d) == std::string::npos;
}

PictureFolder read_folder(RowReader& media) {
  PictureFolder folder;
  folder.path = media.text("path");
  folder.pattern = media.text_or("pattern", folder.pattern);
  if (!is_pattern(folder.pattern)) media.fail("pattern", "is no pattern of numbered names", "write %05d.jpg");
  folder.fps = media.number("fps").value_or(folder.fps);
  if (folder.fps <= 0) media.fail("fps", "is not positive", "give pictures per second");
  const double first = media.number("first_index").value_or(static_cast<double>(folder.first));
  folder.first = static_cast<int64_t>(first);
  if (first < 0 || static_cast<double>(folder.first) != first)
    media.fail("first_index", "is no number of a picture", "give that of the first one");
  return folder;
}

/// `media` of a canonical row.
Media read_object(const Json& json, const RowReader& parent) {
  RowReader row(json, parent.place(), parent.path("media"));
  Media media;
  const std::string kind = row.text("kind");
  if (kind == "frames") {
    media.folder = read_folder(row);
  } else if (kind == "video" || kind == "gif") {
    media.video = row.text("path");
    for (const char* unused : {"fps", "pattern", "first_index"}) row.find(unused);
  } else {
    row.fail("kind", "is '" + kind + "'", "use video, frames or gif");
  }
  media.start_s = row.number("start");
  media.end_s = row.number("end");
  check_bounds(row, media, "start", "end");
  if (!row.rest().empty()) row.fail(row.rest().begin().key(), "is not known", "see docs/data.md for the keys of media");
  return media;
}

Media read_own(RowReader& row) {
  Media media;
  if (row.has("video")) {
    media.video = row.text("video");
  } else {
    media.frames = row.texts("frames");
    if (media.frames.empty()) row.fail("frames", "is empty", "list at least one picture");
    for (const std::string& frame : media.frames) {
      if (frame.empty()) row.fail("frames", "holds an empty path", "list paths of pictures");
    }
  }
  read_clip(row, media);
  return media;
}

}  // namespace

std::string Media::key() const {
  std::string key;
  if (!frames.empty()) {
    key = "frames";
    for (const std::string& frame : frames) key += "\n" + frame;
    return key;
  }
  key = folder ? folder->path + "\n" + folder->pattern + "\n" + std::to_string(folder->first) + "\n" + number(folder->fps)
               : video;
  if (start_s || end_s) key += "\n" + seconds(start_s) + "\n" + seconds(end_s);
  for (const int64_t index : frame_indices) key += "\n#" + std::to_string(index);
  return key;
}

Media read_media(RowReader& row) {
  const Json* object = row.peek("media");
  const bool canonical = object != nullptr && object->is_object();
  if (canonical) row.find("media");
  const int own = (row.has("video") ? 1 : 0) + (row.has("frames") ? 1 : 0);
  if (own + (canonical ? 1 : 0) == 0 || own == 2)
    bad_row(row.place(), "give either " + row.path("video") + " or frames", "write \"video\": \"path\"");
  Media media = own == 1 ? read_own(row) : read_object(*object, row);
  if (own == 1 && canonical && read_object(*object, row).key() != media.key())
    row.fail("media", "names other pictures than video or frames", "keep one of them");
  read_indices(row, media);
  return media;
}

void write_media(const Media& media, Json& row) {
  if (media.folder) {
    row["media"] = {{"kind", "frames"},
                    {"path", media.folder->path},
                    {"start", media.start_s ? Json(*media.start_s) : Json()},
                    {"end", media.end_s ? Json(*media.end_s) : Json()},
                    {"fps", media.folder->fps},
                    {"pattern", media.folder->pattern},
                    {"first_index", media.folder->first}};
  } else if (media.frames.empty()) {
    row["video"] = media.video;
  } else {
    row["frames"] = media.frames;
  }
  if (!media.folder && media.start_s) row["clip"]["start_s"] = *media.start_s;
  if (!media.folder && media.end_s) row["clip"]["end_s"] = *media.end_s;
  if (!media.frame_indices.empty()) row["frame_indices"] = media.frame_indices;
}

}  // namespace rrpo::rows
