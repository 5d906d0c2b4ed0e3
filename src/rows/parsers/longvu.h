// The readings of the LongVU scripts of pritamqu/RRPO.
#pragma once

#include <string>

#include "python_text.h"

namespace rrpo::rows {

/// `key` is empty where nothing was found. `stale`: something was found that is no bare letter, and the script goes on with
/// the letter of the sample before.
struct LongvuLetter {
  std::string key;
  bool stale = false;
};

/// P3 (tvbench_longvu.py, mvbench_longvu.py): without every `Answer`, the first capital from `A` to the last option's, with
/// the brackets, commas and blanks around it.
LongvuLetter longvu_letter(py::View reply, size_t options);

/// P4 (mlvu/choice_bench_longvu.py): without every `Answer`, the first capital from `A` to `D`.
std::string longvu_mlvu_letter(py::View reply);

}  // namespace rrpo::rows
