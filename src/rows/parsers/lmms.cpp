#include "lmms.h"

#include <algorithm>
#include <array>
#include <optional>

namespace rrpo::rows {
namespace {

constexpr std::array<py::View, 27> kPhrases = {U"the answer is",
                                               U"answer is",
                                               U"the correct answer is",
                                               U"correct answer is",
                                               U"the best answer is",
                                               U"best answer is",
                                               U"the correct option is",
                                               U"correct option is",
                                               U"the best option is",
                                               U"best option is",
                                               U"the choice is",
                                               U"choice is",
                                               U"the correct choice is",
                                               U"correct choice is",
                                               U"i choose",
                                               U"i select",
                                               U"i pick",
                                               U"my answer is",
                                               U"my choice is",
                                               U"\uc635\uc158",
                                               U"\uc815\ub2f5\uc740",
                                               U"\ub2f5\uc740",
                                               U"\ub2f5:",
                                               U"\u7b54\u6848\u662f",
                                               U"\u7b54\u6848\u4e3a",
                                               U"\u9009",
                                               U"\u7b54\u3048\u306f"};

/// The best letter so far: of the highest rank, then the last one, then the first that was seen.
class Best {
 public:
  void see(char32_t key, int rank, size_t at) {
    if (key_ != 0 && (rank < rank_ || (rank == rank_ && at <= at_))) return;
    key_ = key;
    rank_ = rank;
    at_ = at;
  }
  std::string key() const { return key_ == 0 ? std::string() : std::string{static_cast<char>(key_)}; }

