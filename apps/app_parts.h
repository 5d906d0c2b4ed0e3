// The parts (shards) of one run, when they are joined.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/data/shard.h"

namespace rrpo::apps {

/// A finished part: its folder and what run.json there says.
struct RunPart {
  std::filesystem::path folder;
  Json record;  ///< run.json
  Json config;  ///< its member `config`
  data::Shard shard;
};

/// What a merging command knows of its parts.
struct PartRules {
  std::string component;          ///< of errors: gen, eval
  std::string shard;              ///< the field that numbers them: `gen.shard`
  std::vector<std::string> free;  ///< fields that may differ between parts
};

/// The folders that the user has named, in their order.
std::vector<std::filesystem::path> folders_of(const Invocation& call);

/// `parts` in the order of their numbers. Throws Error(input) unless they are all the parts of one run, each there once: the
/// same configuration and the same bytes read; places may differ.
std::vector<RunPart> whole_run(std::vector<RunPart> parts, const PartRules& rules);

[[noreturn]] void bad_part(const PartRules& rules, const std::filesystem::path& folder, const std::string& problem,
                           const std::string& fix);

/// Names of the inputs of `before` that are not in `now` with the same hash: another file, or other bytes. Both are `inputs`
/// of a run.json; files are known by their names, wherever they lie.
std::vector<std::string> changed_inputs(const Json& before, const Json& now);

/// Throws Error(usage) when the results of `call` would lie in a folder that it reads.
void refuse_input_as_out(const Invocation& call, const std::vector<std::filesystem::path>& folders);

}  // namespace rrpo::apps
