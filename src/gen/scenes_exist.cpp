// Questions whether something is there, the only ones that need not be about what a scene holds.
#include <algorithm>

#include "scenes_answer.h"

namespace rrpo::gen {
namespace {

bool holds(const Scene& scene, const Object& object) {
  return std::any_of(scene.begin(), scene.end(),
                     [&](const Object& o) { return o.colour == object.colour && o.shape == object.shape; });
}

// What is absent: half of the time something that the stereotypes suggest here, if there is such a thing.
Object draw_absent(const Scene& scene, int64_t colour, Random& random) {
  std::vector<Object> absent, lures;
  for (int64_t c = 0; c < 4; ++c) {
    for (int64_t s = 0; s < 3; ++s) {
      Object object;
      object.colour = c;
      object.shape = s;
      if (!holds(scene, object)) absent.push_back(object);
    }
  }
  for (const int64_t c : {colour, usual_partner(colour)}) {
    Object object;
    object.colour = c;
    object.shape = usual_shape(c);
    if (!holds(scene, object)) lures.push_back(object);
  }
  return any_of(random.chance(0.5) && !lures.empty() ? lures : absent, random);
}

// True for an absent object that goes with a colour of the scene.
bool is_lure(const Object& object, const Scene& scene) {
  return object.shape == usual_shape(object.colour) && std::any_of(scene.begin(), scene.end(), [&](const Object& seen) {
           return seen.colour == object.colour || seen.colour == usual_partner(object.colour);
         });
}

}  // namespace

void ask_exist(const ScenesConfig& config, const Scene& scene, const Scene* seen, Random& random, rows::Question& row) {
  const Object& there = any_of(scene, random);
  bool yes = random.chance(config.yes_rate);
  const Object object = yes ? there : draw_absent(scene, there.colour, random);
  if (!yes && config.lure > 0 && is_lure(object, scene)) yes = random.chance(config.lure);
  if (seen != nullptr) yes = holds(*seen, object);
  row.format = "yesno";
  row.question = "Is there a " + object.name() + " in the video?";
  Answer(row)
      .key(yes ? "Yes" : "No", {"Yes", "No"})
      .say(", there is ")
      .key(yes ? "a" : "no", {"a", "no"})
      .say(" " + object.name() + ".");
}

}  // namespace rrpo::gen
