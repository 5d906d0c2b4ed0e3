#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

bool holds_answers(const Json& row, const char* key) {
  return row.contains(key) && row.at(key).is_array() && !row.at(key).empty() && row.at(key)[0].is_object() &&
         row.at(key)[0].contains("a");
}

std::string why_pairs(const Json& row) {
  return holds_answers(row, "QA") && holds_answers(row, "QA_NEG") ? "QA and QA_NEG" : "";
}
std::string why_questions(const Json& row) {
  return holds_answers(row, "QA") && !is_there(row, "QA_NEG") && rejected_key(row).empty() ? "QA" : "";
}

struct Turn {
  std::string question, answer;
};

/// The turns of a list; an instruction `i` stands before its question.
std::vector<Turn> turns(RowReader& row, const std::string& key) {
  const Json& list = row.need(key);
  if (!list.is_array()) row.fail(key, "is no list", "write [{\"q\": …, \"a\": …}]");
  std::vector<Turn> out;
  for (size_t i = 0; i < list.size(); ++i) {
    RowReader item(list[i], row.place(), key + "[" + std::to_string(i) + "]");
    const std::string instruction = item.text_or("i", ""), question = item.text_or("q", "");
    const bool both = !instruction.empty() && !question.empty();
    Turn turn;
    turn.question = instruction + (both ? "\n" : "") + question;
    turn.answer = item.text("a");
    out.push_back(std::move(turn));
  }
  return out;
}

ForeignRow read(RowReader& row) {
  ForeignRow out = begin_row(row);
  const std::vector<Turn> chosen = turns(row, "QA");
  const std::vector<Turn> rejected = row.has("QA_NEG") ? turns(row, "QA_NEG") : std::vector<Turn>();
  if (row.has("QA_NEG") && rejected.size() != chosen.size()) row.fail("QA_NEG", "has another length than QA", "pair them");
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (rejected.empty()) {
      add_question(out, chosen[i].question, chosen[i].answer);
      continue;
    }
    if (rejected[i].question != chosen[i].question) row.fail("QA_NEG", "asks something else than QA", "pair them");
    add_pairs(out, chosen[i].question, chosen[i].answer, {rejected[i].answer});
  }
  return out;
}

}  // namespace

ForeignFormat videochat2_format() {
  return {"videochat2", "VideoChat2's pairs: video, QA, QA_NEG, start, end; one pair for each question", true, why_pairs,
          read};
}

ForeignFormat videochat2_questions_format() {
  return {"videochat2_questions", "VideoChat2-IT: video, QA; one question row for each", false, why_questions, read};
}

}  // namespace rrpo::rows
