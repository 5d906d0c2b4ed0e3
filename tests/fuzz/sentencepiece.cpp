// A sentencepiece model: what our reader lets through must not hurt the library.
#include <fstream>

#include "fuzz.h"
#include "rrpo/text/tokenizer.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::ofstream(fuzz::folder() / "tokenizer.model", std::ios::binary) << fuzz::text_of(data, size);
  fuzz::tolerate([&] {
    const auto tokenizer = text::open_tokenizer(fuzz::folder());
    text::encode_ids(*tokenizer, "The red circle 12 caf\xc3\xa9s.\n");
  });
  return 0;
}
