#include "clean.h"
#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

/// Four texts together: no other preference format has a reference answer beside the two.
std::string why(const Json& row) {
  for (const char* key : {"prompt", "answer", "chosen", "rejected"}) {
    if (!is_text(row, key)) return "";
  }
  return "prompt, answer, chosen and rejected";
}

/// What the row says of its answers and no objective reads, counted.
void note_unread(const RowReader& row, std::set<std::string>& notes) {
  const Json *answer = row.peek("answer"), *good = row.peek("chosen_score"), *bad = row.peek("rejected_score");
  if (answer != nullptr && *answer != "") notes.insert("rows with a reference answer, kept as made.row.answer and not used");
  const bool scored = good != nullptr && bad != nullptr && good->is_number() && bad->is_number();
  if (scored && good->get<double>() <= bad->get<double>())
    notes.insert("rows whose chosen_score is not above their rejected_score");
}

/// The loaders that read these rows (LLaVA-Hound, LLaVA-NeXT, TPO) put the place of the video first, wherever it stood.
ForeignRow read(RowReader& row) {
  ForeignRow out = begin_row(row);
  note_unread(row, out.media.notes);
  const std::string question = place_first(row.text("prompt"), out.media.notes);
  const std::string chosen = read_answer(row, "chosen");
  add_pairs(out, question, chosen, read_answers(row, "rejected"));
  return out;
}

}  // namespace

ForeignFormat llava_hound_format() {
  return {
      "llava_hound", "LLaVA-Hound DPO 17k and rows like it: prompt, answer, chosen, rejected, video (a folder of frames)",
      true,          why,
      read,          /*set=*/true};
}

}  // namespace rrpo::rows
