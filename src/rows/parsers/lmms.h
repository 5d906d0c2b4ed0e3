// The readings of lmms-eval.
#pragma once

#include <string>
#include <vector>

#include "python_text.h"
#include "rrpo/rows/question.h"

namespace rrpo::rows {

/// L1, in force since 2026-04-11 (tasks/_task_utils/mcq_extract.py, for Video-MME and MLVU): of all letters from A to D in
/// one of nine forms the one in the form of highest rank, of several the last.
std::string lmms_letter(py::View reply);

/// L3 (tasks/mvbench/utils.py): `B. …`, else the first letter from a to e that stands alone once punctuation is gone; else
/// what is left, in small letters, which is compared as it is. `key` is empty in that case.
struct MvbenchReading {
  std::string key;
  py::Text rest;
};
MvbenchReading lmms_mvbench(py::View reply);

/// L4 (tasks/tvbench/utils.py): the first capital that stands alone once the reply is in capitals, if an option has it; else
/// the letter in front; else the one option whose text is in the reply.
std::string lmms_tvbench(py::View reply, const std::vector<Option>& options);
/// What L4 is compared with. A published answer that is a number is taken for the place of an option, from 0 on.
std::string lmms_tvbench_truth(py::View answer, const std::vector<Option>& options);

}  // namespace rrpo::rows
