// A clip of a row beside its own: other pictures, or the row's own after perturbations.
#include "rrpo/rows/row_reader.h"

namespace rrpo::rows {

namespace {

uint64_t read_seed(RowReader& view) {
  const Json* seed = view.find("seed");
  if (seed == nullptr) return 0;
  const bool negative = seed->is_number_integer() && !seed->is_number_unsigned() && seed->get<int64_t>() < 0;
  if (!seed->is_number_integer() || negative)
    view.fail("seed", "is no whole number from 0", "give that of the perturbations");
  return seed->get<uint64_t>();
}

}  // namespace

std::string View::key() const {
  if (!perturbed()) return media.key();
  return media.key() + "\n~" + perturb.dump() + "\n" + std::to_string(seed);
}

std::optional<View> read_view(RowReader& row, const char* key, const Media& own) {
  const Json* json = row.find(key);
  if (json == nullptr) return std::nullopt;
  RowReader reader(*json, row.place(), key);
  View view;
  const bool has_pictures = reader.has("video") || reader.has("frames") || reader.has("media");
  for (const char* part : {"clip", "frame_indices"}) {
    if (!has_pictures && reader.has(part)) reader.fail(part, "is a part of no video", "name the video beside it");
  }
  view.media = has_pictures ? read_media(reader) : own;
  if (const Json* perturb = reader.find("perturb")) {
    if (!perturb->is_array() || perturb->empty()) reader.fail("perturb", "is no list of perturbations", "see docs/data.md");
    view.perturb = *perturb;
  }
  view.seed = read_seed(reader);
  if (!reader.rest().empty()) {
    reader.fail(reader.rest().begin().key(), "is not known",
                "it has the keys of a clip (video or frames, clip, frame_indices), perturb and seed");
  }
  if (!view.perturbed() && view.media.key() == own.key())
    row.fail(key, "shows the same pictures as the row itself", "name another clip, or give perturb");
  return view;
}

Json view_json(const View& view, const Media& own) {
  Json json = Json::object();
  if (view.media.key() != own.key()) write_media(view.media, json);
  if (view.perturbed()) json["perturb"] = view.perturb;
  if (view.seed != 0) json["seed"] = view.seed;
  return json;
}

}  // namespace rrpo::rows
