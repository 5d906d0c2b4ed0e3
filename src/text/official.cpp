#include "rrpo/text/official.h"

#include <algorithm>

#include "rrpo/util/error.h"

namespace rrpo::text {
namespace {

/// Stand for the tags, which their copy of the tokenizer has as added tokens.
constexpr int64_t kOpen = -1, kClose = -2;

/// The id of a text that must be one token.
int64_t only_id(const Tokenizer& tokenizer, std::string_view text, const char* shown) {
  const std::vector<int64_t> ids = encode_ids(tokenizer, text);
  if (ids.size() == 1) return ids.front();
  throw Error(Fault::usage, "compat", std::string(shown) + " is not one token of this model",
              "compat=official needs a ChatML model with a byte-level tokenizer, such as LLaVA-Video");
}

/// Ids of a text with tags: each tag is one id, what stands between is tokenised apart.
std::vector<int64_t> encode_tagged(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int64_t> out;
  while (!text.empty()) {
    const size_t open = text.find("<MASK>"), close = text.find("</MASK>"), tag = std::min(open, close);
    const std::vector<int64_t> piece = encode_ids(tokenizer, text.substr(0, tag));
    out.insert(out.end(), piece.begin(), piece.end());
    if (tag == std::string_view::npos) break;
    out.push_back(open < close ? kOpen : kClose);
    text.remove_prefix(tag + (open < close ? 6 : 7));
  }
  return out;
}

/// What is left of tagged ids without the tags, and the mark of each id: the number of the phrase, 0 outside.
AnswerIds walk(const std::vector<int64_t>& tagged, int64_t space) {
  AnswerIds out;
  int64_t phrases = 0, mark = 0;
  for (size_t k = 0; k < tagged.size();) {
    const int64_t id = tagged[k], next = k + 1 < tagged.size() ? tagged[k + 1] : space - 1;
    const bool space_first = id == space && (next == kOpen || next == kClose);
    const int64_t tag = space_first ? next : id;
    if (tag == kOpen || tag == kClose) {
      mark = tag == kOpen ? ++phrases : 0;
      k += space_first || next == space ? 2 : 1;
    } else {
      out.ids.push_back(id);
      out.phrase.push_back(mark);
      ++k;
    }
  }
  return out;
}

/// Why the marks of `walked` do not fit the plain text's ids; empty when they do.
std::string misfit(const AnswerIds& walked, const std::vector<int64_t>& plain) {
  if (walked.ids.size() != plain.size()) {
    return "without its tags the tagged text has " + std::to_string(walked.ids.size()) + " tokens, the plain one " +
           std::to_string(plain.size());
  }
  for (size_t i = 1; i < plain.size(); ++i) {
    const bool one_run = walked.ids[i - 1] != plain[i - 1] && walked.ids[i] != plain[i];
    if (one_run && walked.phrase[i - 1] != walked.phrase[i])
      return "tokens of the tagged text differ from the plain one's across the border of a phrase";
  }
  return "";
}

/// A line break in the white space that the answer begins with would become one token with that before it.
bool begins_with_line_break(const std::string& text) {
  const size_t blank = std::min(text.find_first_not_of(" \t\v\f\r\n"), text.size());
  return text.find_first_of("\r\n") < blank;
}

}  // namespace

OfficialAnswer official_answer(const Tokenizer& tokenizer, const MarkedText& answer, std::string_view place) {
  const std::string head = "<|im_start|>assistant\n", tail = "<|im_end|>\n";
  const std::vector<int64_t> header = encode_ids(tokenizer, head), plain = encode_ids(tokenizer, head + answer.text + tail);
  if (begins_with_line_break(answer.text) || !std::equal(header.begin(), header.end(), plain.begin())) {
    throw Error(Fault::input, "data", std::string(place) + ": the answer begins with a line break",
                "remove it, or leave compat=official out");
  }
  const std::string tagged = answer.tagged.empty() ? with_mask_tags(answer) : answer.tagged;
  const AnswerIds walked = walk(encode_tagged(tokenizer, head + tagged + tail), only_id(tokenizer, " ", "a space"));
  OfficialAnswer out;
  const auto begin = static_cast<std::ptrdiff_t>(header.size());
  out.answer.ids.assign(plain.begin() + begin, plain.end());
  out.answer.phrase.assign(out.answer.ids.size(), 0);
  out.unmarked = misfit(walked, plain);
  if (!out.unmarked.empty()) return out;
  out.answer.phrase.assign(walked.phrase.begin() + begin, walked.phrase.end());
  const bool marks = std::any_of(walked.phrase.begin(), walked.phrase.end(), [](int64_t phrase) { return phrase > 0; });
  if (!marks) out.unmarked = has_mask_tags(tagged) ? "no token lies between its tags" : "it has no tags";
  return out;
}

std::vector<int64_t> official_labels(const Tokenizer& tokenizer, const std::vector<int64_t>& ids, bool to_answer) {
  const int64_t newline = only_id(tokenizer, "\n", "a newline"), start = only_id(tokenizer, "<|im_start|>", "<|im_start|>"),
                end = only_id(tokenizer, "<|im_end|>", "<|im_end|>");
  const auto header = to_answer ? std::find(ids.rbegin(), ids.rend(), start).base() : ids.end();
  std::vector<int64_t> places;
  for (auto id = ids.begin(); id != ids.end(); ++id) {
    if (id >= header || *id == newline || *id == start || *id == end) places.push_back(id - ids.begin());
  }
  return places;
}

}  // namespace rrpo::text
