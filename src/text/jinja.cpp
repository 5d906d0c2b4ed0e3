#include "rrpo/text/jinja.h"

#include <algorithm>

namespace rrpo::text {
namespace {

constexpr std::string_view kBlank = " \t\n\r";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// The terms of `'a' + b + 'c'`: quoted ones as literals with their escapes undone.
std::vector<Output> terms_of(std::string_view expression) {
  std::vector<Output> terms(1);
  char quote = 0;
  bool begins_quoted = false, after_quote = false;  // a term is a literal when nothing follows its closing quote
  const auto finish = [&] {
    Output& term = terms.back();
    term.literal = begins_quoted && after_quote;
    if (!term.literal) term.text = std::string(trimmed(term.text));
    begins_quoted = after_quote = false;
  };
  for (size_t i = 0; i < expression.size(); ++i) {
    char c = expression[i];
    std::string& text = terms.back().text;
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
        after_quote = true;
        continue;
      }
      if (c == '\\' && i + 1 < expression.size()) {
        c = expression[++i];
        if (c == 'n') c = '\n';
        if (c == 't') c = '\t';
      }
      text += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      if (!begins_quoted && trimmed(text).empty()) {
        begins_quoted = true;
        text.clear();
      }
    } else if (c == '+') {
      finish();
      terms.emplace_back();
    } else {
      const bool blank = kBlank.find(c) != std::string_view::npos;
      if (!blank) after_quote = false;
      if (!(blank && after_quote)) text += c;
    }
  }
  finish();
  return terms;
}

/// The tags of a template and the text between them.
class Reader {
 public:
  explicit Reader(std::string_view jinja) : rest_(jinja) {}

  bool run(std::vector<Output>& out) {
    for (;;) {
      const size_t open = next_tag();
      std::string_view raw = rest_.substr(0, open);
      if (open == std::string_view::npos) return write_raw(raw, out), true;
      const char kind = rest_[open + 1];
      const std::string_view close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
      const size_t end = rest_.find(close, open + 2);
      if (end == std::string_view::npos) return false;
      std::string_view body = rest_.substr(open + 2, end - open - 2);
      rest_.remove_prefix(end + 2);
      const bool trim_left = !body.empty() && (body.front() == '-');
      if (trim_left) body.remove_prefix(1);
      const bool trim_right = !body.empty() && body.back() == '-';
      if (trim_right) body.remove_suffix(1);
      write_raw(trim_left ? without_trailing(raw, kBlank) : kind == '{' ? raw : without_indent(raw), out);
      if (trim_right) {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
      } else if (kind != '{' && rest_.starts_with('\n')) {
        rest_.remove_prefix(1);
      }
      if (kind == '%' && body.find("loop.") != std::string_view::npos) return false;
      if (kind == '{') {
        for (Output& term : terms_of(body)) out.push_back(std::move(term));
      }
    }
  }

 private:
  size_t next_tag() const {
    for (size_t at = rest_.find('{'); at != std::string_view::npos && at + 1 < rest_.size(); at = rest_.find('{', at + 1)) {
      if (std::string_view("{%#").find(rest_[at + 1]) != std::string_view::npos) return at;
    }
    return std::string_view::npos;
  }
  static std::string_view without_trailing(std::string_view text, std::string_view characters) {
    const size_t last = text.find_last_not_of(characters);
    return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  }
  /// Blanks between the beginning of a line and a block go with the block.
  std::string_view without_indent(std::string_view raw) {
    const std::string_view shorter = without_trailing(raw, " \t");
    return shorter.empty() || shorter.back() == '\n' ? shorter : raw;
  }
  static void write_raw(std::string_view raw, std::vector<Output>& out) {
    if (!raw.empty()) out.push_back({true, std::string(raw)});
  }

  std::string_view rest_;
};

/// Marks that no template contains: they stand for values in the joined text.
constexpr std::string_view kRole = "\x01";
constexpr std::string_view kText = "\x02";
constexpr std::string_view kVideo = "<video>";
constexpr std::string_view kImage = "<image>";

}  // namespace

std::vector<Output> template_outputs(std::string_view jinja) {
  std::vector<Output> out;
  // The last newline of a template is not written.
  if (jinja.ends_with('\n')) jinja.remove_suffix(1);
  if (!Reader(jinja).run(out)) out.clear();
  return out;
}

std::optional<PromptForm> read_prompt_form(std::string_view jinja) {
  if (jinja.find_first_of("\x01\x02") != std::string_view::npos) return std::nullopt;
  std::string written;
  for (const Output& output : template_outputs(jinja)) {
    if (output.literal) {
      written += output.text;
    } else if (output.text.find("role") != std::string::npos) {
      written += kRole;
    } else if (output.text.find("text") != std::string::npos) {
      written += kText;
    } else {
      return std::nullopt;
    }
  }
  const size_t role = written.find(kRole), video = written.find(kVideo);
  const size_t first_text = written.find(kText), last_text = written.rfind(kText);
  if (role == std::string::npos || video == std::string::npos || first_text == std::string::npos) return std::nullopt;
  const size_t head_end = std::min(video, written.find(kImage));
  if (!(role < head_end && video < first_text)) return std::nullopt;
  if (written.find(kRole, role + 1) != std::string::npos) return std::nullopt;
  const size_t after = video + kVideo.size();
  return PromptForm{written.substr(0, role) + "user" + written.substr(role + 1, head_end - role - 1),
                    written.substr(after, first_text - after), written.substr(last_text + 1)};
}

}  // namespace rrpo::text
