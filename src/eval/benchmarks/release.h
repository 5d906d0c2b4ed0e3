// A publisher's folder, as a user has unpacked it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::eval {

/// Places are paths relative to the folder, as published, the usual one first. Where none of them is there, the one file
/// below the folder with that name and the most of the folders before it is taken; several alike are none.
class Release {
 public:
  /// Throws Error(usage) where `root` is no readable folder.
  explicit Release(std::filesystem::path root);

  /// An annotation file; nothing where it is not there. A list of rows: a JSON array, or JSONL (what
  /// scripts/parquet_to_jsonl.py writes). What is read here is noted with its hash.
  std::optional<Json> json(const std::vector<std::string>& places);
  std::optional<std::vector<Json>> rows(const std::vector<std::string>& places);
  /// A text file, such as subtitles; noted neither as annotation nor as missing.
  std::optional<std::string> text(const std::vector<std::string>& places) const;
  /// The same, which must be there. `what` is said in the error: `needs json/action_count.json`.
  Json need_json(const std::vector<std::string>& places);
  std::vector<Json> need_rows(const std::vector<std::string>& places);

  /// Where a video or a folder of pictures lies, relative to the root. Where it is not there the first place is given, and
  /// noted as missing.
  std::string media(const std::vector<std::string>& places);
  std::string picture_folder(const std::vector<std::string>& places);
  /// The same for subtitles, which not every video has: nothing where they are not there; not noted as missing.
  std::optional<std::string> find(const std::vector<std::string>& places) const;
  /// A folder, not noted as missing.
  std::optional<std::string> find_folder(const std::vector<std::string>& places) const;
  /// Names of folders that hold the videos of some rows only: what lies below one of them is not taken for a place that
  /// lies elsewhere, as two collections of videos may use the same names.
  void keep_apart(std::vector<std::string> folders) { apart_ = std::move(folders); }

  const std::filesystem::path& root() const { return root_; }
  const std::map<std::string, std::string>& files() const { return files_; }        ///< annotation path: sha256
  const std::vector<std::string>& missing_media() const { return missing_media_; }  ///< each once, in order

 private:
  using Names = std::map<std::string, std::vector<std::string>>;
  const Names& names(bool folders) const;
  std::optional<std::string> locate(const std::vector<std::string>& places, bool folder) const;
  std::string placed(const std::vector<std::string>& places, bool folder);
  bool is_apart(const std::string& found, const std::string& place) const;

  std::filesystem::path root_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> missing_media_;
  std::vector<std::string> apart_;
  std::map<std::string, std::string> placed_;  ///< by the first place
  mutable std::optional<Names> file_names_, folder_names_;
};

/// Throws Error(input, "data") about row `index` of annotation file `file`.
[[noreturn]] void bad_release_row(std::string_view file, int64_t index, const std::string& problem);

}  // namespace rrpo::eval
