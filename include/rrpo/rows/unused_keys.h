// Keys of other tools that we know and do not use: named and counted instead of dropped in silence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::rows {

struct UnusedKey {
  std::string name;
  std::string why;  ///< what decides instead, or what to do
};

/// The table; a key of a row that stands here changes nothing of ours.
const std::vector<UnusedKey>& known_unused_keys();

/// Names of the table's keys that `object` has with a value (null, "", [], {} are none), in the table's order.
std::vector<std::string> unused_keys(const Json& object);

/// A line about `count` rows with the key `name`, for a log or a summary.
std::string unused_note(const std::string& name);

/// Adds the keys of one row's unknown members to counts by note.
void count_unused(const Json& extra, std::map<std::string, int64_t>& notes);

/// Logs one line for each note of counts.
void tell_notes(const std::filesystem::path& file, const std::map<std::string, int64_t>& notes);

/// The same for the unknown members of rows that were read from `file`.
template <class Rows>
void tell_unused(const std::filesystem::path& file, const Rows& rows) {
  std::map<std::string, int64_t> notes;
  for (const auto& row : rows) count_unused(row.extra, notes);
  tell_notes(file, notes);
}

}  // namespace rrpo::rows
