// Rows of other trainers, each format asked for by name and found by itself.
#include "fuzz.h"
#include "rrpo/rows/foreign.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(fuzz::text_of(data, size));
  rows::ImportRules rules;
  fuzz::tolerate([&] { rows::import_rows(text, "fuzz", rules); });
  for (const rows::ForeignFormat& format : rows::foreign_formats()) {
    rules.format = format.name;
    fuzz::tolerate([&] { rows::import_rows(text, "fuzz", rules); });
  }
  return 0;
}
