// How scripts find the letter of an option in a reply. Every function returns the key (`B`), or nothing.
#pragma once

#include <span>
#include <string>

#include "python_text.h"

namespace rrpo::rows {

/// P1 (eval/tvbench, mvbench, mlvu, longvideobench of pritamqu/RRPO): the first letter of the reply, of whatever word, case
/// folded. U+0130, U+0131 and U+017F are taken for letters that no option has, U+212A for K.
std::string first_letter(py::View reply);

/// Texts that are deleted before the first capital from `A` to `last` is looked for. Two pairs lack a comma in two of the
/// lists and so are one text that nobody says.
std::string letter_without(py::View reply, std::span<const py::View> prefixes, char last);
std::span<const py::View> rrpo_prefixes();       ///< P2, eval/videomme/calculate.py
std::span<const py::View> lmms_prefixes();       ///< L5, tasks/longvideobench/utils.py of lmms-eval
std::span<const py::View> vlmeval_prefixes();    ///< dataset/utils/videomme.py and longvideobench.py of VLMEvalKit
std::span<const py::View> mme2_prefixes();       ///< Video-MME-v2's own script, and VLMEvalKit's copy of it
std::span<const py::View> mme2_lmms_prefixes();  ///< tasks/videomme_v2/utils.py of lmms-eval: the same in another order

/// MLVU's choice_bench.py: the character before the first `)`, or the whole reply where there is none.
py::View before_bracket(py::View reply);

/// The notebook of MVBench, copied by TVBench: the reply up to its first blank, in small letters and without full stops, is
/// part of `(b)`, or `(b)` of it. An empty reply and a bracket fit every option.
bool fits_option(py::View reply, char32_t capital);

}  // namespace rrpo::rows
