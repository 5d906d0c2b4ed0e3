// What the commands of rrpo-gen and rrpo-eval leave beside their results.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"

namespace rrpo::apps {

/// The inputs of a call as they are now, before any of them is read; nothing for a dry run.
io::Inputs take_inputs(const Invocation& call, const std::vector<std::filesystem::path>& files);

/// What may differ when a run goes on.
struct Free {
  std::vector<std::string> fields{};  ///< of the configuration
  std::vector<std::string> files{};   ///< fields that name an input which may be another file, or none
};

/// What run.json says of a call. `grows` is the file from which an interrupted run goes on. Throws Error(usage) when
/// `folder` is resumed and its run.json tells of another configuration or of inputs with another content.
io::RunHead run_head(const Invocation& call, const io::OutputFolder& folder, Json config, io::Inputs inputs,
                     std::string grows, const Free& free = {});

/// Throws Error(environment) when `file` exists and `call` does not say --overwrite.
void refuse_existing(const std::filesystem::path& file, const Invocation& call);

}  // namespace rrpo::apps
