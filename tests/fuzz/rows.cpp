// Files of pairs, questions and predictions, JSONL or one array.
#include "fuzz.h"
#include "rrpo/rows/pair.h"
#include "rrpo/rows/prediction.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/row_reader.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto each = [&](auto parse) {
    fuzz::tolerate([&] {
      std::vector<rows::BadRow> bad;
      rows::each_row(text, "fuzz", &bad, [&](const Json& row, const std::string& place) { parse(row, place); });
    });
  };
  each([](const Json& row, const std::string& place) { rows::pair_json(rows::parse_pair(row, place)); });
  each([](const Json& row, const std::string& place) { rows::parse_question(row, place); });
  each([](const Json& row, const std::string& place) { rows::parse_prediction(row, place); });
  return 0;
}
