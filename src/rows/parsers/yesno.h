// Yes and no, as the scripts read them.
#pragma once

#include <string>
#include <vector>

#include "python_text.h"
#include "rrpo/rows/question.h"

namespace rrpo::rows {

/// P5 (VideoHallucer, evaluation_utils.py): `yes` or `no` stands anywhere as a word, in any case.
bool says_word(py::View reply, py::View word);

/// P6 (VidHalluc, eval_bqa.py): the reply up to its first full stop and its first comma, in capitals.
py::Text first_piece(py::View reply);

/// P10 (TempCompass, EventHallusion's eval.py): what the reply begins with, `nothing` being a no. Empty for anything else.
std::string yes_no_prefix(py::View reply);

/// ELV-Halluc, eval.py: `yes` where it stands anywhere, of a word or not, else `no` where that does. Empty where neither
/// does.
std::string yes_no_inside(py::View reply);

/// P7 (VidHalluc, eval_mcq.py): all capitals from A to D that stand alone, the article among them; where there is none the
/// first option whose text is in the reply. Sorted.
std::vector<std::string> letter_set(py::View reply, const std::vector<Option>& options);
/// What that script compares it with: every letter from A to D of the published answer. Sorted.
std::vector<std::string> published_set(py::View answer);

}  // namespace rrpo::rows
