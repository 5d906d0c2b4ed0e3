// Encodes files with the tokenizer of a folder, for scripts that compare or time it: tokenize FOLDER < names of files.
// One line of JSON a file: bytes, tokens, hashes (see tests/text/token_hash.h) of the ids and of the ranges, CPU seconds.
#include <ctime>
#include <iostream>

#include "rrpo/text/tokenizer.h"
#include "rrpo/util/json_file.h"
#include "text/token_hash.h"

int main(int argc, char** argv) try {
  if (argc != 2) throw rrpo::Error(rrpo::Fault::usage, "tokenize", "no folder given", "tokenize FOLDER < names of files");
  const auto tokenizer = rrpo::text::open_tokenizer(argv[1]);
  for (std::string name; std::getline(std::cin, name);) {
    const std::string text = rrpo::read_file(name, "tokenize");
    const std::clock_t begin = std::clock();
    const std::vector<rrpo::text::Token> tokens = tokenizer->encode(text);
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    std::cout << rrpo::Json{{"bytes", text.size()},
                            {"tokens", tokens.size()},
                            {"ids", rrpo::test::hash_of_ids(tokens)},
                            {"ranges", rrpo::test::hash_of_ranges(tokens)},
                            {"seconds", seconds}}
                     .dump()
              << std::endl;
  }
  return 0;
} catch (const rrpo::Error& error) {
  std::cerr << "error: " << error.what() << "\n";
  return error.exit_code();
}
