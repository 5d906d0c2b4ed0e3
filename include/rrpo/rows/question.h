// A question about a video, with its true answer: one row of questions.jsonl.
#pragma once

#include <filesystem>
#include <optional>
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

/// A file of subtitles: `srt`, or `lvb_json` (LongVideoBench's lists of cues).
struct Subtitles {
  std::string kind, path;  ///< the path is relative to the video root
  double offset_s = 0;     ///< where the video begins on the clock of the file

  bool operator==(const Subtitles&) const = default;
};

/// A question's place in a published benchmark, and what is right there as it was published.
struct Item {
  std::string benchmark, task, subset;  ///< `mvbench`, `action_sequence`; empty benchmark: a question of one's own
  std::vector<std::string> keys;        ///< what is right: any of these option keys (mcq_set: all of them), or `yes`, `no`
  std::string text;                     ///< the published answer, verbatim
  Json aux = Json::object();            ///< what else the scoring needs: `locations`, `mc_question`, `group_structure`
  bool options_inline = false;          ///< the text of the question lists its options
  std::string group, role;              ///< questions that count together, and which of them this is (`basic`)
  std::string rule;                     ///< what a group counts (one of group_rules()); empty: each question counts alone
  Json axes = Json::object();           ///< what the report groups by: `{"duration": "short"}`
  std::optional<double> duration_s;
  std::optional<Subtitles> subtitles;
  Json source = Json::object();  ///< file, number in it, ids of the publisher
};

struct Question {
  std::string id;
  Media media;
  std::string question;  ///< the whole text shown to the model, options included (of a benchmark: its text without template)
  std::string answer;
  std::string format;  ///< one of question_formats()
  std::vector<Option> options;
  std::vector<Slot> slots;
  std::vector<text::ByteRange> spans;  ///< key phrases of `answer`, may be empty
  std::string style;                   ///< leading bytes of `answer` that the judge ignores
  std::optional<View> other{};         ///< a second clip
  std::string other_answer{};          ///< the true answer there, style included; empty: not known
  Item item{};
  Json tags = Json::object();
  Json extra = Json::object();  ///< unknown keys, carried through
  std::string place{};          ///< `file:line` where it was read; empty when it was made
};

/// mcq, yesno, short, open, and those that benchmarks add: mcq_set (several options are right), caption_match (one of the
/// captions in the text fits), caption_gen (a caption, judged by what it answers), scene_change.
const std::vector<std::string>& question_formats();

Question parse_question(const Json& row, std::string_view place);
Json question_json(const Question& question);
/// All questions of a JSONL file; ids are unique. A bad row throws, or is appended to `bad` if that is given.
std::vector<Question> read_questions(const std::filesystem::path& file, std::vector<BadRow>* bad = nullptr);

}  // namespace rrpo::rows
