// A run whose parts ranks carry out: each part in a folder of its own below --out, joined by the first rank at the end.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/io/output_folder.h"

namespace rrpo::apps {

/// A command that can be shared. Every function returns an exit code, or throws.
struct SharedRun {
  std::string field;                          ///< the field that numbers the parts: `gen.shard`
  io::Claim claim;                            ///< of the whole run
  std::function<int(const Invocation&)> one;  ///< as one process: the whole run, or the part that the field names
  /// The parts in these folders to the whole.
  std::function<int(const Invocation&, const std::vector<std::filesystem::path>&)> join;
};

/// Carries out the run: as one process where no launcher has started several and --out holds no parts of such a run, else in
/// parts, as many as there were ranks when the run began. It may be gone on with by any number of ranks, one among them.
/// Every rank ends with the same exit code; the one at fault throws.
int run_shared(const Invocation& call, const SharedRun& job);

}  // namespace rrpo::apps
