#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

/// The conversation is under `conversations`, or with OpenAI's tags under `messages`.
const char* turns_key(const Json& row) { return is_messages(row, "conversations") ? "conversations" : "messages"; }

std::string why(const Json& row) {
  const char* key = turns_key(row);
  const bool fits = is_messages(row, key) && is_message(row, "chosen") && is_message(row, "rejected");
  return fits ? std::string(key) + " with a chosen and a rejected message" : "";
}

ForeignRow read(RowReader& row) {
  ForeignRow out{read_id(row), read_foreign_media(row), read_source(row), {}, {}};
  const char* key = row.has("conversations") ? "conversations" : "messages";
  const std::vector<Message> messages = read_messages(row, key);
  out.system = system_of(messages);
  const std::string question = without_places(only_question(messages, row, key), out.media, row);
  out.items.push_back({question, {read_answer(row, "chosen"), {}}, ForeignAnswer{read_answer(row, "rejected"), {}}});
  return out;
}

std::string why_alpaca(const Json& row) {
  const bool fits = is_text(row, "instruction") && is_text(row, "chosen") && is_text(row, "rejected");
  return fits ? "instruction, chosen and rejected" : "";
}

ForeignRow read_alpaca(RowReader& row) {
  ForeignRow out{read_id(row), read_foreign_media(row), read_source(row), {}, {}};
  const Json* history = row.find("history");
  if (history != nullptr && !history->empty()) row.fail("history", "is not empty", "a pair has one question");
  const std::string instruction = row.text("instruction"), input = row.text_or("input", "");
  const std::string question = without_places(instruction + (input.empty() ? "" : "\n") + input, out.media, row);
  out.items.push_back({question, {row.text("chosen"), {}}, ForeignAnswer{row.text("rejected"), {}}});
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
