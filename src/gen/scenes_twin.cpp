#include "scenes_twin.h"

#include <algorithm>

#include "rrpo/util/error.h"
#include "scenes_questions.h"

namespace rrpo::gen {
namespace {

constexpr int64_t kObjects = 2;

/// One of the values below `count` that `taken` does not hold.
int64_t another(int64_t count, const std::vector<int64_t>& taken, Random& random) {
  std::vector<int64_t> free;
  for (int64_t value = 0; value < count; ++value) {
    if (std::find(taken.begin(), taken.end(), value) == taken.end()) free.push_back(value);
  }
  return free[static_cast<size_t>(random.below(static_cast<int64_t>(free.size())))];
}

int64_t opposite(int64_t way) { return way % 2 == 0 ? way + 1 : way - 1; }

}  // namespace

const std::vector<std::string>& twin_facts() {
  static const std::vector<std::string> facts = {"shape", "direction", "order", "colour"};
  return facts;
}

const std::string& fact_of(const ScenesConfig& config, int64_t index) {
  const auto count = static_cast<int64_t>(twin_facts().size());
  Random random(static_cast<uint64_t>(config.seed), "twin facts/" + config.distribution,
                static_cast<uint64_t>(index / count));
  return twin_facts()[static_cast<size_t>(random.permutation(count)[static_cast<size_t>(index % count)])];
}

Shown twin_of(Shown clip, const std::string& fact, Random& random) {
  Scene& scene = clip.scene;
  expect(scene.size() == kObjects, "a clip has two objects");
  Object& object = scene[static_cast<size_t>(random.below(kObjects))];
  if (fact == "shape") {
    object.shape = another(static_cast<int64_t>(kShapes.size()), {object.shape}, random);
  } else if (fact == "colour") {
    object.colour = another(static_cast<int64_t>(kColours.size()), {scene[0].colour, scene[1].colour}, random);
  } else if (fact == "direction") {
    object.way = opposite(object.way);
    std::swap(object.from, object.to);
  } else {
    std::swap(scene[0], scene[1]);
    std::swap(clip.look.offsets[0], clip.look.offsets[1]);
  }
  return clip;
}

std::string answer_there(const ScenesConfig& config, const Scene& scene, const Scene& twin, const rows::Question& asked,
                         Random random) {
  const auto type = asked.tags.at("type").get<std::string>();
  const rows::Question there =
      type == "exist" ? ask_existence(config, scene, twin, random) : ask(config, twin, type, random);
  return there.question == asked.question && there.answer != asked.answer ? there.answer : "";
}

}  // namespace rrpo::gen
