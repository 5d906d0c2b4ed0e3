// tokenizer.json, then a text through what it makes.
#include "rrpo/text/tokenizer.h"

#include <fstream>

#include "fuzz.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::ofstream(fuzz::folder() / "tokenizer.json", std::ios::binary) << fuzz::text_of(data, size);
  fuzz::tolerate([&] {
    const auto tokenizer = text::open_tokenizer(fuzz::folder());
    text::encode_ids(*tokenizer, "The <image> red circle\u2019s 12 caf\xc3\xa9s.\n");
  });
  return 0;
}
