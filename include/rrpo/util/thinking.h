// The frame around what a language model says: thinking aloud.
#pragma once

#include <string>
#include <string_view>

namespace rrpo {

/// `reply` without the thinking that some models leave in it, and without blanks around: `<think>…</think>` anywhere, all in
/// front of a lone `</think>`, all behind a `<think>` that does not end. Empty when nothing was said beside it.
std::string without_thinking(std::string_view reply);

}  // namespace rrpo
