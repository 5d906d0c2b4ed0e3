#include "rrpo/text/sentencepiece.h"

#include <sentencepiece_processor.h>

#include <algorithm>

#include "rrpo/text/unicode.h"
#include "rrpo/util/error.h"

namespace rrpo::text {
namespace {

constexpr std::string_view kSpace = "\u2581";
constexpr std::string_view kReplacement = "\ufffd";

/// Bytes of the space at `at` as a text may write it, 0 for anything else.
int64_t space_size(std::string_view text, int64_t at) {
  if (text[static_cast<size_t>(at)] == ' ') return 1;
  return text.substr(static_cast<size_t>(at)).starts_with(kSpace) ? static_cast<int64_t>(kSpace.size()) : 0;
}

/// One character of a text, the bytes that it has there and in the form that is segmented.
struct Character {
  int64_t size = 0;
  std::string_view form;
};

Character character_at(std::string_view text, int64_t at) {
  if (text[static_cast<size_t>(at)] == ' ') return {1, kSpace};
  const CodePoint point = code_point_at(text, at);
  if (point.value < 0) return {1, kReplacement};
  return {point.size, text.substr(static_cast<size_t>(at), static_cast<size_t>(point.size))};
}

/// Walks over a text by the bytes of its segmented form. Where the forms differ (a space, a broken byte) every byte of one
/// stands for all of the other.
class Walk {
 public:
  Walk(std::string_view text, bool prefix) : text_(text) {
    if (prefix) current_ = {0, kSpace};
  }

  /// The bytes of the text behind the next `size` > 0 bytes of its form.
  ByteRange range(int64_t size) {
    ByteRange out{-1, 0};
    while (size > 0) {
      const int64_t form = static_cast<int64_t>(current_.form.size());
      if (used_ == form) {
        at_ += current_.size;
        current_ = character_at(text_, at_);
        used_ = 0;
        continue;
      }
      const int64_t take = std::min(size, form - used_);
      const bool alike = form == current_.size;
      if (out.begin < 0) out.begin = alike ? at_ + used_ : at_;
      out.end = alike ? at_ + used_ + take : at_ + current_.size;
      used_ += take;
      size -= take;
    }
    return out;
  }

