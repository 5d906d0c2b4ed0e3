// A reply without its wrapping, and the answers that it puts into a frame of their own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rrpo::rows {

struct Reply {
  std::string text;                    ///< what is said beside the frames
  std::vector<std::string> answers{};  ///< contents of `<answer>…</answer>`, `\boxed{…}`, a JSON object's answer, in order
};

/// Thinking is cut, and so is all behind an end-of-turn token; code fences, HTML tags and chat tokens go.
Reply read_reply(std::string_view raw);

/// `word` (yes, no) stands anywhere in the reply as a word, in any case: how VideoHallucer's scripts read replies.
bool says_word(std::string_view reply, std::string_view word);

/// The words that a reply puts forward as its answer: the framed one where there is one, else all of it.
std::string answer_text(std::string_view raw);

}  // namespace rrpo::rows
