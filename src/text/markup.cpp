#include "rrpo/text/markup.h"

#include <algorithm>
#include <array>
#include <vector>

namespace rrpo::text {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

constexpr std::array<std::string_view, 11> kMarkers = {
    "<image>",  "<video>",    "[INST]",          "[/INST]",       "<<SYS>>",
    "<</SYS>>", "<im_start>", "<start_of_turn>", "<end_of_turn>", "<image_soft_token>",
    "<im_end>",
};

constexpr std::array<std::string_view, 9> kEnds = {
    "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>",
    "<|eom_id|>", "<end_of_turn>", "</s>",       "<eos>",
};

/// One way to write turns: `open` + role + `after`, and `close` behind the text.
struct Form {
  std::string_view name, open, after, close;
  std::string_view system, user, assistant;
};

constexpr std::array<Form, 4> kForms = {{
    {"chatml", "<|im_start|>", "\n", "<|im_end|>", "system", "user", "assistant"},
    {"llama3", "<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>", "system", "user", "assistant"},
    {"gemma", "<start_of_turn>", "\n", "<end_of_turn>", "system", "user", "model"},
    {"phi", "<|", "|>\n", "<|end|>", "system", "user", "assistant"},
}};

bool take_front(std::string_view& text, std::string_view piece) {
  if (piece.empty() || !text.starts_with(piece)) return false;
  text.remove_prefix(piece.size());
  return true;
}

void trim_front(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size())); }

std::string_view trimmed(std::string_view text) {
  trim_front(text);
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

/// The size of a marker like `<|im_start|>` at the front of `text`, else 0.
size_t bar_marker(std::string_view text) {
  constexpr size_t kLongest = 48;
  if (!text.starts_with("<|")) return 0;
  const size_t end = text.find("|>", 2);
  if (end == std::string_view::npos || end == 2 || end > kLongest) return 0;
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const std::string_view name = text.substr(2, end - 2);
  return std::all_of(name.begin(), name.end(), is_name) ? end + 2 : 0;
}

/// Takes the header of a turn of `role` off the front; a role is known by its header alone.
bool take_header(std::string_view& text, const Form& form, std::string_view role) {
  std::string header(form.open);
  header.append(role).append(form.after);
  return take_front(text, header);
}

/// A system turn and one turn of the user, and perhaps the header of the answer, as `form` writes them.
std::optional<Untemplated> read_form(std::string_view prompt, const Form& form) {
  Untemplated out;
  out.form = form.name;
  trim_front(prompt);
  for (const std::string_view begin : {"<|begin_of_text|>", "<bos>", "<s>"}) take_front(prompt, begin);
  if (take_header(prompt, form, form.system)) {
    const size_t end = prompt.find(form.close);
    if (end == std::string_view::npos) return std::nullopt;
    out.system = trimmed(prompt.substr(0, end));
    prompt.remove_prefix(end + form.close.size());
    trim_front(prompt);
  }
  if (!take_header(prompt, form, form.user)) return std::nullopt;
  const size_t end = std::min(prompt.find(form.close), prompt.size());
  out.text = prompt.substr(0, end);
  std::string_view rest = prompt.substr(std::min(end + form.close.size(), prompt.size()));
  trim_front(rest);
  std::string header(form.open);
  header.append(form.assistant).append(form.after);
  if (rest.starts_with(trimmed(header))) {
    rest.remove_prefix(trimmed(header).size());
    std::string think(rest);
    cut_answer_header(think);
    if (trimmed(think).empty()) rest = {};
  }
  if (!rest.empty()) return std::nullopt;
  return out;
}

/// `[INST] question [/INST]`, a system text inside `<<SYS>>`.
std::optional<Untemplated> read_mistral(std::string_view prompt) {
  Untemplated out;
  out.form = "mistral";
  prompt = trimmed(prompt);
  take_front(prompt, "<s>");
  trim_front(prompt);
  if (!take_front(prompt, "[INST]") || !prompt.ends_with("[/INST]")) return std::nullopt;
  prompt = trimmed(prompt.substr(0, prompt.size() - std::string_view("[/INST]").size()));
  if (take_front(prompt, "<<SYS>>")) {
    const size_t end = prompt.find("<</SYS>>");
    if (end == std::string_view::npos) return std::nullopt;
    out.system = trimmed(prompt.substr(0, end));
    prompt = trimmed(prompt.substr(end + std::string_view("<</SYS>>").size()));
  }
  if (prompt.find("[INST]") != std::string_view::npos) return std::nullopt;
  out.text = prompt;
  return out;
}

/// `A chat between … USER: question ASSISTANT:`.
std::optional<Untemplated> read_vicuna(std::string_view prompt) {
  constexpr std::string_view kUser = "USER: ", kAnswer = "ASSISTANT:";
  Untemplated out;
  out.form = "vicuna";
  prompt = trimmed(prompt);
  const size_t user = prompt.find(kUser);
  if (user == std::string_view::npos || !prompt.ends_with(kAnswer)) return std::nullopt;
  if (user > 0 && kBlank.find(prompt[user - 1]) == std::string_view::npos) return std::nullopt;
  out.system = trimmed(prompt.substr(0, user));
  prompt = trimmed(prompt.substr(user + kUser.size(), prompt.size() - user - kUser.size() - kAnswer.size()));
  if (prompt.find(kUser) != std::string_view::npos || prompt.find(kAnswer) != std::string_view::npos) return std::nullopt;
  out.text = prompt;
  return out;
}

}  // namespace

