#include "clean.h"

#include <algorithm>
#include <array>

#include "rrpo/text/markup.h"

namespace rrpo::rows {
namespace {

/// How the place of a picture or video is written; longer ones first.
constexpr std::array<std::string_view, 6> kPlaces = {"<|vision_start|><|image_pad|><|vision_end|>",
                                                     "<|vision_start|><|video_pad|><|vision_end|>",
                                                     "<|image|>",
                                                     "<|video|>",
                                                     "<image>",
                                                     "<video>"};

bool take(std::string& text, bool front, std::string_view piece) {
  if (!(front ? text.starts_with(piece) : text.ends_with(piece))) return false;
  front ? text.erase(0, piece.size()) : text.erase(text.size() - piece.size());
  return true;
}

/// Takes places of pictures, and the white space between them, off one end of a text; returns how many.
size_t take_places(std::string& text, bool front) {
  size_t count = 0;
  std::string rest = text;
  for (bool found = true; found;) {
    while (take(rest, front, "\n") || take(rest, front, " ")) continue;
    found = false;
    for (const std::string_view place : kPlaces) found = found || take(rest, front, place);
    if (!found) break;
    ++count;
    text = rest;
  }
  if (count > 0) take(text, front, "\n") || take(text, front, " ");
  return count;
}

std::string without_places(std::string question, ForeignRow& row, const RowReader& reader) {
  const size_t count = take_places(question, true) + take_places(question, false);
  for (const std::string_view place : kPlaces) {
    if (question.find(place) != std::string::npos)
      bad_row(reader.place(), std::string(place) + " stands inside the question", "put it before the question");
  }
  if (count > 1 && count != row.media.frames.size()) {
    bad_row(reader.place(),
            "the question has " + std::to_string(count) + " places for " +
                std::to_string(row.media.frames.empty() ? 1 : row.media.frames.size()) + " pictures or videos",
            "give one for each, or one for all");
  }
  if (count > 0) row.media.notes.insert("rows whose places of pictures were taken off the question");
  if (question.empty()) bad_row(reader.place(), "the question is empty", "write it, or remove the row");
  return question;
}

std::string untemplated(const std::string& question, ForeignRow& row) {
  std::optional<text::Untemplated> inside = text::question_in_template(question);
  if (!inside) return question;
  row.media.notes.insert("rows whose chat template (" + inside->form + ") was taken off");
  if (row.system.empty()) row.system = inside->system;
  return std::move(inside->text);
}

void clean_answer(std::string& text, ForeignRow& row) {
  if (text::cut_answer_header(text)) row.media.notes.insert("rows whose answer had a template's header, taken off");
  if (text::cut_end_of_turn(text)) row.media.notes.insert("rows whose answer had an end of turn, cut off");
  if (text.find("</think>") != std::string::npos) row.media.notes.insert("rows whose answer thinks aloud (<think>), kept");
}

void clean_answer(ForeignAnswer& answer, ForeignRow& row, const RowReader& reader, const char* side) {
  clean_answer(answer.text, row);
  if (answer.plain) clean_answer(*answer.plain, row);
  if (answer.text.empty()) bad_row(reader.place(), std::string(side) + " is empty", "write what it should say");
}

}  // namespace

std::string place_first(const std::string& question, std::set<std::string>& notes) {
  std::string inside = question;
  if (take_places(inside, true) + take_places(inside, false) > 0) return question;
  for (const std::string_view place : kPlaces) {
    const size_t at = inside.find(place);
    if (at == std::string::npos) continue;
    inside.erase(at, place.size());
    if (at < inside.size() && (inside[at] == '\n' || inside[at] == ' ')) inside.erase(at, 1);
    if (std::any_of(kPlaces.begin(), kPlaces.end(), [&](auto other) { return inside.find(other) != std::string::npos; }))
      return question;
    notes.insert("rows whose place of a picture stood inside of the question, put before it as the set's own loader does");
    return std::string(place) + "\n" + inside;
  }
  return question;
}

void clean(ForeignItem& item, ForeignRow& row, const RowReader& reader) {
  item.question = without_places(untemplated(item.question, row), row, reader);
  clean_answer(item.chosen, row, reader, item.rejected ? "chosen" : "answer");
  if (item.rejected) clean_answer(*item.rejected, row, reader, "rejected");
}

}  // namespace rrpo::rows
