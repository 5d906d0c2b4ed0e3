// Published records of one shape, a question with candidates and the right one of them, and the prompts that list them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "published.h"
#include "release.h"
#include "rrpo/eval/benchmark.h"

namespace rrpo::eval {

/// One record of an annotation file.
struct Record {
  const Json& json;
  std::string_view benchmark, task, file;
  int64_t index = 0;

  PublishedRow row() const { return {json, file, index}; }
  /// Nothing where it is absent or null. Throws Error(input, "data") where it is no number.
  std::optional<double> number(const std::string& key) const;
  /// A text, which may be empty, or a number as text. Throws Error(input, "data") where it is neither.
  std::string text(const std::string& key) const;
  /// The texts of a list; numbers become texts. Throws Error(input, "data") where it is none, or holds anything else.
  std::vector<std::string> texts(const std::string& key) const;
};

/// Question `<benchmark>/<task>/<name>`: the text, options A, B, … and where it comes from; neither answer nor media.
rows::Question choice_question(const Record& record, const std::string& name, const std::vector<std::string>& candidates);

/// The answer as published: a text, right under every key that has it, or the place of an option, right alone.
void answer_by_text(rows::Question& question, const std::string& answer);
void answer_by_place(rows::Question& question, size_t place);

/// Counts what is odd about the candidates: `answer_not_among_candidates`, `answer_twice`, `equal_candidates` (wrong ones),
/// `single_candidate`, `empty_candidate`, `empty_question`.
void count_oddities(const rows::Question& question, Released& out);

/// The part of its video that a record asks about, `start` to `end` in seconds. `missing_bounds` and `empty_bounds` are odd,
/// and the whole video is taken.
void set_bounds(rows::Question& question, const Record& record, Released& out);

/// Appends the questions of `{video, question, candidates, answer}` records. `media` finds the pictures of one.
void read_choices(Release& release, std::string_view benchmark, std::string_view task,
                  const std::vector<std::string>& places,
                  const std::function<void(const Record& record, rows::Question& question)>& media, Released& out);

/// Throws Error(input, "data") where the folder is another benchmark's, which can be told where none of `own` is there.
void refuse_other_release(const Release& release, std::string_view title, const std::vector<std::string>& own);

/// How many rows a file has that is left out, which is not noted as one that was read; nothing where it is not there.
std::optional<size_t> rows_left_out(const Release& release, const std::vector<std::string>& places);

/// How many questions of a task there are.
int64_t questions_of(const Released& released, std::string_view task);
/// How many of the missing files lie in `folder`.
int64_t missing_in(const Release& release, std::string_view folder);

/// Question: …\nOptions:\n(A) …\n(B) …\n as the authors' scripts list them.
std::string authors_prompt(const rows::Question& question);
/// `A. …` lines without a line end after the last.
std::string dotted_options(const rows::Question& question);
/// What Python's str.strip and str.rstrip leave.
std::string stripped(std::string_view text);
std::string stripped_end(std::string_view text);

/// TVBench's and MVBench's prompt of the authors' three scripts, which MLVU shares but for LongVU's.
Asking ask_authors(std::string_view profile, const rows::Question& question);

}  // namespace rrpo::eval
