// A question about a video, with its true answer: one row of questions.jsonl.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/rows/pair.h"

namespace rrpo::rows {

struct Option {
  std::string key;   ///< `A`
  std::string text;  ///< `left`
};

/// A place of the answer that may hold one of a few values.
struct Slot {
  text::ByteRange span;             ///< of `answer`
  std::vector<std::string> values;  ///< what may stand there, the true one among them
};

struct Question {
  std::string id;
  Media media;
  std::string question;  ///< the whole text shown to the model, options included
  std::string answer;
  std::string format;  ///< mcq, yesno, short or open
  std::vector<Option> options;
  std::vector<Slot> slots;
  std::vector<text::ByteRange> spans;  ///< key phrases of `answer`, may be empty
  std::string style;                   ///< leading bytes of `answer` that the judge ignores
  Json tags = Json::object();
  Json extra = Json::object();  ///< unknown keys, carried through
  std::string place{};          ///< `file:line` where it was read; empty when it was made
};

Question parse_question(const Json& row, std::string_view place);
Json question_json(const Question& question);
/// All questions of a JSONL file; ids are unique. A bad row throws, or is appended to `bad` if that is given.
std::vector<Question> read_questions(const std::filesystem::path& file, std::vector<BadRow>* bad = nullptr);

}  // namespace rrpo::rows
