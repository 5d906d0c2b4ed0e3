#include "rrpo/data/shard.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <map>
#include <numeric>
#include <optional>
#include <set>

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

/// Seconds of a question's clip, where the row says them.
std::optional<double> seconds_of(const rows::Question& question) {
  const rows::Media& media = question.media;
  if (media.end_s) return *media.end_s - media.start_s.value_or(0);
  return question.item.duration_s;
}

/// The work of each block of `together` videos.
std::vector<double> work_of(const std::vector<rows::Question>& questions, const std::vector<VideoQuestions>& videos,
                            size_t together) {
  const bool known = std::all_of(questions.begin(), questions.end(), [](const auto& one) { return seconds_of(one); });
  std::vector<double> work((videos.size() + together - 1) / together, 0.0);
  for (size_t v = 0; v < videos.size(); ++v) {
    for (const int64_t q : videos[v].questions)
      work[v / together] += known ? *seconds_of(questions[static_cast<size_t>(q)]) : 1;
  }
  return work;
}

/// The part that each piece of work goes to.
std::vector<int64_t> dealt(const std::vector<double>& work, int64_t parts) {
  std::vector<size_t> order(work.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return work[a] > work[b]; });
  std::set<std::pair<double, int64_t>> loads;
  for (int64_t part = 0; part < parts; ++part) loads.emplace(0, part);
  std::vector<int64_t> owner(work.size());
  for (const size_t piece : order) {
    const auto [load, part] = *loads.begin();
    owner[piece] = part;
    loads.erase(loads.begin());
    loads.emplace(load + work[piece], part);
  }
  return owner;
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

std::vector<rows::Question> shard_questions(const std::vector<rows::Question>& questions, const Shard& shard,
                                            int64_t together) {
  const auto block = static_cast<size_t>(together);
  std::map<std::string, Place> places = places_of(questions);
  const std::vector<int64_t> owner = dealt(work_of(questions, group_by_video(questions), block), shard.count);
  std::vector<rows::Question> own;
  std::copy_if(questions.begin(), questions.end(), std::back_inserter(own),
               [&](const rows::Question& question) { return owner[places[question.id].video / block] == shard.index; });
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
