// What the scorers share: one rule per benchmark and format, what is right there, and how a reading becomes a verdict.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "python_text.h"
#include "rrpo/rows/scorer.h"

namespace rrpo::rows {

/// What a scorer does with the questions of one benchmark and format.
struct Rule {
  std::string_view benchmark, format;
  Judged (*apply)(const Question& question, py::View reply);
};

const Rule* find_rule(std::span<const Rule> rules, const Question& question);
/// The verdict of the question's rule; unparsed where there is none.
Judged apply_rule(std::span<const Rule> rules, const Question& question, std::string_view reply);

/// The letters by place that the scripts give to options: `A`, `B`, …
std::string letter_at(size_t index);
/// The letter of the last option that is the published answer, as most scripts find it, or of the first; `@` where none is.
/// Rows whose published answer is a letter have no text: their key.
std::string last_letter(const Question& question);
std::string first_letter_of(const Question& question);
/// The letter that was published (Video-MME, LongVideoBench), `@` where none was.
std::string own_letter(const Question& question);
/// The published answer; where it has none of its own, its key.
std::string published(const Question& question);

/// A script that compares what it found with the truth. `right` is its verdict; of a wrong reply the first option for which
/// it would be right (`says`) is what was read, and nothing was where there is none.
Judged chosen(const Question& question, bool right, const std::string& truth, const std::function<bool(size_t)>& says);
/// A script that reads a letter.
Judged read_letter(const Question& question, const std::string& letter, const std::string& truth);

Judged needs_judge(const Question& question);
Judged script_stops(const Question& question);

}  // namespace rrpo::rows
