// Media that are one to the model: found while it is trained, not after.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "rrpo/data/seen_media.h"
#include "rrpo/model/vision.h"
#include "rrpo/rows/pair.h"

namespace rrpo::data {

/// Compares the visual tokens of a run's media, as long as the eye does not change. Files that hold one picture, a projector
/// of zeros, a link to the wrong file: all of them train without an error, and on nothing. Two parts or choices of frames of
/// the same files are not compared (a scene may stand still), nor are perturbed views (two blank clips are equal).
class EqualMedia {
 public:
  /// `seen` is that of the run and is kept up to date: what its earlier parts were shown counts too.
  explicit EqualMedia(SeenMedia& seen);

  /// Told of the tokens of a view whenever they are made or found; the first time they are compared. Throws
  /// Error(input, "data") naming two media with the same tokens, or one without any.
  void tell(const rows::View& view, const model::VisualTokens& visual);
  /// Compares all that `seen` knows: after another rank's was joined to it. Throws as tell() does.
  void compare_all();

 private:
  void compare(const std::string& media, uint64_t tokens);

  SeenMedia& seen_;
  std::map<uint64_t, std::string> first_;  ///< the media that was shown first, by its tokens
};

}  // namespace rrpo::data
