#include "rrpo/gen/shard.h"

#include <algorithm>
#include <charconv>
#include <compare>

#include "rrpo/data/answers.h"
#include "rrpo/rows/row_reader.h"

namespace rrpo::gen {

namespace {

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  return fault == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// When one run appends a row: pass after pass, video after video, question after question, sample after sample.
struct Place {
  bool clean = false;
  size_t video = 0, question = 0;
  int64_t sample = 0;
  auto operator<=>(const Place&) const = default;
};

/// Where each question stands, by id.
std::map<std::string, Place> places_of(const std::vector<rows::Question>& questions) {
  const std::vector<data::VideoQuestions> videos = data::group_by_video(questions);
  std::map<std::string, Place> places;
  for (size_t v = 0; v < videos.size(); ++v) {
    for (size_t q = 0; q < videos[v].questions.size(); ++q)
      places[questions[static_cast<size_t>(videos[v].questions[q])].id] = {false, v, q, 0};
  }
  return places;
}

}  // namespace

std::string Shard::name() const { return std::to_string(index) + "/" + std::to_string(count); }

Shard parse_shard(const std::string& text, const std::string& at) {
  constexpr int64_t kMost = 100000;
  const size_t slash = std::min(text.find('/'), text.size());
  const auto index = whole_number(std::string_view(text).substr(0, slash));
  const auto count = whole_number(std::string_view(text).substr(std::min(slash + 1, text.size())));
  if (!index || !count || *count < 1 || *count > kMost) bad_field(at, "'" + text + "' is no part I/N", at + "=0/4, or auto");
  if (*index < 0 || *index >= *count)
    bad_field(at, text + ": parts are counted from 0 to " + std::to_string(*count - 1), at + "=0/" + std::to_string(*count));
  return {*index, *count};
}

std::vector<rows::Question> shard_questions(const std::vector<rows::Question>& questions, const Shard& shard) {
  std::map<std::string, Place> places = places_of(questions);
  std::vector<rows::Question> own;
  std::copy_if(questions.begin(), questions.end(), std::back_inserter(own), [&](const rows::Question& question) {
    return static_cast<int64_t>(places[question.id].video) % shard.count == shard.index;
  });
  return own;
}

const std::vector<std::string>& growing_files() {
  static const std::vector<std::string> files = {"responses.jsonl", "judgements.jsonl"};
  return files;
}

std::string join_rows(const std::vector<std::filesystem::path>& parts, const std::vector<rows::Question>& questions) {
  const std::map<std::string, Place> places = places_of(questions);
  std::vector<std::pair<Place, std::string>> lines;
  for (const std::filesystem::path& part : parts) {
    each_json_line(part, "data", [&](const Json& json, int64_t line) {
      const std::string at = part.string() + ":" + std::to_string(line);
      rows::RowReader row(json, at);
      const auto found = places.find(row.text("id"));
      if (found == places.end())
        rows::bad_row(at, "'" + row.text("id") + "' is not in gen.questions", "merge the parts of one run");
      Place place = found->second;
      place.clean = row.text_or("on", "") == "clean";
      place.sample = static_cast<int64_t>(row.number("sample").value_or(0));
      lines.emplace_back(place, json_line(json) + "\n");
    });
  }
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out;
  for (const auto& [place, line] : lines) out += line;
  return out;
}

std::vector<Fate> asked_fates(const std::vector<rows::Question>& questions, const Responses& responses) {
  std::vector<Fate> fates;
  for (const rows::Question& question : questions) {
    const auto found = responses.find(question.id);
    expect(found != responses.end(), "a question without a response");
    const std::string& fault = found->second.fault;
    fates.push_back(fault.empty() ? Fate{"asked", ""} : Fate{"failed", fault});
  }
  return fates;
}

std::map<std::string, std::string> failed_questions(const std::filesystem::path& ledger) {
  std::map<std::string, std::string> failed;
  each_json_line(ledger, "data", [&](const Json& json, int64_t line) {
    rows::RowReader row(json, ledger.string() + ":" + std::to_string(line));
    if (row.text("state") == "failed") failed[row.text("id")] = row.text_or("reason", "");
  });
  return failed;
}

}  // namespace rrpo::gen
