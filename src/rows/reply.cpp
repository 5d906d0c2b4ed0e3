#include "rrpo/rows/reply.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "rrpo/util/json_file.h"
#include "rrpo/util/thinking.h"

namespace rrpo::rows {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin));
}

/// What stands before the first token that ends a turn.
std::string first_turn(const std::string& text) {
  constexpr std::array<std::string_view, 6> kEnds = {"<|im_end|>",    "<|eot_id|>",    "</s>",
                                                     "<|endoftext|>", "<end_of_turn>", "<|end|>"};
  size_t end = text.size();
  for (const std::string_view token : kEnds) end = std::min(end, text.find(token));
  return text.substr(0, end);
}

/// The content of a code fence that is the whole text.
std::string unfenced(const std::string& text) {
  constexpr std::string_view kFence = "```";
  if (!text.starts_with(kFence) || !text.ends_with(kFence) || text.size() < 2 * kFence.size()) return text;
  const std::string inside = text.substr(kFence.size(), text.size() - 2 * kFence.size());
  if (inside.find(kFence) != std::string::npos) return text;
  const size_t line = inside.find('\n');
  const bool language = line != std::string::npos &&
                        std::all_of(inside.begin(), inside.begin() + static_cast<std::ptrdiff_t>(line),
                                    [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '\r'; });
  return trim(language ? inside.substr(line) : inside);
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? value.dump() : "";
}

/// The answer of a reply that is a JSON object; of one without a member of such a name, its only member.
std::optional<std::string> json_answer(const std::string& text) {
  constexpr size_t kMost = 1 << 16;
  if (!text.starts_with('{') || text.size() > kMost) return std::nullopt;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  for (const char* name :
       {"answer", "Answer", "final_answer", "Final Answer", "choice", "option", "prediction", "response"}) {
    if (json.contains(name)) return text_of(json.at(name));
  }
  return json.size() == 1 ? text_of(json.begin().value()) : "";
}

/// A frame around an answer. `nested`: braces inside it are counted.
struct Frame {
  std::string_view begin, end;
  bool nested = false;
};

constexpr std::array<Frame, 4> kFrames = {
    {{"<answer>", "</answer>"}, {"<|begin_of_box|>", "<|end_of_box|>"}, {"\\boxed{", "}", true}, {"\\fbox{", "}", true}}};

size_t end_of(const std::string& text, size_t from, const Frame& frame) {
  if (!frame.nested) return text.find(frame.end, from);
  int64_t depth = 1;
  for (size_t i = from; i < text.size(); ++i) {
    depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
    if (depth == 0) return i;
  }
  return std::string::npos;
}

/// Moves the contents of frames of one kind out of `text`; one that does not end is cut, and holds the rest.
void take_frames(const Frame& frame, Reply& reply) {
  std::string& text = reply.text;
  std::string small = text;
  std::transform(small.begin(), small.end(), small.begin(),
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); });
  for (size_t begin = small.find(frame.begin); begin != std::string::npos; begin = small.find(frame.begin, begin)) {
    const size_t inside = begin + frame.begin.size(), found = end_of(small, inside, frame);
    const size_t end = std::min(found, text.size());
    const size_t after = found == std::string::npos ? text.size() : end + frame.end.size();
    reply.answers.push_back(trim(text.substr(inside, end - inside)));
    text.replace(begin, after - begin, " ");
    small.replace(begin, after - begin, " ");
  }
}

/// HTML tags and chat tokens become blanks.
std::string without_tags(const std::string& text) {
  constexpr size_t kLongest = 40;
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = text[i] == '<' ? text.find_first_of("<>\n", i + 1) : std::string::npos;
    const bool closes = end != std::string::npos && text[end] == '>' && end - i <= kLongest && end > i + 1;
    const size_t name = i + (closes && text[i + 1] == '/' ? 2 : 1);
    if (closes && (std::isalpha(static_cast<unsigned char>(text[name])) != 0 || text[name] == '|')) {
      out += ' ';
      i = end;
    } else {
      out += text[i];
    }
  }
  return trim(out);
}

}  // namespace

Reply read_reply(std::string_view raw) {
  Reply out{unfenced(trim(first_turn(without_thinking(raw))))};
  if (const auto answer = json_answer(out.text)) return {"", {*answer}};
  for (const Frame& frame : kFrames) take_frames(frame, out);
  out.text = without_tags(out.text);
  for (std::string& answer : out.answers) answer = without_tags(answer);
  return out;
}

std::string answer_text(std::string_view raw) {
  Reply reply = read_reply(raw);
  return reply.answers.empty() ? reply.text : reply.answers.back();
}

}  // namespace rrpo::rows
