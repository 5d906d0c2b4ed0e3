// The JSON of a safetensors header, read event by event: only what the format allows is ever stored.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo::io {

/// A tensor as the header states it; `begin` and `end` count from the first byte after the header.
struct HeaderTensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
  int64_t begin = 0, end = 0;
};

struct Header {
  std::vector<HeaderTensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Parses the header's text. Throws Error(input, "weights") with `file` in front; layout and sizes are not checked here.
Header parse_header(std::string_view text, const std::string& file);

}  // namespace rrpo::io
