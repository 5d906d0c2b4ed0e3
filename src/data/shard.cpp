#include "rrpo/data/shard.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <map>
#include <optional>

#include "rrpo/data/answers.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/util/fields.h"

namespace rrpo::data {

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
  const std::vector<VideoQuestions> videos = group_by_video(questions);
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

std::string join_rows(const std::vector<std::filesystem::path>& parts, const std::vector<rows::Question>& questions) {
  const std::map<std::string, Place> places = places_of(questions);
  std::vector<std::pair<Place, std::string>> lines;
  for (const std::filesystem::path& part : parts) {
    each_json_line(part, "data", [&](const Json& json, int64_t line) {
      const std::string at = part.string() + ":" + std::to_string(line);
      rows::RowReader row(json, at);
      const auto found = places.find(row.text("id"));
      if (found == places.end())
        rows::bad_row(at, "'" + row.text("id") + "' is not in the question file", "merge the parts of one run");
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

}  // namespace rrpo::data
