// The keys of canonical benchmark rows beside those of our own questions.
#pragma once

#include "rrpo/rows/question.h"
#include "rrpo/rows/row_reader.h"

namespace rrpo::rows {

/// The members of `question.item`, and `question.answer` where the row has it as an object (`keys`, `text`, `aux`).
void read_item(RowReader& row, Question& question);
/// Throws where the right keys are none of the options'.
void check_item(const Question& question, const RowReader& row);
/// Writes them into a row; nothing for a question of no benchmark.
void write_item(const Question& question, Json& row);

}  // namespace rrpo::rows
