// A run in parts: which part a process has, and where its results lie.
#pragma once

#include <optional>
#include <string>

#include "app.h"

namespace rrpo::apps {

/// The call of one part. `auto` is one command line for all of them: the part comes from the environment of torchrun or
/// SLURM and stands in `shard` afterwards, and its folder is `I-of-N` in --out. `at` names the field: `gen.shard`. Throws
/// Error(usage) where the environment says nothing.
Invocation placed(const Invocation& call, std::optional<std::string>& shard, const std::string& at);

}  // namespace rrpo::apps
