// What the commands of rrpo-gen and rrpo-eval leave beside their results.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/io/run_record.h"

namespace rrpo::apps {

/// What run.json says of a call. `inputs` are hashed, `grows` is the file from which an interrupted run goes on. Throws
/// Error(usage) when `folder` is resumed and its run.json tells of another configuration, but for the fields in `free`.
io::RunHead run_head(const Invocation& call, const io::OutputFolder& folder, Json config,
                     std::vector<std::filesystem::path> inputs, std::string grows,
                     const std::vector<std::string>& free = {});

/// Throws Error(environment) when `file` exists and `call` does not say --overwrite.
void refuse_existing(const std::filesystem::path& file, const Invocation& call);

}  // namespace rrpo::apps
