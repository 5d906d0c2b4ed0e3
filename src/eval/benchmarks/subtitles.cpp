#include "subtitles.h"

#include <algorithm>
#include <charconv>

#include "rrpo/text/unicode.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

[[noreturn]] void bad_cue(std::string_view place, const std::string& problem) {
  throw Error(Fault::input, "data", std::string(place) + ": " + problem, "give the subtitles as they were published");
}

std::vector<std::string> split(std::string_view text, std::string_view at) {
  std::vector<std::string> out;
  size_t begin = 0;
  for (size_t end = text.find(at); end != std::string_view::npos; end = text.find(at, begin)) {
    out.emplace_back(text.substr(begin, end - begin));
    begin = end + at.size();
  }
  out.emplace_back(text.substr(begin));
  return out;
}

/// CR and CRLF become LF.
std::string plain_newlines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') out += text[i];
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) out += '\n';
  }
  return out;
}

/// A whole number, or a fraction where `Number` is one, between blanks.
template <class Number>
std::optional<Number> number(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  Number value{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `HH:MM:SS,mmm`. The sum is taken as the scripts take it, so that it rounds alike.
std::optional<double> srt_seconds(std::string_view text) {
  const auto clock = split(text, ":");
  if (clock.size() != 3) return std::nullopt;
  const auto seconds = split(clock[2], ",");
  if (seconds.size() != 2) return std::nullopt;
  const auto h = number<int64_t>(clock[0]), m = number<int64_t>(clock[1]);
  const auto s = number<int64_t>(seconds[0]), ms = number<int64_t>(seconds[1]);
  if (!h || !m || !s || !ms) return std::nullopt;
  return static_cast<double>(*h * 3600 + *m * 60 + *s) + static_cast<double>(*ms) / 1000;
}

/// `HH:MM:SS.mmm`
std::optional<double> clock_seconds(const Json& json) {
  if (!json.is_string()) return std::nullopt;
  const auto clock = split(json.get<std::string>(), ":");
  if (clock.size() != 3) return std::nullopt;
  const auto h = number<int64_t>(clock[0]), m = number<int64_t>(clock[1]);
  const auto s = number<double>(clock[2]);
  if (!h || !m || !s) return std::nullopt;
  return static_cast<double>(*h * 3600 + *m * 60) + *s;
}

/// One block: number, times, lines of text. Nothing where it has no text.
std::optional<Cue> srt_cue(const std::string& block, const std::string& place) {
  const auto lines = split(block, "\n");
  const auto is_times = [&](size_t i) { return i < lines.size() && lines[i].find(" --> ") != std::string::npos; };
  const size_t times_at = !is_times(1) && is_times(2) ? 2 : 1;  // an empty line too many before the block
  if (lines.size() < times_at + 2) return std::nullopt;
  const auto times = split(lines[times_at], " --> ");
  const auto begin = srt_seconds(times.front());
  const auto end = times.size() > 1 ? srt_seconds(times[1]) : std::nullopt;
  if (!begin || !end) bad_cue(place, "has no times HH:MM:SS,mmm --> HH:MM:SS,mmm");
  Cue cue{*begin, end, lines[times_at + 1]};
  for (size_t i = times_at + 2; i < lines.size(); ++i) cue.text += " " + lines[i];
  return cue;
}

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\n\v\f") == std::string::npos; }

/// `{"timestamp": [begin, end], "text"}`
Cue timestamp_cue(const Json& row, const std::string& place) {
  const Json& times = row.at("timestamp");
  if (!times.is_array() || times.size() != 2 || !times[0].is_number()) bad_cue(place, "'timestamp' is no [begin, end]");
  Cue cue{times[0].get<double>(), std::nullopt, ""};
  if (times[1].is_number_float()) cue.end_s = times[1].get<double>();
  return cue;
}

/// `{"start", "end", "line"}`
Cue clock_cue(const Json& row, const std::string& place) {
  const auto begin = clock_seconds(row.value("start", Json())), end = clock_seconds(row.value("end", Json()));
  if (!begin || !end) bad_cue(place, "has neither 'timestamp' nor 'start' and 'end' as HH:MM:SS.mmm");
  return {*begin, end, ""};
}

/// What stands first in `<font color="white" size="?72c">…</font>`; the scripts' pattern lets any character be `?`.
std::optional<std::string> white_font(std::string_view cue) {
  constexpr std::string_view kOpen = "<font color=\"white\" size=\"", kSize = "72c\">", kClose = "</font>";
  for (size_t at = cue.find(kOpen); at != std::string_view::npos; at = cue.find(kOpen, at + 1)) {
    const size_t any = at + kOpen.size();
    if (any >= cue.size()) break;
    const size_t size = any + static_cast<size_t>(text::code_point_at(cue, static_cast<int64_t>(any)).size);
    if (cue.substr(std::min(size, cue.size()), kSize.size()) != kSize) continue;
    const size_t begin = size + kSize.size(), end = cue.find(kClose, begin);
    if (end == std::string_view::npos) break;
    return std::string(cue.substr(begin, end - begin));
  }
  return std::nullopt;
}

/// A cue on the video's own clock.
struct Span {
  double begin, end, middle;
};

Span span_of(const Cue& cue, double offset_s, double duration_s) {
  Span span{cue.begin_s - offset_s, cue.end_s.value_or(duration_s) - offset_s, 0};
  span.middle = (span.begin + span.end) / 2;
  if (span.end - span.begin < 1) {
    span.begin = span.middle - 0.5;
    span.end = span.middle + 0.5;
  }
  return span;
}

}  // namespace

std::vector<Cue> parse_srt(std::string_view text, std::string_view place) {
  std::vector<Cue> cues;
  int64_t blocks = 0;
  for (const std::string& block : split(plain_newlines(text), "\n\n")) {
    if (is_blank(block)) continue;
    auto cue = srt_cue(block, std::string(place) + ": block " + std::to_string(++blocks));
    if (!cue) continue;
    const auto same = [&](const Cue& other) { return other.begin_s == cue->begin_s && other.end_s == cue->end_s; };
    const auto before = std::find_if(cues.begin(), cues.end(), same);
    if (before == cues.end()) {
      cues.push_back(*std::move(cue));
    } else {
      before->text = std::move(cue->text);
    }
  }
  return cues;
}

std::vector<Cue> parse_cue_list(const Json& list, std::string_view place) {
  if (!list.is_array()) bad_cue(place, "is no list of cues");
  std::vector<Cue> cues;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string at = std::string(place) + "[" + std::to_string(i) + "]";
    const Json& row = list[i];
    if (!row.is_object()) bad_cue(at, "is no JSON object");
    const bool by_number = row.contains("timestamp");
    Cue cue = by_number ? timestamp_cue(row, at) : clock_cue(row, at);
    const Json said = row.value(by_number ? "text" : "line", Json());
    if (!said.is_string()) bad_cue(at, std::string("has no '") + (by_number ? "text" : "line") + "'");
    cue.text = said.get<std::string>();
    cues.push_back(std::move(cue));
  }
  return cues;
}

