// The rows of a file, in whatever container they stand.
#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "rrpo/rows/row_reader.h"
#include "rrpo/util/stop.h"

namespace rrpo::rows {
namespace {

using RowSink = std::function<void(const Json&, const std::string&)>;

constexpr std::string_view kBlank = " \t\r\n";
/// Stands for a NaN while a row is parsed; no text of a file can be it, since control bytes are escaped in JSON.
constexpr std::string_view kNoNumber = "\\u0001no number";

bool is_blank(std::string_view text) { return text.find_first_not_of(kBlank) == std::string_view::npos; }

/// Runs one row; a fault of the input goes to `bad` where there is one. Throws Stopped before it when a stop was asked for.
template <class Run>
void guarded(std::vector<BadRow>* bad, const std::string& place, Run run) {
  check_stop();
  try {
    run();
  } catch (const Error& error) {
    if (bad == nullptr || error.fault() != Fault::input) throw;
    bad->push_back({place, error.what()});
  }
}

/// Where the string or comment that begins at `at` ends; `at` itself when none begins there.
size_t after_opaque(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*")) return std::min(text.find("*/", at + 2), text.size() - 2) + 2;
  if (rest.empty() || rest[0] != '"') return at;
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return text.size();
}

/// `text` with NaN, Infinity and -Infinity in quotes; nothing when it has none outside of texts.
std::optional<std::string> quoted_numbers(std::string_view text) {
  constexpr std::array<std::string_view, 3> kWords = {"-Infinity", "Infinity", "NaN"};
  std::string out;
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    if (const size_t end = after_opaque(text, at); end > at) {
      out.append(text.substr(at, end - at));
      at = end;
      continue;
    }
    const std::string_view rest = text.substr(at);
    const auto* word = std::find_if(kWords.begin(), kWords.end(), [&](auto w) { return rest.starts_with(w); });
    if (word != kWords.end()) {
      out.append("\"").append(kNoNumber).append("\"");
      at += word->size();
      found = true;
    } else {
      out += text[at++];
    }
  }
  return found ? std::optional(std::move(out)) : std::nullopt;
}

void unquote_numbers(Json& value) {
  if (value.is_string() && value.get_ref<const std::string&>() == "\x01no number") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (value.is_structured()) {
    for (Json& member : value) unquote_numbers(member);
  }
}

Json parse_value(std::string_view text, const std::string& place) {
  const bool odd = text.find("NaN") != std::string_view::npos || text.find("Infinity") != std::string_view::npos;
  const std::optional<std::string> quoted = odd ? quoted_numbers(text) : std::nullopt;
  if (!quoted) return parse_json(text, "data", place);
  Json value = parse_json(*quoted, "data", place);
  unquote_numbers(value);
  return value;
}

/// The elements of the array, or the members of the object, that begins at `text[at]`, as bytes; nothing when it has no end
/// or something follows it.
std::optional<std::vector<std::string_view>> elements(std::string_view text, size_t at) {
  const char close = text[at] == '[' ? ']' : '}';
  std::vector<std::string_view> out;
  int64_t depth = 0;
  size_t begin = at + 1;
  for (size_t i = begin; i < text.size();) {
    if (const size_t end = after_opaque(text, i); end > i) {
      i = end;
      continue;
    }
    const char c = text[i++];
    if (c == '[' || c == '{') ++depth;
    const bool closed = c == close && depth == 0;
    if (closed || (c == ',' && depth == 0)) {
      const std::string_view element = text.substr(begin, i - 1 - begin);
      if (!closed || !is_blank(element) || !out.empty()) out.push_back(element);
      begin = i;
    }
    if (closed) return is_blank(text.substr(i)) ? std::optional(std::move(out)) : std::nullopt;
    if (c == ']' || c == '}') --depth;
  }
  return std::nullopt;
}

void each_element(std::string_view text, size_t at, const std::string& file, std::vector<BadRow>* bad, const RowSink& row) {
  const auto parts = elements(text, at);
  if (!parts) {  // its fault has a line and a column
    parse_value(text, file);
    throw Error(Fault::input, "data", file + ": something follows the array", "remove it");
  }
  for (size_t i = 0; i < parts->size(); ++i) {
    const std::string place = file + "[" + std::to_string(i) + "]";
    guarded(bad, place, [&] { row(parse_value((*parts)[i], place), place); });
  }
}

void each_line(std::string_view text, const std::string& file, std::vector<BadRow>* bad, const RowSink& row) {
  int64_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view content = text.substr(begin, end - begin);
    const std::string place = file + ":" + std::to_string(++line);
    begin = end + 1;
    if (is_blank(content)) continue;
    guarded(bad, place, [&] { row(parse_value(content, place), place); });
  }
}