 private:
  std::string_view text_;
  Character current_;
  int64_t at_ = 0, used_ = 0;
};

/// Appends the form of the spaces at `at` and of what follows up to the next space; returns its end.
int64_t take_word(std::string_view text, int64_t at, std::string& form) {
  const int64_t size = static_cast<int64_t>(text.size());
  while (at < size) {
    const int64_t space = space_size(text, at);
    if (space == 0) break;
    form += kSpace;
    at += space;
  }
  while (at < size && space_size(text, at) == 0) {
    const Character character = character_at(text, at);
    form += character.form;
    at += character.size;
  }
  return at;
}

/// True when "▁" is a piece of its own and no piece has one behind another character. Then nothing merges over the
/// beginning of a word, and a text's pieces are those of its words.
bool pieces_end_with_words(const SentencePieceModel& model) {
  bool space = false;
  for (const VocabularyPiece& piece : model.pieces) {
    const bool in_text = piece.type == PieceType::normal || piece.type == PieceType::user_defined;
    space = space || (in_text && piece.text == kSpace);
    size_t at = 0;
    while (std::string_view(piece.text).substr(at).starts_with(kSpace)) at += kSpace.size();
    if (piece.text.find(kSpace, at) != std::string::npos) return false;
  }
  return space;
}

std::string with_spaces(std::string_view piece) {
  std::string out;
  for (size_t at = 0; at < piece.size();) {
    const bool space = piece.substr(at).starts_with(kSpace);
    out += space ? ' ' : piece[at];
    at += space ? kSpace.size() : 1;
  }
  return out;
}

/// As the library decodes: U+FFFD for each byte that is no UTF-8.
std::string replace_broken(std::string_view bytes) {
  std::string out;
  for (int64_t at = 0; at < static_cast<int64_t>(bytes.size());) {
    const CodePoint point = code_point_at(bytes, at);
    out += point.value < 0 ? kReplacement : bytes.substr(static_cast<size_t>(at), static_cast<size_t>(point.size));
    at += point.size;
  }
  return out;
}

}  // namespace

struct SentencePiece::Library {
  sentencepiece::SentencePieceProcessor processor;
};

SentencePiece::SentencePiece(const SentencePieceFiles& files, std::string_view place)
    : library_(std::make_unique<Library>()),
      dummy_prefix_(files.model.dummy_prefix),
      prefix_everywhere_(files.prefix_everywhere),
      words_apart_(pieces_end_with_words(files.model)) {
  read_pieces(files.model);
  read_added(files.added, place);
  added_.sort();
  const auto status = library_->processor.LoadFromSerializedProto(segmenter_file(files.model));
  if (!status.ok()) {
    throw Error(Fault::input, "tokenizer", std::string(place) + ": " + status.message(),
                "take the tokenizer files of the checkpoint");
  }
}

SentencePiece::~SentencePiece() = default;

void SentencePiece::read_pieces(const SentencePieceModel& model) {
  for (const VocabularyPiece& piece : model.pieces) {
    const int64_t id = size();
    ids_.emplace(piece.text, id);
    Entry& entry = entries_.emplace_back();
    entry.used = true;
    entry.byte = piece.type == PieceType::byte;
    entry.special = piece.type == PieceType::control || piece.type == PieceType::unknown;
    entry.bytes = entry.special ? piece.text : with_spaces(piece.text);
    if (entry.byte) entry.bytes.assign(1, static_cast<char>(byte_of(piece.text)));
    if (entry.special) added_.insert({id, piece.text, true, false});
  }
}

void SentencePiece::read_added(const std::vector<AddedToken>& added, std::string_view place) {
  const auto fail = [&](const std::string& problem) {
    throw Error(Fault::input, "tokenizer", std::string(place) + ": " + problem,
                "take the tokenizer files of the checkpoint");
  };
  constexpr int64_t kLargestId = int64_t{1} << 22;
  for (const AddedToken& token : added) {
    if (token.text.empty()) fail("an added token is empty");
    if (token.id < 0 || token.id > kLargestId)
      fail("added token '" + token.text + "' has id " + std::to_string(token.id) + ", outside 0.." +
           std::to_string(kLargestId));
    if (token.id >= size()) entries_.resize(static_cast<size_t>(token.id) + 1);
    Entry& entry = entries_[static_cast<size_t>(token.id)];
    const bool known = !ids_.emplace(token.text, token.id).second;
    if (id_of(token.text) != token.id || (entry.used && !known))
      fail("added token '" + token.text + "' and another one claim id " + std::to_string(token.id));
    if (entry.added) fail("added token '" + token.text + "' is listed twice");
    const bool recognised = entry.special;
    entry.used = entry.added = true;
    entry.special = entry.special || token.special;
    entry.byte = false;
    entry.bytes = token.text;
    if (!recognised) added_.insert(token);
  }
}

int64_t SentencePiece::id_of(std::string_view token) const {
  const auto found = ids_.find(std::string(token));
  return found == ids_.end() ? -1 : found->second;
}

/// Pieces of a text in its segmented form. Of the pieces for the bytes of one character the library gives all bytes to the
/// last.
Pieces SentencePiece::segment(std::string_view word) const {
  const auto text = library_->processor.EncodeAsImmutableProto(word);
  Pieces pieces;
  size_t covered = 0;
  for (size_t i = 0; i < text.pieces_size(); ++i) {
    const auto piece = text.pieces(static_cast<int>(i));
    const bool byte = entries_[piece.id()].byte;
    pieces.push_back({static_cast<int32_t>(piece.id()), byte ? 1 : static_cast<int32_t>(piece.end() - piece.begin())});
    covered += static_cast<size_t>(pieces.back().size);
  }
  expect(covered == word.size(), "sentencepiece's tokens do not cover the text");
  return pieces;
}

/// Encodes text between added tokens; `offset` is where it begins in the whole text.
void SentencePiece::encode_stretch(std::string_view text, int64_t offset, bool prefix, std::vector<Token>& out) const {
  const int64_t size = static_cast<int64_t>(text.size());
  Walk walk(text, prefix);
  Pieces scratch;
  std::string form(prefix ? kSpace : "");
  for (int64_t at = 0; at < size; form.clear()) {
    do at = take_word(text, at, form);
    while (!words_apart_ && at < size);
    for (const Piece& piece : words_.pieces(form, scratch, [&](std::string_view it) { return segment(it); })) {
      const ByteRange range = walk.range(piece.size);
      out.push_back({piece.id, {range.begin + offset, range.end + offset}});
    }
  }
}

std::vector<Token> SentencePiece::encode(std::string_view text) const {
  // the form has up to three bytes for one, and the library counts in 32 bits
  expect(text.size() < size_t{1} << 29, "a text of 512 MiB is not tokenised at once");
  std::vector<Token> out;
  added_.split(
      text,
      [&](int64_t begin, int64_t end) {
        encode_stretch(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), begin,
                       dummy_prefix_ && (prefix_everywhere_ || begin == 0), out);
      },
      [&](const AddedToken& token, int64_t at) {
        out.push_back({token.id, {at, at + static_cast<int64_t>(token.text.size())}});
      });
  return out;
}

std::string SentencePiece::decode(const std::vector<int64_t>& ids, bool skip_special) const {
  std::string bytes;
  bool prefixed = false;
  for (const int64_t id : ids) {
    if (id < 0 || id >= size()) continue;  // rows of the embedding beyond the vocabulary have no text
    const Entry& entry = entries_[static_cast<size_t>(id)];
    if (entry.special && skip_special) continue;
    const bool prefix = dummy_prefix_ && bytes.empty() && !prefixed && !entry.byte && entry.bytes.starts_with(' ');
    prefixed = prefixed || prefix;
    bytes.append(entry.bytes, prefix ? 1 : 0);
  }
  return replace_broken(bytes);
}

}  // namespace rrpo::text
