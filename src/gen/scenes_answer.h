// An answer about a scene being written: plain words, and slots with the values that may stand there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/question.h"
#include "scenes_world.h"

namespace rrpo::gen {

class Answer {
 public:
  explicit Answer(rows::Question& row) : row_(row) {}
  Answer& say(std::string_view words) {
    row_.answer += words;
    return *this;
  }
  Answer& slot(const std::string& value, const std::vector<std::string>& values) {
    row_.slots.push_back({range_of(value), values});
    row_.answer += value;
    return *this;
  }
  /// A slot that is a key phrase too.
  Answer& key(const std::string& value, const std::vector<std::string>& values) {
    row_.spans.push_back(range_of(value));
    return slot(value, values);
  }
  /// A key phrase of two slots.
  Answer& key_object(const Object& object) {
    row_.spans.push_back(range_of(object.name()));
    return slot(object.colour_name(), kColours).say(" ").slot(object.shape_name(), kShapes);
  }

 private:
  text::ByteRange range_of(const std::string& value) const {
    const auto begin = static_cast<int64_t>(row_.answer.size());
    return {begin, begin + static_cast<int64_t>(value.size())};
  }
  rows::Question& row_;
};

inline const Object& any_of(const Scene& scene, Random& random) {
  return scene[static_cast<size_t>(random.below(static_cast<int64_t>(scene.size())))];
}

/// `exist`: is something there? Asked about something of `scene` or about something absent from it; answered as `seen` shows
/// it where that is given, else as the configuration asks for (`lure`).
void ask_exist(const ScenesConfig& config, const Scene& scene, const Scene* seen, Random& random, rows::Question& row);

}  // namespace rrpo::gen
