#include "option_set.h"

#include <algorithm>
#include <optional>

#include "../reading/mentions.h"
#include "../reading/statements.h"
#include "rrpo/rows/reply.h"
#include "rrpo/rows/scene.h"

namespace rrpo::rows {
namespace {

std::optional<size_t> option_of(const std::vector<Option>& options, std::string_view letter) {
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i].key == letter) return i;
  }
  return std::nullopt;
}

/// `ACD`: two letters of options at least, none twice.
Choices letters_in(const std::vector<Option>& options, std::string_view word) {
  Choices out;
  for (const char c : word) {
    const std::optional<size_t> option = option_of(options, std::string(1, c));
    if (!option || !out.insert(*option).second) return {};
  }
  return out.size() > 1 ? out : Choices();
}

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

/// The words of a text with their places.
std::vector<std::string_view> words_in(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_letter(text[end])) ++end;
    if (end > at) out.push_back(text.substr(at, end - at));
    at = std::max(end, at + 1);
  }
  return out;
}

bool announces(std::string_view word) {
  for (const char* one :
       {"is", "are", "answer", "answers", "options", "choices", "Answer", "Answers", "Options", "Choices"}) {
    if (word == one) return true;
  }
  return false;
}

/// `The answers are ACD` as `The answer is (A) and (C) and (D)`: in the words that the reading of one answer knows.
std::string spelled(const std::vector<Option>& options, std::string_view text) {
  const std::vector<std::string_view> words = words_in(text);
  std::string out;
  size_t at = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto begin = static_cast<size_t>(words[i].data() - text.data());
    out += text.substr(at, begin - at);
    at = begin + words[i].size();
    const bool after_noun = i > 0 && (words[i - 1] == "answers" || words[i - 1] == "options" || words[i - 1] == "choices");
    const Choices letters = letters_in(options, words[i]);
    const bool list = !letters.empty() && (words.size() == 1 || (i > 0 && announces(words[i - 1])));
    if (list) {
      for (const size_t option : letters) out += (option == *letters.begin() ? "(" : " and (") + options[option].key + ")";
    } else if (words[i] == "answers" || words[i] == "Answers") {
      out += words[i].substr(0, words[i].size() - 1);
    } else {
      out += after_noun && words[i] == "are" ? "is" : words[i];
    }
  }
  return out.append(text.substr(at));
}

/// Nothing but letters of options: `A, C`, `(A)(C)`, `a and c`.
std::optional<Choices> bare_list(const std::vector<Option>& options, const Tokens& tokens) {
  Choices out;
  for (const Token& token : tokens) {
    if (!token.word || token.text == "and") continue;
    const auto option = std::find_if(options.begin(), options.end(), [&](const Option& one) {
      const Tokens key = tokens_of(one.key);
      return key.size() == 1 && key[0].text == token.text;
    });
    if (option == options.end() || !out.insert(static_cast<size_t>(option - options.begin())).second) return std::nullopt;
  }
  return out.empty() ? std::nullopt : std::optional(out);
}

/// A capital letter of an option that was not taken for its name, and is no article.
bool has_loose_letter(const std::vector<Option>& options, const Text& text) {
  for (size_t at = 0; at < text.tokens.size(); ++at) {
    const Token& token = text.tokens[at];
    if (text.taken[at] || !token.capital || token.text.size() != 1) continue;
    const std::string key(1, static_cast<char>(token.text[0] - 32));
    const bool article = token.text == "a" && at + 1 < text.tokens.size() && text.tokens[at + 1].word;
    if (!article && option_of(options, key)) return true;
  }
  return false;
}

/// The options that are asserted; nothing in doubt.
std::optional<Choices> asserted(const std::vector<Option>& options, std::string_view said) {
  Text text(tokens_of(spelled(options, said)));
  if (std::optional<Choices> list = bare_list(options, text.tokens)) return list;
  const std::vector<Mention> mentions = mentions_of(options, text);
  if (says_unsure(text) || has_loose_letter(options, text)) return std::nullopt;
  const std::vector<Statement> statements = statements_of(text);
  Choices all, stated, denied;
  for (const Mention& mention : mentions) {
    const Polarity polarity = polarity_of(text, mention.span);
    if (mention.options.size() != 1 || polarity == Polarity::doubted || polarity == Polarity::asked) return std::nullopt;
    const size_t option = *mention.options.begin();
    (polarity == Polarity::denied ? denied : all).insert(option);
    const bool inside = std::any_of(statements.begin(), statements.end(), [&](const Statement& one) {
      return mention.span.begin >= one.span.begin && mention.span.end <= one.span.end;
    });
    if (inside && polarity == Polarity::asserted) stated.insert(option);
  }
  const bool both = std::any_of(all.begin(), all.end(), [&](size_t option) { return denied.contains(option); });
  if (both || (!stated.empty() && stated != all)) return std::nullopt;
  return all;
}

/// `Caption B` as `option B`.
std::string with_options_named(std::string_view text) {
  std::string out;
  size_t at = 0;
  for (const std::string_view word : words_in(text)) {
    const auto begin = static_cast<size_t>(word.data() - text.data()), end = begin + word.size();
    std::string small(word);
    small[0] = static_cast<char>(small[0] | 32);
    const bool name = small == "caption" || small == "sentence" || small == "description";
    const bool key = end + 1 < text.size() && text[end] == ' ' && (end + 2 == text.size() || !is_letter(text[end + 2]));
    out += text.substr(at, begin - at);
    out += name && key ? std::string("option") : std::string(word);
    at = end;
  }
  return out.append(text.substr(at));
}

}  // namespace

Reading read_choices(const std::vector<Option>& options, std::string_view raw) {
  const Reply reply = read_reply(raw);
  const std::vector<std::string> texts = reply.answers.empty() ? std::vector{reply.text} : reply.answers;
  std::optional<Choices> found;
  for (const std::string& text : texts) {
    const std::optional<Choices> here = asserted(options, text);
    if (!here || (found && *found != *here)) return {{}, "options are named in doubt"};
    found = here;
  }
  Reading out;
  for (const size_t option : found.value_or(Choices())) out.found.push_back(options[option].key);
  if (out.found.empty()) out.reason = "no option is named";
  return out;
}

Reading read_caption(const std::vector<Option>& options, std::string_view reply) {
  return read_choice(options, with_options_named(reply));
}

Reading read_scene_change(std::string_view reply) {
  constexpr std::string_view kLabel = "scene change:";
  std::string small(reply);
  for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const size_t at = small.rfind(kLabel);
  if (at == std::string::npos) return read_yes_or_no(reply);
  const std::string_view behind = reply.substr(at + kLabel.size());
  return read_first_word(behind.substr(0, behind.find_first_of(",\n")));
}

}  // namespace rrpo::rows
