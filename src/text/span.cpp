#include "rrpo/text/span.h"

#include <algorithm>

#include "rrpo/text/unicode.h"
#include "rrpo/util/error.h"

namespace rrpo::text {
namespace {

constexpr std::string_view kOpen = "<MASK>";
constexpr std::string_view kClose = "</MASK>";

[[noreturn]] void fail(std::string_view place, const std::string& problem, std::string_view fix) {
  throw Error(Fault::input, "data", std::string(place) + ": " + problem, fix);
}

std::string shown(const ByteRange& range) {
  return "[" + std::to_string(range.begin) + ", " + std::to_string(range.end) + ")";
}

/// Spaces and tags in a row, at least one tag among them.
struct TagRun {
  size_t size = 0, spaces = 0;
  std::vector<bool> opens;  ///< true: <MASK>, false: </MASK>
};

TagRun tag_run(std::string_view text) {
  TagRun run;
  while (run.size < text.size()) {
    const std::string_view rest = text.substr(run.size);
    if (rest[0] == ' ') {
      ++run.spaces, ++run.size;
    } else if (rest.starts_with(kOpen) || rest.starts_with(kClose)) {
      run.opens.push_back(rest.starts_with(kOpen));
      run.size += run.opens.back() ? kOpen.size() : kClose.size();
    } else {
      break;
    }
  }
  return run;
}

/// Reads tags in step with the plain text.
class TagReader {
 public:
  TagReader(std::string_view plain, std::string_view place) : plain_(plain), place_(place) { out_.text = plain; }

  MarkedText read(std::string_view tagged) {
    for (size_t at = 0; at < tagged.size();) {
      const TagRun run = tag_run(tagged.substr(at));
      if (!run.opens.empty()) {
        pass_tags(run);
        at += run.size;
      } else if (at_ < plain_.size() && tagged[at] == plain_[at_]) {
        ++at, ++at_;
      } else {
        mismatch();
      }
    }
    if (at_ != plain_.size()) mismatch();
    if (begin_ >= 0) fail(place_, "a <MASK> is not closed", "close it with </MASK>");
    return std::move(out_);
  }

 private:
  [[noreturn]] void mismatch() const {
    fail(place_, "without its tags the marked text differs from the plain one at byte " + std::to_string(at_),
         "make both the same text, each tag with one space beside it");
  }

  /// Each tag goes with at most one of the spaces around it: the plain text shows how many stay.
  void pass_tags(const TagRun& run) {
    const size_t before = at_;
    while (at_ < plain_.size() && plain_[at_] == ' ') ++at_;
    const size_t kept = at_ - before;
    if (kept > run.spaces || kept + run.opens.size() < run.spaces) mismatch();
    for (const bool open : run.opens) {
      if (open) {
        if (begin_ >= 0) fail(place_, "a <MASK> stands inside another", "close the first one before");
        begin_ = static_cast<int64_t>(at_);
      } else {
        if (begin_ < 0) fail(place_, "a </MASK> has no <MASK> before it", "open it with <MASK>");
        // Of an empty phrase, as insertions have it, nothing is marked.
        if (begin_ < static_cast<int64_t>(before)) out_.spans.push_back({begin_, static_cast<int64_t>(before)});
        begin_ = -1;
      }
    }
  }