 private:
  char32_t key_ = 0;
  int rank_ = 0;
  size_t at_ = 0;
};

void see_forms(py::View text, char32_t key, Best& best) {
  const auto last = [&](const py::Text& form, int rank) {
    if (const size_t at = text.rfind(form); at != py::View::npos) best.see(key, rank, at);
  };
  last({U'(', key, U')'}, 6);
  last({key, U'.'}, 5);
  last({key, U':'}, 4);
  last({key, U')'}, 3);
  last({key, U' '}, 2);
}

void see_phrases(py::View text, Best& best) {
  const py::Text small = py::lower(text);
  for (const py::View phrase : kPhrases) {
    const size_t at = small.find(phrase);
    if (at == py::View::npos) continue;
    for (char32_t key = U'A'; key <= U'D'; ++key) {  // the place in the small text is used in the text itself, as they do
      const size_t place = text.find(key, at + phrase.size());
      if (place != py::View::npos) best.see(key, 7, place);
    }
  }
}

void see_ends(py::View text, size_t padded, Best& best) {
  const auto is_key = [](char32_t c) { return c >= U'A' && c <= U'D'; };
  if (text.empty()) return;
  if (is_key(text.front()) && (text.size() == 1 || !py::is_alpha(text[1]))) best.see(text.front(), 10, 0);
  if (is_key(text.back()) && (text.size() == 1 || !py::is_alpha(text[text.size() - 2])))
    best.see(text.back(), 9, padded - 1);
}

void see_anywhere(py::View text, Best& best) {
  for (char32_t key = U'A'; key <= U'D'; ++key) {
    if (const size_t at = text.rfind(key); at != py::View::npos) best.see(key, 0, at);
  }
}

constexpr py::View kPunctuation = U";/[]\"{}()=+\\_-><@`,?!";

bool has_number_with_comma(py::View text) {
  for (size_t at = 1; at + 1 < text.size(); ++at) {
    if (text[at] == U',' && py::is_decimal(text[at - 1]) && py::is_decimal(text[at + 1])) return true;
  }
  return false;
}

/// A character that has a blank beside it somewhere goes, another becomes a blank. Of the full stops without a digit behind
/// them the first 32 go: a flag is passed as a count.
py::Text without_punctuation(py::View text) {
  const bool number = has_number_with_comma(text);
  py::Text out(text);
  for (const char32_t c : kPunctuation) {
    const bool apart = py::contains(text, py::Text{c, U' '}) || py::contains(text, py::Text{U' ', c}) || number;
    out = py::replaced(out, {&c, 1}, apart ? U"" : U" ");
  }
  py::Text kept;
  int gone = 0;
  for (size_t at = 0; at < out.size(); ++at) {
    const bool stop = out[at] == U'.' && !(at + 1 < out.size() && py::is_decimal(out[at + 1]));
    if (!stop || gone == 32)
      kept.push_back(out[at]);
    else
      ++gone;
  }
  return kept;
}

/// `B. …` with something behind on the same line, which is the last one.
std::optional<char32_t> lettered_line(py::View text) {
  if (text.size() < 3 || text[1] != U'.') return std::nullopt;
  const char32_t c = text[0] >= U'a' && text[0] <= U'z' ? text[0] - 32 : text[0];
  if (c < U'A' || c > U'E') return std::nullopt;
  // Blanks, which may be new lines, then at least one character, and no new line among these: the blanks can give one back.
  size_t first = 2;
  while (first < text.size() && py::is_space(text[first])) ++first;
  const bool open = first < text.size() && text.find(U'\n', first) == py::View::npos;
  return open ? std::optional(c) : std::nullopt;
}

py::Text normalized(py::View text) {
  py::Text out;
  const py::Text small = py::lower(py::strip(text));
  for (const py::View word : py::split(small)) {
    if (!out.empty()) out.push_back(U' ');
    out += word;
  }
  return out;
}

std::string key_of(size_t index) { return {static_cast<char>('A' + index)}; }

}  // namespace

std::string lmms_letter(py::View reply) {
  py::View text = py::strip(reply);
  if (text.empty()) return "";
  for (const char32_t c : py::View(U",.!?;:'\"")) text = py::strip(text, {&c, 1});
  const py::Text padded = U" " + py::Text(text) + U" ";
  Best best;
  for (char32_t key = U'A'; key <= U'D'; ++key) see_forms(padded, key, best);
  see_phrases(padded, best);
  see_ends(py::strip(padded), padded.size(), best);
  if (best.key().empty()) see_anywhere(padded, best);
  return best.key();
}

MvbenchReading lmms_mvbench(py::View reply) {
  if (const std::optional<char32_t> letter = lettered_line(py::strip(reply))) return {{static_cast<char>(*letter)}, {}};
  const py::Text line = py::replaced(py::replaced(reply, U"\n", U" "), U"\t", U" ");
  const py::Text bare = without_punctuation(py::strip(line));
  py::View rest = bare;
  for (const py::View c : {U"'", U"\"", U")", U"("}) rest = py::strip(rest, c);
  const py::Text small = py::lower(py::strip(rest));
  for (size_t at = 0; at < small.size(); ++at) {
    if (small[at] >= U'a' && small[at] <= U'e' && py::stands_alone(small, at, at + 1))
      return {{static_cast<char>(small[at] - 32)}, {}};
  }
  return {"", small};
}

std::string lmms_tvbench(py::View reply, const std::vector<Option>& options) {
  const py::View text = py::strip(reply);
  if (text.empty()) return "";
  const char32_t end = U'A' + static_cast<char32_t>(std::min<size_t>(std::max<size_t>(options.size(), 2), 26));
  const auto is_capital = [](char32_t c) { return c >= U'A' && c <= U'Z'; };
  const py::Text capitals = py::upper(text);
  for (size_t at = 0; at < capitals.size(); ++at) {
    if (!is_capital(capitals[at]) || !py::stands_alone(capitals, at, at + 1)) continue;
    if (capitals[at] < end) return {static_cast<char>(capitals[at])};
    break;  // only the first one is looked at
  }
  const size_t front = capitals[0] == U'(' || capitals[0] == U'[' ? 1 : 0;
  if (front < capitals.size() && is_capital(capitals[front]) && capitals[front] < end)
    return {static_cast<char>(capitals[front])};
  const py::Text said = normalized(text);
  std::string found;
  for (size_t i = 0; i < options.size(); ++i) {
    const py::Text candidate = normalized(py::text_of(options[i].text));
    if (candidate.empty() || !py::contains(said, candidate)) continue;
    if (!found.empty()) return "";
    found = key_of(i);
  }
  return found;
}

std::string lmms_tvbench_truth(py::View answer, const std::vector<Option>& options) {
  const py::View text = py::strip(answer);
  if (text.size() == 1 && py::is_alpha(text[0])) return py::utf8(py::upper(text));
  const bool number = !text.empty() && text.size() < 10 && text.find_first_not_of(U"0123456789") == py::View::npos;
  if (number) {
    const size_t place = std::stoul(py::utf8(text));
    if (place < options.size()) return key_of(place);
    if (place == options.size()) return key_of(place - 1);
  }
  for (size_t i = 0; i < options.size(); ++i) {
    if (normalized(py::text_of(options[i].text)) == normalized(text)) return key_of(i);
  }
  return py::utf8(py::upper(text));
}

}  // namespace rrpo::rows
