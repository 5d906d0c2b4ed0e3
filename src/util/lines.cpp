#include "rrpo/util/lines.h"

#include <string>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"

namespace rrpo {

void each_line(const std::filesystem::path& file, std::string_view component,
               const std::function<void(std::string_view, int64_t)>& line, int64_t longest) {
  constexpr int64_t kPiece = 1 << 20;
  const Descriptor descriptor = open_to_read(file, component);
  std::string held;  // the beginning of a line whose end is not read yet, then the piece behind it
  int64_t number = 0;
  for (int64_t offset = 0;;) {
    const size_t begun = held.size();
    held.resize(begun + kPiece);
    const int64_t got = read_at(descriptor, file, held.data() + begun, kPiece, offset);
    held.resize(begun + static_cast<size_t>(got));
    offset += got;
    size_t begin = 0, from = begun;
    for (size_t end = held.find('\n', from); end != std::string::npos; end = held.find('\n', from)) {
      line(std::string_view(held).substr(begin, end - begin), ++number);
      begin = from = end + 1;
    }
    held.erase(0, begin);
    if (static_cast<int64_t>(held.size()) > longest)
      throw Error(
          Fault::input, component,
          file.string() + ":" + std::to_string(number + 1) + ": a line of more than " + std::to_string(longest) + " bytes",
          "write one JSON object per line");
    if (got < kPiece) break;
  }
  if (!held.empty()) line(held, number + 1);
}

}  // namespace rrpo
