// Reading one row of a data file: every member is taken once, the rest is carried through, every fault names its place.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/pair.h"
#include "rrpo/util/json_file.h"

namespace rrpo::rows {

/// Throws Error(input, "data") for `place`.
[[noreturn]] void bad_row(std::string_view place, const std::string& problem, std::string_view fix);

/// One JSON object of a row. `at` is its path inside the row (`chosen`), empty for the row itself.
class RowReader {
 public:
  RowReader(const Json& object, std::string_view place, std::string at = "");

  /// The member, marked as read; nullptr when it is absent or null.
  const Json* find(const std::string& key);
  bool has(const std::string& key) const { return object_.contains(key) && !object_.at(key).is_null(); }
  /// The same as `find`, not marked as read.
  const Json* peek(const std::string& key) const { return has(key) ? &object_.at(key) : nullptr; }
  /// An id: a text, or a whole number, which becomes one.
  std::string id(const std::string& key, bool may_be_empty = false);
  /// A text that a model is asked or should say: not empty, and without control tokens and places of pictures.
  std::string prose(const std::string& key);
  void refuse_markup(const std::string& key, std::string_view text) const;
  /// A text that must be there, and must not be empty unless `may_be_empty`.
  std::string text(const std::string& key, bool may_be_empty = false);
  std::string text_or(const std::string& key, const std::string& otherwise);
  std::optional<double> number(const std::string& key);
  std::vector<std::string> texts(const std::string& key);
  /// `[[begin, end], …]`, empty when absent.
  std::vector<text::ByteRange> ranges(const std::string& key);
  /// The member that must be there, of any type.
  const Json& need(const std::string& key);
  /// Members that nobody asked for, in their order.
  Json rest() const;
  [[noreturn]] void fail(const std::string& key, const std::string& problem, std::string_view fix) const;
  std::string path(const std::string& key) const { return at_.empty() ? key : at_ + "." + key; }
  std::string_view place() const { return place_; }

 private:
  const Json& object_;
  std::string_view place_;
  std::string at_;
  std::set<std::string> read_;
};

text::ByteRange range_from(const Json& json, std::string_view place, const std::string& path);
Json range_json(const text::ByteRange& range);

/// `video`, or `frames`, and `clip`.
Media read_media(RowReader& row);
void write_media(const Media& media, Json& row);

/// The view that the row names as `key`, of pictures of its own or else of `own`; absent where it names none.
std::optional<View> read_view(RowReader& row, const char* key, const Media& own);
Json view_json(const View& view, const Media& own);

/// Calls `row(value, place)` for each row of `text`, the content of `file`: JSONL (`place` = `file:line`), one JSON array
/// (`file[index]`), or an object that holds the rows as a list (`file#data[index]`). A byte order mark is skipped; NaN and
/// Infinity, which Python writes, are values that are no finite numbers. An Error(input) of a row is thrown on, or appended
/// to `bad` if that is given. Throws Stopped between two rows when a stop was asked for.
void each_row(std::string_view text, const std::string& file, std::vector<BadRow>* bad,
              const std::function<void(const Json&, const std::string&)>& row);

/// Rows of a file's content by `parse(json, place)`; their ids are unique.
template <class Parse>
auto read_rows_of(std::string_view text, const std::string& file, std::vector<BadRow>* bad, Parse parse) {
  std::vector<decltype(parse(Json(), std::string_view()))> out;
  std::set<std::string> ids;
  each_row(text, file, bad, [&](const Json& json, const std::string& place) {
    auto row = parse(json, std::string_view(place));
    if (!ids.insert(row.id).second)
      bad_row(place, "id '" + row.id + "' occurs twice in the file", "give every row its own id");
    out.push_back(std::move(row));
  });
  return out;
}

template <class Parse>
auto read_rows(const std::filesystem::path& file, std::vector<BadRow>* bad, Parse parse) {
  return read_rows_of(read_file(file, "data"), file.string(), bad, parse);
}

}  // namespace rrpo::rows