std::string_view markup_in(std::string_view text) {
  for (size_t at = text.find_first_of("<["); at != std::string_view::npos; at = text.find_first_of("<[", at + 1)) {
    const std::string_view rest = text.substr(at);
    if (const size_t size = bar_marker(rest); size > 0) return rest.substr(0, size);
    for (const std::string_view marker : kMarkers) {
      if (rest.starts_with(marker)) return rest.substr(0, marker.size());
    }
  }
  const std::string_view body = trimmed(text);
  constexpr std::string_view kEnd = "</s>";
  const bool struck = text.find("<s>") != std::string_view::npos;  // HTML that strikes a text through
  return body.ends_with(kEnd) && !struck ? body.substr(body.size() - kEnd.size()) : std::string_view();
}

std::string special_token_in(const Tokenizer& tokenizer, std::string_view text) {
  for (const Token& token : tokenizer.encode(text)) {
    const std::string_view bytes =
        text.substr(static_cast<size_t>(token.bytes.begin), static_cast<size_t>(token.bytes.end - token.bytes.begin));
    // A word cannot be one: special tokens are taken out of the text as a whole, and stand there letter by letter.
    if (bytes.size() < 3 || tokenizer.id_of(bytes) != token.id) continue;
    if (tokenizer.decode({token.id}, /*skip_special=*/true).empty()) return std::string(bytes);
  }
  return "";
}

bool cut_end_of_turn(std::string& text) {
  bool found = false;
  std::string_view rest = text;
  const auto cut_header = [&] {  // of the turn that would follow, behind an end of turn only
    for (const Form& form : kForms) {
      for (const std::string_view role : {form.user, form.assistant}) {
        std::string header(form.open);
        header.append(role).append(form.after);
        const std::string_view tail = trimmed(header);
        if (!rest.ends_with(tail)) continue;
        const std::string_view before = trimmed(rest.substr(0, rest.size() - tail.size()));
        if (before.ends_with(form.close)) rest = before;
      }
    }
  };
  for (bool again = true; again;) {
    again = false;
    const std::string_view end_trimmed = rest.substr(0, rest.find_last_not_of(kBlank) + 1);
    const std::string_view kept = rest;
    rest = end_trimmed;
    cut_header();
    for (const std::string_view end : kEnds) {
      if (!rest.ends_with(end)) continue;
      if (end == "</s>" && rest.find("<s>") != std::string_view::npos) continue;
      rest.remove_suffix(end.size());
      again = found = true;
    }
    if (!again) rest = found ? end_trimmed : kept;
  }
  text.resize(rest.size());
  return found;
}

std::optional<Untemplated> question_in_template(std::string_view prompt) {
  for (const Form& form : kForms) {
    if (std::optional<Untemplated> out = read_form(prompt, form)) return out;
  }
  if (std::optional<Untemplated> out = read_mistral(prompt)) return out;
  return read_vicuna(prompt);
}

bool cut_answer_header(std::string& text) {
  std::string_view rest = text;
  bool found = false;
  for (const Form& form : kForms) {
    std::string_view inner = rest;
    trim_front(inner);
    if (!take_header(inner, form, form.assistant)) continue;
    rest = inner;
    found = true;
    break;
  }
  std::string_view inner = rest;
  trim_front(inner);
  if (take_front(inner, "<think>")) {
    trim_front(inner);
    if (take_front(inner, "</think>")) {
      trim_front(inner);
      rest = inner;
      found = true;
    }
  }
  if (found) text.erase(0, text.size() - rest.size());
  return found;
}

}  // namespace rrpo::text
