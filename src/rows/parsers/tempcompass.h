// The rules of TempCompass that need no judge (eval_multi-choice.py, eval_caption_matching.py). They see an answer as the
// question's own line, `B. to the left` or `Caption B: A man sits.`.
#pragma once

#include <vector>

#include "python_text.h"

namespace rrpo::rows {

/// none: no rule applies, a judge is asked. stops: the script ends with an error, for a line has not the form that it
/// expects.
enum class Match { right, wrong, none, stops };

/// P9: the line itself, a bare letter from A to D, or one with a full stop or a bracket behind it at the beginning.
Match match_choice(py::View reply, py::View answer);

/// P11: the reply is a line, a sentence of one, or its name (`Caption B`, `B`, `B.`); of several readings the last counts.
/// `lines` are those of the question after the first.
Match match_caption(py::View reply, const std::vector<py::View>& lines, py::View answer);

}  // namespace rrpo::rows
