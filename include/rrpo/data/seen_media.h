// What a run has seen of its media, from its first part to its last.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace rrpo::data {

/// What was read of a media so far: what is read again must be the same.
struct Seen {
  std::optional<uint64_t> frames;    ///< hash64 of its frames, once it was decoded
  std::string files{};               ///< hash of its files' content, once its visual tokens came from a folder; else empty
  std::optional<uint64_t> tokens{};  ///< hash64 of its visual tokens, where media are compared by them (EqualMedia)
};
/// By the media's key.
using SeenMedia = std::map<std::string, Seen>;

}  // namespace rrpo::data
