#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

std::string why(const Json& row) {
  return is_text(row, "question") && is_text(row, "answer") && is_text(row, "pred") ? "question, answer and pred" : "";
}

ForeignAnswer answer(RowReader& row, const std::string& key) {
  const std::string plain = row.text(key), masked = row.text_or(key + "_masked", "");
  if (masked.empty()) return {plain, {}};
  return {masked, plain};
}

ForeignRow read(RowReader& row) {
  ForeignRow out{read_id(row), read_foreign_media(row), read_source(row), {}, {}};
  const std::string question = without_places(row.text("question"), out.media, row);
  out.items.push_back({question, answer(row, "answer"), answer(row, "pred")});
  return out;
}

}  // namespace

ForeignFormat authors_format() {
  return {"authors", "RRPO's own JSON: question, answer, pred, answer_masked, pred_masked", true, why, read};
}

}  // namespace rrpo::rows
