#include "rrpo/text/wordpiece.h"

#include <utf8proc.h>

#include <algorithm>

#include "rrpo/text/unicode.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"

namespace rrpo::text {
namespace {

constexpr std::string_view kGoesOn = "##";
constexpr int32_t kReplacement = 0xfffd;
/// Longer words are unknown as a whole.
constexpr int64_t kLongestWord = 100;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& problem) {
  throw Error(Fault::input, "tokenizer", file.string() + ": " + problem, "take the vocab.txt of bert-base-uncased");
}

/// Categories Cc, Cf, Cs, Co and Cn, but for the three that are white space.
bool is_control(int32_t code_point) {
  if (code_point == '\t' || code_point == '\n' || code_point == '\r') return false;
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
      return true;
    default:
      return false;
  }
}

/// The blocks of Chinese characters, which BERT takes for words.
bool is_chinese(int32_t code_point) {
  constexpr int32_t kBlocks[][2] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
                                    {0x2b740, 0x2b81f}, {0x2b820, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
  return std::any_of(std::begin(kBlocks), std::end(kBlocks),
                     [&](const auto& block) { return code_point >= block[0] && code_point <= block[1]; });
}

/// Unicode's P* categories, and every ASCII character that is no letter, number, control character or space.
bool is_punctuation(int32_t code_point) {
  if (code_point < 0x80) return code_point > ' ' && code_point < 0x7f && char_class(code_point) == CharClass::other;
  const auto category = utf8proc_category(code_point);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

struct Part {
  int32_t code_point, combining_class;
};

/// Appends the canonical decomposition of the character in lower case.
void decompose(int32_t code_point, std::vector<Part>& out) {
  utf8proc_int32_t parts[32];
  int boundary = 0;
  const auto count = utf8proc_decompose_char(utf8proc_tolower(code_point), parts, 32, UTF8PROC_DECOMPOSE, &boundary);
  for (int64_t i = 0; i < count; ++i) out.push_back({parts[i], utf8proc_get_property(parts[i])->combining_class});
}

/// Brings the marks behind each letter into canonical order.
void sort_marks(std::vector<Part>& parts) {
  for (auto begin = parts.begin(); begin != parts.end();) {
    if (begin->combining_class == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, parts.end(), [](const Part& part) { return part.combining_class == 0; });
    std::stable_sort(begin, end, [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
    begin = end;
  }
}

/// Calls `word(text)` for each word of a text as BERT's basic tokenizer splits it.
template <class Word>
void each_word(std::string_view text, Word word) {
  std::vector<Part> parts;
  const auto flush = [&] {
    sort_marks(parts);
    std::string one;
    const auto emit = [&] {
      if (!one.empty()) word(one);
      one.clear();
    };
    for (const Part& part : parts) {
      if (utf8proc_category(part.code_point) == UTF8PROC_CATEGORY_MN) continue;
      const bool alone = is_punctuation(part.code_point);
      if (alone) emit();
      append_code_point(one, part.code_point);
      if (alone) emit();
    }
    emit();
    parts.clear();
  };
  for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
    const CodePoint point = code_point_at(text, at);
    at += point.size;
    if (point.value <= 0 || point.value == kReplacement || is_control(point.value)) continue;
    const bool chinese = is_chinese(point.value);
    if (chinese || char_class(point.value) == CharClass::space) flush();
    if (char_class(point.value) != CharClass::space) decompose(point.value, parts);
    if (chinese) flush();
  }
  flush();
}

int64_t length_of(std::string_view word) {
  int64_t characters = 0;
  for (int64_t at = 0; at < static_cast<int64_t>(word.size()); ++characters) at += code_point_at(word, at).size;
  return characters;
}

}  // namespace

WordPiece::WordPiece(const std::filesystem::path& vocabulary, const std::vector<std::string>& added) {
  constexpr uintmax_t kLargestFile = uintmax_t{64} << 20;  // the one in use has 232 kB
  std::error_code unreadable;
  if (std::filesystem::file_size(vocabulary, unreadable) > kLargestFile && !unreadable) fail(vocabulary, "is beyond 64 MiB");
  const std::string file = read_file(vocabulary, "tokenizer");
  for (size_t begin = 0; begin < file.size();) {
    const size_t end = std::min(file.find('\n', begin), file.size());
    std::string token = file.substr(begin, end - begin);
    if (token.ends_with('\r')) token.pop_back();
    if (!ids_.emplace(token, size_++).second) fail(vocabulary, "lists '" + printable(token) + "' twice");
    begin = end + 1;
  }
  for (const std::string& token : added) {
    if (ids_.emplace(token, size_).second) ++size_;
  }
  for (const auto& [token, id] :
       {std::pair<const char*, int64_t*>{"[UNK]", &unknown_}, {"[CLS]", &begin_}, {"[SEP]", &end_}}) {
    *id = id_of(token);
    if (*id < 0) fail(vocabulary, std::string("has no ") + token);
  }
  std::vector<std::string> special = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
  special.insert(special.end(), added.begin(), added.end());
  for (const std::string& token : special) {
    if (id_of(token) >= 0) special_.insert({.id = id_of(token), .text = token, .special = true});
  }
  special_.sort();
}

int64_t WordPiece::id_of(std::string_view token) const {
  const auto found = ids_.find(std::string(token));
  return found == ids_.end() ? -1 : found->second;
}

void WordPiece::encode_word(std::string_view word, std::vector<int64_t>& out) const {
  const size_t first = out.size();
  bool known = length_of(word) <= kLongestWord;
  for (size_t begin = 0; known && begin < word.size();) {
    int64_t id = -1;
    size_t end = word.size();
    for (; end > begin; --end) {
      if (!is_char_border(word, static_cast<int64_t>(end))) continue;
      id = id_of(std::string(begin > 0 ? kGoesOn : "").append(word, begin, end - begin));
      if (id >= 0) break;
    }
    known = id >= 0;
    out.push_back(id);
    begin = end;
  }
  if (known) return;
  out.resize(first);
  out.push_back(unknown_);
}

std::vector<int64_t> WordPiece::encode(std::string_view text) const {
  std::vector<int64_t> out;
  special_.split(
      text,
      [&](int64_t begin, int64_t end) {
        each_word(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
                  [&](const std::string& word) { encode_word(word, out); });
      },
      [&](const AddedToken& token, int64_t) { out.push_back(token.id); });
  return out;
}

std::vector<int64_t> WordPiece::encode_for_eye(std::string_view text, int64_t most) const {
  expect(most >= 2, "an eye that reads no text is given one");
  std::vector<int64_t> ids = encode(text);
  const auto room = static_cast<size_t>(most - 2);
  if (ids.size() > room) ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(room));
  ids.insert(ids.begin(), begin_);
  ids.push_back(end_);
  return ids;
}

}  // namespace rrpo::text
