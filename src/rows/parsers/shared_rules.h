// Rules that several scorers have in common, as rules of a table. `reply` is what the script itself is given.
#pragma once

#include "rule.h"

namespace rrpo::rows {

Judged judge_first_letter(const Question& question, py::View reply);         ///< P1 against `(B) text` by the same rule
Judged judge_tempcompass_choice(const Question& question, py::View reply);   ///< P9
Judged judge_tempcompass_yesno(const Question& question, py::View reply);    ///< P10
Judged judge_tempcompass_caption(const Question& question, py::View reply);  ///< P11
Judged judge_caption(const Question& question, py::View reply);              ///< P12 needs a judge's reply

Judged judge_videohallucer(const Question& question, py::View reply);      ///< P5
Judged judge_vidhalluc_yesno(const Question& question, py::View reply);    ///< P6
Judged judge_vidhalluc_choices(const Question& question, py::View reply);  ///< P7
Judged judge_vidhalluc_scene(const Question& question, py::View reply);    ///< the label of a scene change

Judged judge_eventhallusion(const Question& question, py::View reply);  ///< what the reply begins with, not stripped
Judged judge_elvhalluc(const Question& question, py::View reply);       ///< yes or no anywhere in it

/// As TempCompass's own script begins: without `</s>` and without white space around.
py::Text without_end_token(py::View reply);

}  // namespace rrpo::rows
