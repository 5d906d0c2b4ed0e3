// A preference pair: one row of pairs.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/text/span.h"
#include "rrpo/util/json_file.h"

namespace rrpo::rows {

/// A folder of numbered pictures that stands for a video: picture `first` + i shows the second i / `fps`.
struct PictureFolder {
  std::string path;                  ///< relative to the video root
  std::string pattern = "%05d.jpg";  ///< of the names in it: one `%d` with an optional width
  double fps = 1;
  int64_t first = 1;

  bool operator==(const PictureFolder&) const = default;
};

/// Where a row's pictures come from: one video, a folder of numbered pictures, or a list of pictures. Of the first two a
/// part
/// (`clip`) or the frames `frame_indices`.
struct Media {
  std::string video;                ///< relative to the video root; empty when another one is used
  std::vector<std::string> frames;  ///< pictures, used all, in order
  std::optional<double> start_s, end_s;
  std::optional<PictureFolder> folder;
  std::vector<int64_t> frame_indices;  ///< in presentation order, counted from 0: used all, as listed

  /// Equal keys mean the same pictures.
  std::string key() const;
};

/// What a prompt shows of a media: its frames as they are, or after perturbations.
struct View {
  Media media;
  Json perturb = nullptr;  ///< steps as `gen.perturb` lists them; null: none
  uint64_t seed = 0;       ///< of their random choices, which depend on the media's key too

  bool perturbed() const { return !perturb.is_null(); }
  /// Equal keys mean the same pictures.
  std::string key() const;
};

struct Pair {
  std::string id;
  Media media;
  std::string question;
  text::MarkedText chosen, rejected;
  std::optional<View> other;                     ///< a second clip, for objectives of several videos
  std::optional<text::MarkedText> other_chosen;  ///< the right answer there
  std::optional<View> reference;                 ///< the clip that the reference is asked about instead
  double weight = 1;
  std::string source;
  Json extra = Json::object();  ///< `made` and every key we do not know, carried through
  std::string place{};          ///< `file:line` where it was read; empty when it was made
};

/// One row, ours (`rrpo/pair@1`) or the authors' (`question, answer, pred, answer_masked, pred_masked, sample_id,
/// video|media_path`). `place` (`file:line`) names it in errors. Throws Error(input, "data").
Pair parse_pair(const Json& row, std::string_view place);
Json pair_json(const Pair& pair);

/// A pair that could not be read, when the caller allows some.
struct BadRow {
  std::string place, reason;
};

/// All pairs of a JSONL file or of a JSON array (the authors'). Ids are unique in a file. A bad row throws, or is appended
/// to `bad` if that is given.
std::vector<Pair> read_pairs(const std::filesystem::path& file, std::vector<BadRow>* bad = nullptr);

}  // namespace rrpo::rows
