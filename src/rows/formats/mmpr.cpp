#include <algorithm>
#include <array>

#include "clean.h"
#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

constexpr std::array<std::string_view, 7> kKeys = {"image",     "question",    "chosen",       "rejected",
                                                   "answer_gt", "chosen_meta", "rejected_meta"};

bool is_known(const std::string& key) { return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end(); }

/// The key names are everybody's: a row with any other key is somebody else's.
std::string why(const Json& row) {
  for (const auto& [key, value] : row.items()) {
    if (!is_known(key)) return "";
  }
  const bool pictured = is_there(row, "image") && (row.at("image").is_string() || row.at("image").is_array());
  const bool fits = pictured && is_text(row, "question") && is_text(row, "chosen") && is_text(row, "rejected");
  return fits ? "image, question, chosen and rejected, and no key but MMPR's" : "";
}

/// InternVL names several pictures by `Image-1: <image>`, one line each, before the text: the places without these names.
std::string without_labels(const std::string& question, std::set<std::string>& notes) {
  const std::string place = "<image>\n";
  size_t at = 0, count = 0;
  while (true) {
    const std::string line = "Image-" + std::to_string(count + 1) + ": " + place;
    if (question.compare(at, line.size(), line) != 0) break;
    at += line.size();
    ++count;
  }
  if (count == 0) return question;
  notes.insert("rows whose names of pictures (Image-1: …) were taken off: the frames stand in that order");
  std::string out;
  for (size_t i = 0; i < count; ++i) out += place;
  return out + question.substr(at);
}

ForeignRow read(RowReader& row) {
  ForeignRow out = begin_row(row);
  std::set<std::string>& notes = out.media.notes;
  if (out.media.frames.size() > 1) notes.insert("rows with several pictures: frames of one clip, which must have one size");
  const std::string labelled = without_labels(row.text("question"), notes);
  const std::string question = out.media.frames.size() > 1 ? labelled : place_first(labelled, notes);
  const std::string chosen = read_answer(row, "chosen");
  add_pairs(out, question, chosen, read_answers(row, "rejected"));
  return out;
}

}  // namespace

ForeignFormat mmpr_format() {
  return {"mmpr",      "MMPR (stills): image, question, chosen, rejected; a picture is a clip of one frame", true, why, read,
          /*set=*/true};
}

}  // namespace rrpo::rows
