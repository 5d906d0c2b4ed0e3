// Perturbations: what is done to a clip's frames so that the model makes mistakes about them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "rrpo/util/fields.h"
#include "rrpo/util/random.h"
#include "rrpo/video/frames.h"

namespace rrpo::gen {

/// Frames to frames of the same number and size; random choices come from the stream alone.
using ApplyPerturbation = std::function<video::Frames(const video::Frames&, Random&)>;

/// One entry of `gen.perturb`, checked.
struct PerturbStep {
  std::string name;
  Json settings;  ///< every parameter, defaults included, `name` first: what a pair row keeps
  ApplyPerturbation apply;
};

/// A row of the table of perturbations.
struct Perturbation {
  std::string name;
  std::string help;
  std::vector<FieldHelp> parameters;
  /// Reads an entry; throws Error(usage) naming the key by its full path (`gen.perturb[0].windw`).
  std::function<PerturbStep(const Json& entry, const std::string& at)> parse;
  bool random = true;  ///< does different things to different samples
};

/// All rows: mask, shuffle_local, shuffle_global, reverse, drop, blank.
const std::vector<Perturbation>& perturbations();

/// The steps of a list such as `[{"name": "mask", "fill": "mean"}, {"name": "shuffle_local", "window": 4}]`; a bare name
/// stands for an entry with defaults. `at` is the list's path in error lines.
std::vector<PerturbStep> parse_perturbations(const Json& list, const std::string& at = "gen.perturb");

/// `frames` after all steps in order. Depends on its arguments only: sample by sample, in any order, on any thread.
/// `index` follows the frames, `time_s` stays with the positions.
video::Frames perturb(const video::Frames& frames, const std::vector<PerturbStep>& steps, uint64_t seed,
                      const std::string& sample_id);

/// Makes a row from a configuration struct with fields() (one of them `name`) and a function over it.
template <class Config>
Perturbation perturbation_row(std::string help, video::Frames (*apply)(const Config&, const video::Frames&, Random&)) {
  Perturbation row{Config{}.name, std::move(help), describe<Config>(), {}, true};
  row.parse = [apply](const Json& entry, const std::string& at) {
    Config config{};
    field::read(config, entry, at);
    return PerturbStep{config.name, config_json(config), [apply, config](const video::Frames& frames, Random& random) {
                         return apply(config, frames, random);
                       }};
  };
  return row;
}

}  // namespace rrpo::gen
