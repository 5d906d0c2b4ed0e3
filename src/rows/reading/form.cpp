#include "form.h"

#include "rrpo/text/unicode.h"

namespace rrpo::rows {

std::string_view without_blanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string_view without_style(const Question& question, std::string_view text) {
  const std::string_view style = without_blanks(question.style);
  text = without_blanks(text);
  return !style.empty() && text.starts_with(style) ? without_blanks(text.substr(style.size())) : text;
}

bool continues(const Question& question, std::string_view text, size_t at, std::string_view wanted) {
  if (text.size() - at < wanted.size()) return false;
  const std::string_view part = text.substr(at, wanted.size());
  if (at > 0 || question.style.empty() || wanted.empty()) return part == wanted;
  const auto size = static_cast<size_t>(text::code_point_at(wanted, 0).size);
  return text::fold_case(part.substr(0, size)) == text::fold_case(wanted.substr(0, size)) &&
         part.substr(size) == wanted.substr(size);
}

}  // namespace rrpo::rows
