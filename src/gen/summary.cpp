#include <algorithm>
#include <cctype>

#include "rrpo/gen/report.h"
#include "rrpo/rows/answer.h"
#include "rrpo/util/table.h"

namespace rrpo::gen {

namespace {

size_t rank_of(const std::string& state) {
  const std::vector<std::string>& all = final_states();
  return static_cast<size_t>(std::find(all.begin(), all.end(), state) - all.begin());
}

/// A path, a number, or the letter of an option.
bool is_own(std::string word, bool first) {
  while (!word.empty() && (word.back() == ',' || word.back() == ':' || word.back() == '.')) word.pop_back();
  const bool letter = word.size() == 1 && !first && std::isupper(static_cast<unsigned char>(word[0])) != 0;
  return letter || word.find_first_of("/0123456789") != std::string::npos;
}

struct Kind {
  std::string state, reason;
  int64_t count = 0;
};

/// Every kind of reason; states without reasons have none.
std::vector<Kind> kinds_of(const std::vector<Fate>& fates) {
  std::map<std::pair<std::string, std::string>, int64_t> counts;
  for (const Fate& fate : fates) {
    if (!fate.reason.empty()) ++counts[{fate.state, reason_kind(fate.reason)}];
  }
  std::vector<Kind> kinds;
  for (const auto& [key, count] : counts) kinds.push_back({key.first, key.second, count});
  std::stable_sort(kinds.begin(), kinds.end(), [](const Kind& a, const Kind& b) { return a.count > b.count; });
  return kinds;
}

bool could_be_pair(const Fate& fate) {
  return fate.state == "pair" || fate.state == "dropped_balance" || fate.state == "dropped_limit";
}

/// The true answer that balancing counts; empty where it counts none.
std::string truth_of(const rows::Question& question) {
  if (question.format != "yesno" && question.format != "mcq") return "";
  const rows::Judged judged = rows::judge(question, question.answer);
  return judged.expected.empty() ? "" : judged.expected.front();
}

}  // namespace

std::string reason_kind(const std::string& reason) {
  const std::string text = reason.substr(0, reason.find("; fix: "));
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    const bool own = is_own(word, words.empty());
    if (own && !words.empty() && words.back() == "…") words.pop_back();
    words.push_back(!own ? word : word.ends_with(":") ? "…:" : "…");
  }
  return join(words, " ");
}

report::Table reason_table(const std::vector<Fate>& fates, size_t lines) {
  std::vector<Kind> kinds = kinds_of(fates);
  int64_t others = 0;
  const bool cut = kinds.size() > lines;
  while (kinds.size() > lines - (cut ? 1 : 0)) {
    others += kinds.back().count;
    kinds.pop_back();
  }
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const Kind& a, const Kind& b) { return rank_of(a.state) < rank_of(b.state); });
  report::Table table{{"state", "reason", "questions"}, {}};
  for (const Kind& kind : kinds) table.rows.push_back({kind.state, printable(kind.reason, 100), std::to_string(kind.count)});
  if (cut) table.rows.push_back({"", "rarer reasons (ledger.jsonl)", std::to_string(others)});
  return table;
}

report::Table balance_table(const std::vector<rows::Question>& questions, const std::vector<Fate>& fates) {
  std::map<std::pair<std::string, std::string>, std::pair<int64_t, int64_t>> counts;
  for (size_t i = 0; i < questions.size(); ++i) {
    if (!could_be_pair(fates[i])) continue;
    auto& [before, after] = counts[{questions[i].format, truth_of(questions[i])}];
    ++before;
    after += fates[i].state == "pair" ? 1 : 0;
  }
  report::Table table{{"format", "true answer", "mistakes", "pairs"}, {}};
  for (const auto& [key, count] : counts)
    table.rows.push_back({key.first, key.second, std::to_string(count.first), std::to_string(count.second)});
  return table;
}

}  // namespace rrpo::gen
