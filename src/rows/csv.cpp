#include "csv.h"

#include <algorithm>

#include "rrpo/text/unicode.h"
#include "rrpo/util/stop.h"

namespace rrpo::rows {
namespace {

/// One record: its cells, its first line, and what is wrong with its quotes.
struct Record {
  std::vector<std::string> cells;
  int64_t line = 0;
  std::string fault;
};

/// Reads records one after the other; lines inside of quoted cells are counted too.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {}

  /// False at the end of the text. Empty lines between records are no records.
  bool next(Record& out) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) step();
    if (at_ >= text_.size()) return false;
    out = {{}, line_, ""};
    do out.cells.push_back(cell(out.fault));
    while (take(','));
    take('\r');
    if (at_ < text_.size() && !take('\n')) {
      out.fault = "has something behind the end of a cell";
      while (at_ < text_.size() && !take('\n')) step();
    }
    return true;
  }

 private:
  void step() { line_ += text_[at_++] == '\n'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    step();
    return true;
  }

  std::string cell(std::string& fault) {
    if (take('"')) return quoted(fault);
    const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    const std::string_view content = text_.substr(at_, end - at_);
    at_ = end;
    return std::string(content);
  }

  /// Behind the opening quote; two quotes are one.
  std::string quoted(std::string& fault) {
    std::string out;
    while (at_ < text_.size()) {
      if (!take('"')) {
        out += text_[at_];
        step();
        continue;
      }
      if (!take('"')) return out;
      out += '"';
    }
    fault = "has a quote that is not closed: all behind it is this one row";
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

/// The names of the columns. A column without a name, as pandas writes its index, gets its number.
std::vector<std::string> names_of(const Record& header, const std::string& file) {
  if (!header.fault.empty()) throw Error(Fault::input, "data", file + ": the first row " + header.fault, "name the columns");
  std::vector<std::string> names = header.cells;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) names[i] = "column " + std::to_string(i + 1);
    if (std::find(names.begin(), names.begin() + static_cast<int64_t>(i), names[i]) !=
        names.begin() + static_cast<int64_t>(i))
      throw Error(Fault::input, "data", file + ": two columns are called " + printable(names[i]), "rename one");
  }
  return names;
}

std::string fault_of(const Record& record, const std::vector<std::string>& names) {
  if (!record.fault.empty()) return record.fault;
  if (record.cells.size() != names.size())
    return "has " + std::to_string(record.cells.size()) + " cells, and the header has " + std::to_string(names.size());
  for (const std::string& cell : record.cells) {
    if (text::valid_utf8(cell) != cell) return "holds bytes that are no UTF-8";
  }
  return "";
}

}  // namespace

void each_csv_row(std::string_view text, const std::string& file, std::vector<BadRow>& bad,
                  const std::function<void(const Json&, const std::string&)>& row) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  CsvReader reader(text);
  Record record;
  if (!reader.next(record)) return;
  const std::vector<std::string> names = names_of(record, file);
  while (reader.next(record)) {
    check_stop();
    const std::string place = file + ":" + std::to_string(record.line), fault = fault_of(record, names);
    if (!fault.empty()) {
      bad.push_back({place, "data: " + place + ": " + fault + "; fix: write the table again with a CSV writer"});
      continue;
    }
    Json object = Json::object();
    for (size_t i = 0; i < names.size(); ++i) object[names[i]] = record.cells[i];
    row(object, place);
  }
}

}  // namespace rrpo::rows
