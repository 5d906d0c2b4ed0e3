#include "rrpo/text/sentencepiece_model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <unordered_set>

#include "rrpo/text/unicode.h"
#include "rrpo/util/error.h"
#include "wire.h"

namespace rrpo::text {
namespace {

/// The largest vocabularies in use have 262144 pieces, the longest pieces some tens of bytes.
constexpr size_t kMostPieces = size_t{1} << 22;
constexpr size_t kLongestPiece = 1024;
/// The library looks user-defined pieces up into an array of 64 matches without asking whether they fit.
constexpr size_t kMostNested = 32;
/// TrainerSpec's number of byte-pair encoding.
constexpr uint64_t kBpe = 2;

/// Numbers of the fields in the file's messages, as sentencepiece's own schema gives them.
namespace model_field {
constexpr uint32_t piece = 1, trainer = 2, normalizer = 3, denormalizer = 5;
}
namespace piece_field {
constexpr uint32_t text = 1, score = 2, type = 3;
}
namespace trainer_field {
constexpr uint32_t model_type = 3, suffix_space = 24, byte_fallback = 35, unknown = 40, begin = 41, end = 42;
}
namespace normalizer_field {
constexpr uint32_t character_map = 2, dummy_prefix = 3, collapse_spaces = 4, escape_spaces = 5;
}

struct Trainer {
  uint64_t model_type = 1;
  bool suffix_space = false;
  int32_t unknown = 0, begin = 1, end = 2;
};

class Reader {
 public:
  explicit Reader(std::string_view place) : place_(place) {}

  SentencePieceModel read(std::string_view bytes) {
    each_field(bytes, "the file", [&](const WireField& field) {
      if (field.number == model_field::piece) read_piece(bytes_of(field));
      if (field.number == model_field::trainer) read_trainer(bytes_of(field));
      if (field.number == model_field::normalizer) read_normalizer(bytes_of(field));
      if (field.number == model_field::denormalizer) read_normalizer_map(bytes_of(field));
    });
    check_kind();
    check_texts();
    check_byte_pieces();
    check_special_pieces();
    check_nesting();
    return std::move(model_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem,
                         std::string_view fix = "take the tokenizer files of the checkpoint") const {
    throw Error(Fault::input, "tokenizer", place_ + ": " + problem, fix);
  }
  [[noreturn]] void unsupported(const std::string& problem) const {
    fail(problem, "only sentencepiece BPE without a character map, as Mistral and LLaMA have it, is read");
  }

  template <class Use>
  void each_field(std::string_view message, const std::string& name, Use use) const {
    WireReader fields(message);
    while (const std::optional<WireField> field = fields.next()) use(*field);
    if (fields.broken()) fail(name + " is cut or no sentencepiece model");
  }
  std::string_view bytes_of(const WireField& field) const {
    if (field.kind != WireField::Kind::bytes) fail("field " + std::to_string(field.number) + " is no message or text");
    return field.bytes;
  }
  uint64_t number_of(const WireField& field) const {
    if (field.kind != WireField::Kind::varint) fail("field " + std::to_string(field.number) + " is no number");
    return field.value;
  }
  bool flag_of(const WireField& field) const { return number_of(field) != 0; }
  int32_t id_of(const WireField& field) const { return static_cast<int32_t>(number_of(field)); }

  std::string named(size_t id) const { return "piece " + std::to_string(id) + " ('" + model_.pieces[id].text + "')"; }

  void read_piece(std::string_view message) {
    const size_t id = model_.pieces.size();
    if (id == kMostPieces) fail("more than " + std::to_string(kMostPieces) + " pieces");
    VocabularyPiece& piece = model_.pieces.emplace_back();
    each_field(message, "piece " + std::to_string(id), [&](const WireField& field) {
      if (field.number == piece_field::text) piece.text = bytes_of(field);
      if (field.number == piece_field::score) {
        if (field.kind != WireField::Kind::fixed32) fail("piece " + std::to_string(id) + ": its score is no float");
        piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
      }
      if (field.number == piece_field::type) {
        if (number_of(field) < 1 || number_of(field) > 6)
          fail("piece " + std::to_string(id) + " is of type " + std::to_string(number_of(field)) + ", not 1 to 6");
        piece.type = static_cast<PieceType>(number_of(field));
      }
    });
    if (piece.text.empty() || piece.text.size() > kLongestPiece) {
      fail("piece " + std::to_string(id) + " has " + std::to_string(piece.text.size()) + " bytes, not 1 to " +
           std::to_string(kLongestPiece));
    }
    if (!std::isfinite(piece.score)) fail(named(id) + ": its score is no finite number");
  }

  void read_trainer(std::string_view message) {
    each_field(message, "the trainer's part", [&](const WireField& field) {
      if (field.number == trainer_field::model_type) trainer_.model_type = number_of(field);
      if (field.number == trainer_field::suffix_space) trainer_.suffix_space = flag_of(field);
      if (field.number == trainer_field::byte_fallback) model_.byte_fallback = flag_of(field);
      if (field.number == trainer_field::unknown) trainer_.unknown = id_of(field);
      if (field.number == trainer_field::begin) trainer_.begin = id_of(field);
      if (field.number == trainer_field::end) trainer_.end = id_of(field);
    });
  }

  void read_normalizer(std::string_view message) {
    each_field(message, "the normalizer's part", [&](const WireField& field) {
      if (field.number == normalizer_field::character_map) refuse_map(field);
      if (field.number == normalizer_field::dummy_prefix) model_.dummy_prefix = flag_of(field);
      if (field.number == normalizer_field::collapse_spaces) collapse_spaces_ = flag_of(field);
      if (field.number == normalizer_field::escape_spaces) escape_spaces_ = flag_of(field);
    });
  }
  void read_normalizer_map(std::string_view message) const {
    each_field(message, "the denormalizer's part", [&](const WireField& field) {
      if (field.number == normalizer_field::character_map) refuse_map(field);
    });
  }
  void refuse_map(const WireField& field) const {
    const size_t size = bytes_of(field).size();
    if (size > 0) unsupported("has a character map of " + std::to_string(size) + " bytes");
  }

  void check_kind() const {
    if (model_.pieces.empty()) fail("holds no pieces: no sentencepiece model");
    if (trainer_.model_type != kBpe)
      unsupported("its model_type is " + std::to_string(trainer_.model_type) + ", not 2 (BPE)");
    if (trainer_.suffix_space) unsupported("writes spaces behind words (treat_whitespace_as_suffix)");
    if (collapse_spaces_) unsupported("drops repeated spaces (remove_extra_whitespaces)");
    if (!escape_spaces_) unsupported("does not write spaces as U+2581 (escape_whitespaces)");
  }

  /// Reserved pieces of one character would be met in texts, where the library gives them no bytes.
  void check_texts() const {
    std::unordered_set<std::string_view> known;
    for (size_t id = 0; id < model_.pieces.size(); ++id) {
      const VocabularyPiece& piece = model_.pieces[id];
      if (piece.text.find('\0') != std::string::npos) fail("piece " + std::to_string(id) + " holds a NUL");
      if (!is_utf8(piece.text)) fail("piece " + std::to_string(id) + " is no UTF-8");
      if (!known.insert(piece.text).second) fail(named(id) + " is listed twice");
      const bool reserved = piece.type == PieceType::control || piece.type == PieceType::unknown;
      if (reserved && code_point_at(piece.text, 0).size == static_cast<int64_t>(piece.text.size()))
        fail(named(id) + " is a special one of a single character");
    }
  }
  static bool is_utf8(std::string_view text) {
    for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
      const CodePoint point = code_point_at(text, at);
      if (point.value < 0) return false;
      at += point.size;
    }
    return true;
  }

