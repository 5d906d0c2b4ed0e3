// What became of each row of a run.
#pragma once

#include <filesystem>

#include "rrpo/data/loader.h"
#include "rrpo/rows/ledger.h"
#include "rrpo/train/snapshot.h"

namespace rrpo::train {

/// A run as its ledger sees it.
struct LedgerSource {
  const data::Dataset& rows;
  const data::LoaderRules& rules;
  const Position& at;
  bool done = false;
};

/// Writes one line per row: used, unused, skipped or dropped, with the reason. A function of the position alone, so that a
/// resumed run reports what an undisturbed one does.
rows::Ledger write_ledger(const std::filesystem::path& file, const LedgerSource& run);

}  // namespace rrpo::train
