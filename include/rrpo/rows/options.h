// Which options of a multiple-choice question does a text name?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/question.h"

namespace rrpo::rows {

/// Keys of the options that `text` names, each once, in the options' order. An option is named by its own text, standing as
/// words (the longest option counts where one text lies inside another), or by its key outside of such a text: `(C)`, `[C]`,
/// `C.`, `C)`, `C:`, a bare `C`; the words "A" and "I" before a small letter are no keys, but for
/// "A or", "A and", "A is".
std::vector<std::string> named_options(const std::vector<Option>& options, std::string_view text);

}  // namespace rrpo::rows
