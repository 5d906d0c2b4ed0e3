// Questions about a scene and their answers, with key phrases and slots.
#pragma once

#include "rrpo/rows/question.h"
#include "scenes_world.h"

namespace rrpo::gen {

/// The types of a kind of scene, those asked by default first.
const std::vector<std::string>& question_types(const std::string& kind);
/// The types asked when a configuration names none.
std::vector<std::string> standard_types(const std::string& kind);

/// One question of this type about `scene`, all but `id` and `media`. Wrong in the way the configuration asks for
/// (`stereotype`, `lure`), else true.
rows::Question ask(const ScenesConfig& config, const Scene& scene, const std::string& type, Random& random);

/// The `exist` question that ask() draws about `scene`, answered as `seen` shows it.
rows::Question ask_existence(const ScenesConfig& config, const Scene& scene, const Scene& seen, Random& random);

/// Puts the style before the answer, whose first letter becomes small, in a slot's values too.
void add_style(const std::string& style, rows::Question& row);

}  // namespace rrpo::gen
