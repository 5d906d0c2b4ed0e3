#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

std::string why(const Json& row) {
  return is_text(row, "question") && is_text(row, "answer") && is_text(row, "pred") ? "question, answer and pred" : "";
}

ForeignAnswer answer(RowReader& row, const std::string& key) {
  ForeignAnswer out;
  out.text = row.text(key);
  const std::string masked = row.text_or(key + "_masked", "");
  if (masked.empty()) return out;
  out.plain = out.text;
  out.text = masked;
  return out;
}

ForeignRow read(RowReader& row) {
  ForeignRow out = begin_row(row);
  ForeignItem item;
  item.question = row.text("question");
  item.chosen = answer(row, "answer");
  item.rejected = answer(row, "pred");
  out.items.push_back(std::move(item));
  return out;
}

}  // namespace

ForeignFormat authors_format() {
  return {"authors", "RRPO's own JSON: question, answer, pred, answer_masked, pred_masked", true, why, read};
}

}  // namespace rrpo::rows
