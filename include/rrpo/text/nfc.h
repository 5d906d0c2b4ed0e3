// Unicode normalisation form C that remembers where every byte came from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// A normalised text and, for each of its bytes, the bytes of the original it stands for. A group of characters that
/// normalisation left alone maps byte to byte; every byte of a changed group maps to the whole group.
struct NfcText {
  std::string text;
  std::vector<ByteRange> origin;  ///< one per byte of `text`; empty when nothing changed

  /// Range of the original text behind [begin, end) of `text`; begin < end.
  ByteRange original(int64_t begin, int64_t end) const;
};

/// Text in NFC. Bytes that are no UTF-8 pass unchanged and separate what is around them.
NfcText to_nfc(std::string_view text);

}  // namespace rrpo::text
