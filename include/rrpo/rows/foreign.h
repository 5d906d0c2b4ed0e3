// Rows of other programs, recognised by what they hold: `rrpo-gen import`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/ledger.h"
#include "rrpo/rows/pair.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/row_reader.h"

namespace rrpo::rows {

/// An answer as a foreign row has it, with tags or without.
struct ForeignAnswer {
  std::string text;
  std::optional<std::string> plain;  ///< the same without tags, where the row has that too
};

/// One question of a foreign row. Without a rejected answer it becomes a question row.
struct ForeignItem {
  std::string question;  ///< the place of the video is implied before it
  ForeignAnswer chosen;
  std::optional<ForeignAnswer> rejected;
};

/// The files of a foreign row: what it names itself and what its messages name.
struct ForeignMedia {
  std::vector<std::string> videos, frames;
  std::optional<double> start_s, end_s;  ///< of the video
  std::set<std::string> unused;          ///< known keys inside of messages that change nothing
  std::set<std::string> notes;           ///< what was done to the row, counted by row
};

struct ForeignRow {
  std::string id;  ///< empty: the row has none
  ForeignMedia media;
  std::string source;
  std::vector<ForeignItem> items;
  std::string system;  ///< of the conversation: kept, but the prompt form decides what the model sees
};

/// A row of the table of formats.
struct ForeignFormat {
  std::string name;
  std::string help;
  bool pairs = true;                    ///< else its rows are questions with their true answers
  std::string (*why)(const Json& row);  ///< what shows that a row is of this format; empty when it is not
  /// Takes what it knows out of the row, texts as they are. Throws Error(input, "data") for a row that it cannot use.
  ForeignRow (*read)(RowReader& row);
  bool set = false;  ///< a published set: asked for by its name, that becomes the source of rows that have none
};

/// In the order in which they are tried.
const std::vector<ForeignFormat>& foreign_formats();

struct ImportRules {
  std::string format = "auto";   ///< or the name of one
  std::string spans = "auto";    ///< auto: tags, else the words that differ; difference: those always; none
  std::string source{};          ///< of rows that have none; empty: the set that `format` names, else none
  std::filesystem::path root{};  ///< absolute paths of media below it become relative to it; empty: none do
};

/// A file of foreign rows as ours. Every row ends in one state of the ledger: `imported` or `skipped`.
struct Imported {
  const ForeignFormat* format = nullptr;   ///< of the first row that has one
  std::string why;                         ///< what that was recognised by
  std::map<std::string, int64_t> formats;  ///< rows by format
  std::vector<Pair> pairs;
  std::vector<Question> questions;
  Ledger ledger;
  std::vector<Json> lines;                    ///< of the ledger, imported rows first
  std::map<std::string, int64_t> reasons;     ///< of skipped rows, without their places
  std::map<std::string, std::string> places;  ///< of the first row skipped for each of them
  std::map<std::string, int64_t> notes;       ///< what was done to rows, such as `pairs marked by tags`

  int64_t skipped() const { return ledger.total() - imported; }
  int64_t imported = 0;  ///< rows, each of which may hold several questions
};

/// Reads `text`, the content of `file` (JSONL, one JSON array, or an object that holds one; a name in `.csv`: a table whose
/// cells are texts). Each row is read in the format that it shows; a row that shows none or does not fit is skipped with a
/// reason, and one that has a rejected answer is never read as a question. Several rejected answers are one pair each. Ids
/// are those of the rows, else a hash of the content; a second row of one id gets `-2`. Keys that nobody knows are kept.
/// Throws Error(input, "data") when no row is of a known format.
Imported import_rows(std::string_view text, const std::string& file, const ImportRules& rules);

/// The same for one row that was parsed before; a row of no known format is skipped with that reason.
Imported import_row(const Json& row, const std::string& place, const ImportRules& rules);

}  // namespace rrpo::rows
