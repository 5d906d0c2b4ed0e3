// How VLMEvalKit infers an option without asking a model (utils/matching_util.py), and what it compares with.
#pragma once

#include <string>
#include <vector>

#include "python_text.h"
#include "rrpo/rows/question.h"

namespace rrpo::rows {

/// The key of an option, `Z` for a refusal that it knows or a lone Z, nothing where nothing is inferred: exactly one letter
/// among the words, within the last four of them; else `answer is X` (since 2026-06-17); else exactly one text of an option
/// in a reply not longer than twice all of them.
std::string vlmeval_option(py::View reply, const std::vector<Option>& options);

/// The letter that an inferred option is compared with. Options equal to the published answer are looked for one by one, and
/// a match becomes the answer for the rest.
std::string vlmeval_truth(const std::string& answer, const std::vector<Option>& options);

/// Lines `… A. left` of a question after its first one: the options that Video-MME and LongVideoBench hand to the inference.
std::vector<Option> vlmeval_lines(py::View question);

}  // namespace rrpo::rows