  std::string_view plain_, place_;
  MarkedText out_;
  size_t at_ = 0;
  int64_t begin_ = -1;
};

/// Bytes of a `<MASK> </MASK>` that the text begins with, else 0.
size_t empty_phrase(std::string_view text) {
  if (!text.starts_with(kOpen)) return 0;
  size_t size = kOpen.size();
  while (size < text.size() && text[size] == ' ') ++size;
  return text.substr(size).starts_with(kClose) ? size + kClose.size() : 0;
}

/// The plain text of a tagged one; what is wrong with the tags is left to the TagReader.
std::string without_tags(std::string_view tagged) {
  constexpr std::string_view kNoSpaceBefore = ".,;:!?)";
  std::string out;
  const auto ends_in_space = [&] { return out.empty() || out.back() == ' '; };
  for (size_t at = 0; at < tagged.size();) {
    const std::string_view rest = tagged.substr(at);
    if (const size_t size = empty_phrase(rest)) {
      at += size;
      const bool is_last = at == tagged.size();
      if (!is_last && tagged[at] == ' ' && ends_in_space()) ++at;
      if ((is_last || kNoSpaceBefore.find(tagged[at]) != std::string_view::npos) && !out.empty() && ends_in_space())
        out.pop_back();
    } else if (rest.starts_with(kOpen)) {
      at += kOpen.size();
      if (at < tagged.size() && tagged[at] == ' ') ++at;
    } else if (rest.starts_with(kClose)) {
      at += kClose.size();
      if (!out.empty() && ends_in_space()) out.pop_back();
    } else {
      out += tagged[at++];
    }
  }
  return out;
}

/// 1 for every byte of a character that is no white space.
std::vector<char> visible_bytes(std::string_view text) {
  std::vector<char> visible(text.size(), 1);
  for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
    const CodePoint point = code_point_at(text, at);
    const char is_visible = char_class(point.value) != CharClass::space;
    std::fill_n(visible.begin() + at, point.size, is_visible);
    at += point.size;
  }
  return visible;
}

}  // namespace

void check_spans(const MarkedText& marked, std::string_view place) {
  constexpr std::string_view kFix = "give sorted, disjoint byte ranges of the text on character borders";
  int64_t before = 0;
  for (const ByteRange& span : marked.spans) {
    if (span.begin < 0 || span.end > static_cast<int64_t>(marked.text.size())) {
      fail(place, "span " + shown(span) + " leaves the text of " + std::to_string(marked.text.size()) + " bytes", kFix);
    }
    if (span.begin >= span.end) fail(place, "span " + shown(span) + " is empty", kFix);
    if (span.begin < before) fail(place, "span " + shown(span) + " overlaps or precedes the one before it", kFix);
    if (!is_char_border(marked.text, span.begin) || !is_char_border(marked.text, span.end)) {
      fail(place, "span " + shown(span) + " cuts a character", kFix);
    }
    before = span.end;
  }
}

MarkedText parse_mask_tags(std::string_view tagged, std::string_view plain, std::string_view place) {
  MarkedText out = TagReader(plain, place).read(tagged);
  if (tagged != with_mask_tags(out)) out.tagged = tagged;
  return out;
}

MarkedText parse_mask_tags(std::string_view tagged, std::string_view place) {
  return parse_mask_tags(tagged, without_tags(tagged), place);
}

bool has_mask_tags(std::string_view text) {
  return text.find(kOpen) != std::string_view::npos || text.find(kClose) != std::string_view::npos;
}

std::string with_mask_tags(const MarkedText& marked) {
  std::string out;
  size_t at = 0;
  for (const ByteRange& span : marked.spans) {
    const auto begin = static_cast<size_t>(span.begin), end = static_cast<size_t>(span.end);
    out += marked.text.substr(at, begin - at) + std::string(kOpen) + " " + marked.text.substr(begin, end - begin) + " " +
           std::string(kClose);
    at = end;
  }
  return out + marked.text.substr(at);
}

AnswerIds encode_answer(const Tokenizer& tokenizer, const MarkedText& answer, int64_t end_of_turn,
                        std::string_view answer_end) {
  const std::vector<char> visible = visible_bytes(answer.text);
  const auto marks = [&](const ByteRange& token, const ByteRange& span) {
    for (int64_t i = std::max(token.begin, span.begin); i < std::min(token.end, span.end); ++i) {
      if (visible[static_cast<size_t>(i)]) return true;
    }
    return false;
  };
  AnswerIds out;
  for (const Token& token : tokenizer.encode(answer.text + std::string(answer_end))) {
    out.ids.push_back(token.id);
    int64_t phrase = 0;
    for (size_t i = 0; i < answer.spans.size() && phrase == 0; ++i) {
      if (marks(token.bytes, answer.spans[i])) phrase = static_cast<int64_t>(i) + 1;
    }
    out.phrase.push_back(phrase);
  }
  out.ids.push_back(end_of_turn);
  out.phrase.push_back(0);
  return out;
}

}  // namespace rrpo::text
