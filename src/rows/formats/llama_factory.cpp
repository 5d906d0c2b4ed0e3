#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

/// The conversation is under `conversations`, or with OpenAI's tags under `messages`.
std::string why(const Json& row) {
  const char* key = turns_key(row);
  const bool fits = key != nullptr && row.contains("chosen") && row.contains("rejected");
  return fits ? std::string(key) + ", chosen and rejected" : "";
}

ForeignRow read(RowReader& row) {
  ForeignRow out = begin_row(row);
  const char* key = row.has("conversations") ? "conversations" : "messages";
  const std::vector<Message> messages = read_messages(row, key);
  take_media(out, messages, row, key);
  out.system = system_of(messages);
  const std::string question = only_question(messages, row, key), chosen = read_answer(row, "chosen");
  add_pairs(out, question, chosen, read_answers(row, "rejected"));
  return out;
}

std::string why_alpaca(const Json& row) {
  const bool fits = is_text(row, "instruction") && row.contains("chosen") && row.contains("rejected");
  return fits ? "instruction, chosen and rejected" : "";
}

ForeignRow read_alpaca(RowReader& row) {
  ForeignRow out = begin_row(row);
  const Json* history = row.find("history");
  if (history != nullptr && !history->empty()) row.fail("history", "is not empty", "a pair has one question");
  const std::string instruction = row.text("instruction"), input = row.text_or("input", "");
  const std::string chosen = read_answer(row, "chosen");
  add_pairs(out, instruction + (input.empty() ? "" : "\n") + input, chosen, read_answers(row, "rejected"));
  return out;
}

}  // namespace

ForeignFormat llama_factory_format() {
  return {"llama_factory", "sharegpt preference: conversations (or messages), chosen, rejected; videos, images", true, why,
          read};
}

ForeignFormat alpaca_format() {
  return {"alpaca", "LLaMA-Factory's alpaca preference: instruction, input, chosen, rejected; videos, images", true,
          why_alpaca, read_alpaca};
}

}  // namespace rrpo::rows
