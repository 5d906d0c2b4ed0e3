// What a language model said that was asked to judge a reply (TempCompass). Pure functions of its words.
#pragma once

#include <optional>
#include <string_view>

#include "rrpo/rows/answer.h"

namespace rrpo::rows {

/// `Correct` or `Incorrect`, at the beginning or anywhere, `Incorrect` counting more; case matters. Nothing where neither is
/// said: the script asks again, and counts the reply as wrong in the end.
std::optional<bool> read_correctness(std::string_view judge);

/// Captions: the judge answers the multi-choice question from the caption alone. Its last line with `Answer` (else all it
/// says) is right where it begins, up to `. `, as the published line does, and where `A.`, `B.`, `C.` and `D.` occur once in
/// it, taken together. Without a word of the judge: unjudged. `found` is its answer up to `. `.
Judged judge_captioning(std::string_view judge, std::string_view published_line);

}  // namespace rrpo::rows