  void check_byte_pieces() const {
    std::array<bool, 256> seen{};
    int64_t count = 0;
    for (size_t id = 0; id < model_.pieces.size(); ++id) {
      if (model_.pieces[id].type != PieceType::byte) continue;
      const int byte = byte_of(model_.pieces[id].text);
      if (byte < 0) fail(named(id) + " is no byte piece such as <0x0A>");
      seen[static_cast<size_t>(byte)] = true;
      ++count;
    }
    const bool all = std::all_of(seen.begin(), seen.end(), [](bool byte) { return byte; });
    if (model_.byte_fallback && !all) fail("falls back to bytes, but not all of the 256 bytes have a piece");
    if (!model_.byte_fallback && count > 0) fail("has byte pieces, but byte_fallback is off");
  }

  void check_special_pieces() const {
    const auto unknown = std::count_if(model_.pieces.begin(), model_.pieces.end(),
                                       [](const VocabularyPiece& piece) { return piece.type == PieceType::unknown; });
    if (unknown != 1) fail(std::to_string(unknown) + " unknown pieces, not one");
    check_special("unk", trainer_.unknown, PieceType::unknown);
    check_special("bos", trainer_.begin, PieceType::control);
    check_special("eos", trainer_.end, PieceType::control);
  }
  void check_special(const std::string& name, int32_t id, PieceType type) const {
    const bool there = id >= 0 && static_cast<size_t>(id) < model_.pieces.size();
    if (!there || model_.pieces[static_cast<size_t>(id)].type != type)
      fail(name + "_id is " + std::to_string(id) + ", which is no piece of that kind");
  }

  void check_nesting() const {
    std::vector<std::string_view> texts, open;
    for (const VocabularyPiece& piece : model_.pieces) {
      if (piece.type == PieceType::user_defined) texts.push_back(piece.text);
    }
    std::sort(texts.begin(), texts.end());  // a text comes after its own beginnings
    for (const std::string_view text : texts) {
      while (!open.empty() && !text.starts_with(open.back())) open.pop_back();
      open.push_back(text);
      if (open.size() > kMostNested)
        fail("more than " + std::to_string(kMostNested) + " user-defined pieces begin one another");
    }
  }

  std::string place_;
  SentencePieceModel model_;
  Trainer trainer_;
  bool collapse_spaces_ = true, escape_spaces_ = true;  // the schema's defaults
};

}  // namespace

int byte_of(std::string_view piece) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const size_t high = digits.find(piece[3]), low = digits.find(piece[4]);
  return high == std::string_view::npos || low == std::string_view::npos ? -1 : static_cast<int>(16 * high + low);
}

SentencePieceModel read_sentencepiece_model(std::string_view bytes, std::string_view place) {
  return Reader(place).read(bytes);
}

std::string segmenter_file(const SentencePieceModel& model) {
  std::string out, part;
  for (const VocabularyPiece& piece : model.pieces) {
    part.clear();
    write_bytes(part, piece_field::text, piece.text);
    write_float(part, piece_field::score, piece.score);
    write_varint(part, piece_field::type, static_cast<uint64_t>(piece.type));
    write_bytes(out, model_field::piece, part);
  }
  part.clear();
  write_varint(part, trainer_field::model_type, kBpe);
  write_varint(part, trainer_field::byte_fallback, model.byte_fallback ? 1 : 0);
  write_bytes(out, model_field::trainer, part);
  part.clear();
  for (const uint32_t off :
       {normalizer_field::dummy_prefix, normalizer_field::collapse_spaces, normalizer_field::escape_spaces})
    write_varint(part, off, 0);
  write_bytes(out, model_field::normalizer, part);
  return out;
}

}  // namespace rrpo::text
