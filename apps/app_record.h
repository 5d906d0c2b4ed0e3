// What the commands of rrpo-gen and rrpo-eval leave beside their results.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"
#include "rrpo/policy/policy.h"
#include "rrpo/rows/question.h"

namespace rrpo::apps {

/// The inputs of a call as they are now, before any of them is read; nothing for a dry run.
io::Inputs take_inputs(const Invocation& call, const std::vector<std::filesystem::path>& files);

/// What may differ when a run goes on.
struct Free {
  std::vector<std::string> fields{};  ///< of the configuration
  std::vector<std::string> files{};   ///< fields that name an input which may be another file, or none
  std::vector<FieldHelp> known{};     ///< all fields: one that an earlier version did not have had its default
};

/// What run.json says of a call. `grows` is the file from which an interrupted run goes on. Throws Error(usage) when
/// `folder` is resumed and its run.json tells of another configuration or of inputs with another content.
io::RunHead run_head(const Invocation& call, const io::OutputFolder& folder, Json config, io::Inputs inputs,
                     std::string grows, const Free& free = {});

/// The output folder of a call that may write `names` there.
io::Claim claim_of(const Invocation& call, std::vector<std::string> names);

/// What an overwriting run must not remove, beside its inputs.
void keep(io::RunHead& head, const std::vector<std::filesystem::path>& files);

/// The folders of a model and its adapter.
std::vector<std::filesystem::path> model_folders(const policy::ModelConfig& config);

/// The files that questions are about, below `root`.
std::vector<std::filesystem::path> media_of(const std::vector<rows::Question>& questions, const std::filesystem::path& root);

/// Throws where an overwriting call would find a model that cannot be read only after the earlier results are gone.
void prove_readable(const Invocation& call, const policy::ModelConfig& config, const std::string& device);

/// Notes the media of `questions` below `root` in `head`, and keeps them. Throws Error(usage) where an earlier run that
/// `call` goes on with has answers in `file` (predictions.jsonl, responses.jsonl) about one that had another size then.
void note_media(io::RunHead& head, const Invocation& call, const std::vector<rows::Question>& questions,
                const std::filesystem::path& root, const std::string& file);

/// Calls `work`, which returns the exit code, and has `record` say how it ended where it did not say so itself: stopped, in
/// the middle of a page as well, or out of memory. A stop is a result, with a last line; out of memory is thrown on as
/// Error(environment).
int with_record(const Invocation& call, io::RunRecord& record, const std::function<int()>& work);

/// Throws Error(environment) when `file` exists.
void refuse_existing(const std::filesystem::path& file);

}  // namespace rrpo::apps
