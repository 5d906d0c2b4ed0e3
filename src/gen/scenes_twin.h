// A clip beside a clip that differs from it in one fact.
#pragma once

#include "rrpo/gen/scenes.h"
#include "rrpo/rows/question.h"
#include "scenes_world.h"

namespace rrpo::gen {

/// In what a clip and its twin differ: the shape of an object, the direction of one (its way, walked from its end to its
/// start), the order in which the two appear, the colour of one (which nothing else in the clip has).
const std::vector<std::string>& twin_facts();

/// The fact of a sample. Of four neighbouring samples (0 to 3, 4 to 7, …) each has another one, in an order that the seed
/// draws.
const std::string& fact_of(const ScenesConfig& config, int64_t index);

/// What a clip shows, and how it looks.
struct Shown {
  Scene scene;
  Look look;
};

/// The same clip but for `fact`; the look of an object goes with it.
Shown twin_of(Shown clip, const std::string& fact, Random& random);

/// The true answer to `asked` about `twin`, where it is another than about `scene`; empty where it is not, or where the
/// question has none there. `random` is in the state in which ask() took it for this question.
std::string answer_there(const ScenesConfig& config, const Scene& scene, const Scene& twin, const rows::Question& asked,
                         Random random);

}  // namespace rrpo::gen