std::string cues_at_frames(const std::vector<Cue>& cues, const std::vector<int64_t>& frames, double fps) {
  std::string out;
  bool first = true;
  for (const Cue& cue : cues) {
    const auto begin = static_cast<int64_t>(cue.begin_s * fps), end = static_cast<int64_t>(cue.end_s.value_or(0) * fps);
    const auto covers = [&](int64_t frame) { return begin <= frame && frame < end; };
    if (std::none_of(frames.begin(), frames.end(), covers)) continue;
    const auto said = white_font(cue.text);
    if (!said) continue;
    out += (first ? "" : "\n") + *said;
    first = false;
  }
  return out;
}

std::vector<Piece> interleave(const std::vector<double>& frame_times, const std::vector<Cue>& cues, double offset_s,
                              double duration_s) {
  std::vector<Piece> pieces;
  size_t next = 0;
  for (const Cue& cue : cues) {
    const Span span = span_of(cue, offset_s, duration_s);
    for (; next < frame_times.size() && frame_times[next] <= span.middle; ++next)
      pieces.push_back({static_cast<int64_t>(next), ""});
    const auto inside = [&](double time) { return span.begin < time && time < span.end; };
    if (std::any_of(frame_times.begin(), frame_times.end(), inside)) pieces.push_back({std::nullopt, cue.text});
  }
  for (; next < frame_times.size(); ++next) pieces.push_back({static_cast<int64_t>(next), ""});
  return pieces;
}

}  // namespace rrpo::eval
