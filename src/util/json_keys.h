// Where the keys of a JSON text stand: the parser that reads the values tells neither lines nor what it has overwritten.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo {

struct PlacedKey {
  std::string above;  ///< `video`, `gen.perturb[0]`; empty at the top
  std::string name;
  int64_t line = 1;

  std::string path() const { return above.empty() ? name : above + "." + name; }
};

/// The keys of a text that is JSON, comments allowed, in their order.
std::vector<PlacedKey> json_keys(std::string_view text);

}  // namespace rrpo
