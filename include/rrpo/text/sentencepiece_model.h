// A sentencepiece `.model` file, read and checked here, so that no byte of it reaches the sentencepiece library unseen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo::text {

/// Kinds of pieces, numbered as in the files.
enum class PieceType { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct VocabularyPiece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::normal;
};

/// What encoding needs of the file. The id of a piece is its place.
struct SentencePieceModel {
  std::vector<VocabularyPiece> pieces;
  bool byte_fallback = false;  ///< characters without a piece become the pieces of their bytes
  bool dummy_prefix = true;    ///< a space is put before the text
};

/// Reads a model of Mistral's and LLaMA's kind: BPE without a character map, spaces kept and written as "▁" (U+2581).
/// `place` (the file) begins every error. Throws Error(input, "tokenizer") for a broken or cut file; no or two unknown
/// pieces; no begin or end of sequence; a piece that is empty, listed twice, longer than 1024 bytes, no UTF-8, or holds NUL;
/// a score that is no finite number; with byte fallback, not exactly the 256 byte pieces; more than 2^22 pieces; any other
/// kind of model, and any character map: the library can crash on one.
SentencePieceModel read_sentencepiece_model(std::string_view bytes, std::string_view place);

/// The byte that a byte piece (`<0x0A>`) stands for, -1 for any other text.
int byte_of(std::string_view piece);

/// The model as a file that makes the library segment a text that is prepared already: nothing added, removed or replaced.
std::string segmenter_file(const SentencePieceModel& model);

}  // namespace rrpo::text
