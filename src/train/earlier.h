// What an earlier part of a run left in its folder, checked before anything is written.
#pragma once

#include <optional>

#include "rrpo/io/inputs.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/train/snapshot.h"

namespace rrpo::train {

struct Earlier {
  io::Inputs inputs;  ///< of this run, as they are now
  bool resumed = false;
  Json result = nullptr;  ///< `summary` and `code` of a run that is finished; null: there is something to do
  std::optional<Snapshot> snapshot = {};
};

/// The files that a run reads: pairs, held-out pairs, model, tokenizer, adapter.
std::vector<std::filesystem::path> input_files(const TrainConfig& config);

/// What run.json of `out` says of the inputs: hashes that are not there yet are null.
Json recorded_inputs(const std::filesystem::path& out);

/// Bytes of the files of each media, by its key.
std::map<std::string, int64_t> media_bytes(const data::Dataset& rows, const std::filesystem::path& root);

/// Throws Error(usage) for the first media whose files have another size now.
void check_media(const std::map<std::string, int64_t>& before, const std::map<std::string, int64_t>& now);

/// Throws Error(usage) for a configuration or an input that is not the earlier part's, by name; Error(input) where its
/// record or its checkpoints cannot be used.
Earlier look_at_earlier(const io::OutputFolder& folder, const TrainConfig& config);

}  // namespace rrpo::train
