// Is a response right, wrong, or not to be judged? Pure functions of texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/question.h"

namespace rrpo::rows {

/// unparsed: the reply cannot be read. dropped, random: what some scorers make of these. unjudged: whoever would judge was
/// not asked, or did not reply. failed: there is no reply.
enum class Verdict { right, wrong, unparsed, dropped, random, unjudged, failed };
const char* verdict_name(Verdict verdict);
/// The verdict of a name; files of earlier versions say `unparsable` for `unparsed`.
std::optional<Verdict> verdict_of(std::string_view name);

/// A judged response: what was read out of it, slot by slot where the question has slots (else one value).
struct Judged {
  Verdict verdict = Verdict::unparsed;
  std::vector<std::string> expected;  ///< one value per slot; for mcq the option's key; for yesno `yes` or `no`
  std::vector<std::string> found;     ///< the same, from the response; empty unless it is right or wrong
  std::string reason;                 ///< why it is neither
};

/// found == expected is right, another reading wrong.
Judged judged(std::vector<std::string> expected, std::vector<std::string> found);
Judged unparsed(std::vector<std::string> expected, std::string reason);

/// The scorer `ours`: what a careful person reads (reading/readings.h), and in doubt nothing.
/// mcq: the option that the reply gives as its answer. yesno: yes or no as a word of its own. Rows with slots (mcq and yesno
/// apart): the response must match the answer without its style, each slot free over its values; of a short answer with one
/// slot it may also give one of its values as a phrase. short: right where the answer stands in the reply as a phrase, not
/// denied, and no value of `options` beside it; wrong where it is denied, or absent from at most two words more than it has.
/// open without slots: unjudged.
/// A response may or may not begin with the question's style; the case of the letter after it is free.
Judged judge(const Question& question, std::string_view response);

/// What `Judged::expected` holds; empty where the answer of an mcq or yesno row cannot be read.
std::vector<std::string> true_values(const Question& question);

/// The entry of `slot.values` that stands in the answer, empty when none does.
std::string true_value(const Question& question, const Slot& slot);

}  // namespace rrpo::rows
