// Sentencepiece models written by hand.
#pragma once

#include <string>

namespace rrpo::test {

/// A model in parts, written by hand: the wire format, not our writer, is the measure.
struct ModelParts {
  std::string pieces, trainer = std::string("\x18\x02", 2);
  std::string normalizer = std::string("\x18\x01\x20\x00\x28\x01", 6);

  static std::string field(char tag, const std::string& bytes) {
    std::string size;
    for (size_t left = bytes.size(); left >= 0x80 || size.empty() || left > 0; left >>= 7) {
      size += static_cast<char>(left >= 0x80 ? left | 0x80 : left);
      if (left < 0x80) break;
    }
    return tag + size + bytes;
  }
  ModelParts& piece(const std::string& text, char type = 1, const std::string& score = std::string(4, '\0')) {
    pieces += field('\x0a', field('\x0a', text) + '\x15' + score + '\x18' + type);
    return *this;
  }
  ModelParts& specials() { return piece("<unk>", 2).piece("<s>", 3).piece("</s>", 3).piece("\u2581"); }
  std::string bytes() const { return pieces + field('\x12', trainer) + field('\x1a', normalizer); }
};

}  // namespace rrpo::test
