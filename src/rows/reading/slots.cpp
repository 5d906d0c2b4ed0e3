// A response against an answer with free slots.
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "form.h"
#include "readings.h"

namespace rrpo::rows {
namespace {

std::string_view slice(const std::string& text, int64_t begin, int64_t end) {
  return std::string_view(text).substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

/// Matches a response against the answer with free slots; remembers dead ends, so that the time is bounded.
class SlotMatcher {
 public:
  SlotMatcher(const Question& question, std::string_view response) : question_(question), response_(response) {}

  std::optional<std::vector<std::string>> run() {
    std::vector<std::string> found;
    if (!from(0, 0, found)) return std::nullopt;
    std::reverse(found.begin(), found.end());
    return found;
  }

 private:
  /// The fixed text before slot `index`, or after the last one. The first begins behind the style and the blanks after it.
  std::string_view fixed(size_t index) const {
    const auto& slots = question_.slots;
    const int64_t begin = index == 0 ? static_cast<int64_t>(question_.style.size()) : slots[index - 1].span.end;
    const int64_t end = index == slots.size() ? static_cast<int64_t>(question_.answer.size()) : slots[index].span.begin;
    std::string_view text = slice(question_.answer, begin, end);
    if (index == 0) text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
    if (index == slots.size()) text = text.substr(0, text.find_last_not_of(kBlank) + 1);
    return text;
  }
  bool from(size_t index, size_t at, std::vector<std::string>& found) {
    if (dead_.contains({index, at})) return false;
    const std::string_view text = fixed(index);
    if (continues(question_, response_, at, text)) {
      const size_t next = at + text.size();
      if (index == question_.slots.size()) {
        if (next == response_.size()) return true;
      } else {
        for (const std::string& value : question_.slots[index].values) {
          if (continues(question_, response_, next, value) && from(index + 1, next + value.size(), found)) {
            found.push_back(value);
            return true;
          }
        }
      }
    }
    dead_.insert({index, at});
    return false;
  }

  const Question& question_;
  std::string_view response_;
  std::set<std::pair<size_t, size_t>> dead_;
};

}  // namespace

std::vector<std::string> read_slots(const Question& question, std::string_view reply) {
  return SlotMatcher(question, reply).run().value_or(std::vector<std::string>());
}

}  // namespace rrpo::rows