struct Member {
  std::string key;
  std::string_view value;
};

/// A member of an object as its bytes; nothing where they are none.
std::optional<Member> member_of(std::string_view text) {
  const size_t begin = text.find('"');
  if (begin == std::string_view::npos || !is_blank(text.substr(0, begin))) return std::nullopt;
  const size_t end = after_opaque(text, begin), colon = text.find_first_not_of(kBlank, end);
  if (colon == std::string_view::npos || text[colon] != ':') return std::nullopt;
  const size_t value = text.find_first_not_of(kBlank, colon + 1);
  if (value == std::string_view::npos) return std::nullopt;
  return Member{std::string(text.substr(begin + 1, end - begin - 2)), text.substr(value)};
}

/// True for a list of objects, by its bytes.
bool holds_objects(std::string_view value) {
  const auto parts = value.starts_with('[') ? elements(value, 0) : std::nullopt;
  return parts && std::all_of(parts->begin(), parts->end(), [](std::string_view part) {
           const size_t first = part.find_first_not_of(kBlank);
           return first != std::string_view::npos && part[first] == '{';
         });
}

/// The member under which an object holds rows: a list of objects, where the object is no row itself.
std::optional<Member> list_of(const std::vector<std::string_view>& parts) {
  constexpr std::array kOwn = {"conversations", "messages", "prompt", "question", "chosen", "QA", "instruction", "id"};
  constexpr std::array kLists = {"data",  "rows",      "samples",   "examples", "annotations",
                                 "items", "questions", "instances", "train"};
  std::vector<Member> members;
  for (const std::string_view part : parts) {
    std::optional<Member> member = member_of(part);
    if (!member || std::find(kOwn.begin(), kOwn.end(), member->key) != kOwn.end()) return std::nullopt;
    members.push_back(*std::move(member));
  }
  for (const char* key : kLists) {
    for (const Member& member : members) {
      if (member.key == key && holds_objects(member.value)) return member;
    }
  }
  return std::nullopt;
}

/// One object over the whole file: rows under a key of it, which are parsed one by one, or a single row. False when the
/// file is none, but lines.
bool each_of_object(std::string_view text, const std::string& file, std::vector<BadRow>* bad, const RowSink& row) {
  const size_t begin = text.find_first_not_of(kBlank), end = text.find('\n', begin);
  const auto parts = elements(text, begin);
  if (!parts) return false;
  if (const std::optional<Member> list = list_of(*parts)) {
    each_element(list->value, 0, file + "#" + list->key, bad, row);
    return true;
  }
  const bool one_line = end == std::string_view::npos || is_blank(text.substr(end));
  if (one_line) return false;
  guarded(bad, file, [&] { row(parse_value(text, file), file); });
  return true;
}

/// Files that are no JSON text at all, by their first bytes.
void refuse_binary(std::string_view text, const std::string& file) {
  struct Magic {
    std::string_view bytes;
    const char *what, *fix;
  };
  static const std::array<Magic, 5> magics = {{{"\xff\xfe", "is UTF-16 text", "save it as UTF-8"},
                                               {"\xfe\xff", "is UTF-16 text", "save it as UTF-8"},
                                               {"\x1f\x8b", "is compressed (gzip)", "unpack it"},
                                               {"PAR1", "is a Parquet table", "write it as JSONL (pandas: to_json)"},
                                               {"PK\x03\x04", "is a zip archive", "unpack it"}}};
  for (const Magic& magic : magics) {
    if (text.starts_with(magic.bytes)) throw Error(Fault::input, "data", file + ": " + magic.what, magic.fix);
  }
}

}  // namespace

void each_row(std::string_view text, const std::string& file, std::vector<BadRow>* bad, const RowSink& row) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  refuse_binary(text, file);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return;
  if (text[first] == '[') {
    each_element(text, first, file, bad, row);
  } else if (text[first] != '{' || !each_of_object(text, file, bad, row)) {
    each_line(text, file, bad, row);
  }
}

}  // namespace rrpo::rows
