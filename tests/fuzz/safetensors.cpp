// A safetensors file: its header decides how many bytes are read to where.
#include "rrpo/io/safetensors.h"

#include <vector>

#include "fuzz.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  fuzz::tolerate([&] {
    std::map<std::string, std::string> metadata;
    for (const io::TensorEntry& entry : io::read_safetensors_header(file.path(), &metadata)) {
      expect(entry.bytes >= 0 && static_cast<size_t>(entry.offset + entry.bytes) <= size, "a tensor beyond the file");
      std::vector<char> bytes(static_cast<size_t>(entry.bytes));
      io::read_tensor_bytes(entry, bytes.data());
    }
  });
  return 0;
}
