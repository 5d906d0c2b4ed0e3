// Proof of sight: how much more likely a chosen answer is about its clip than about that clip blank, or out of order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/data/control.h"
#include "rrpo/train/pass.h"
#include "rrpo/util/json_file.h"

namespace rrpo::train {

/// A row under one control.
struct SeenRow {
  int64_t row = 0;     ///< number in the dataset
  uint64_t media = 0;  ///< hash64 of the key of its clip: rows of one media are no independent draws
  double nats = 0;     ///< log p(chosen | clip) - log p(chosen | control), summed over the answer's tokens
};
/// By the control's name. A control that changed no clip has no entry.
using SightRows = std::map<std::string, std::vector<SeenRow>>;

/// A pass, and what its rows say of the controls that its batch carries.
struct Sighted {
  Pass pass;
  SightRows rows;
};

/// forward(), then the policy once more for each control. It is asked the same rows in the same company and differs in the
/// visual tokens of the control's clips alone, so that a model that does not see comes to 0 exactly; only where these come
/// to other runs of tokens is it packed anew. A row whose clip a control leaves as it is does not count for it. Throws
/// Error(numerics) for what is not finite, as check_finite() does.
Sighted forward_under_controls(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch);

/// The mean over rows with its 95 % interval: the jackknife that leaves out one media at a time, 1.96 standard errors. There
/// is none with fewer than two media.
struct SightMean {
  double nats = 0;
  std::optional<double> low = {}, high = {};
  int64_t rows = 0, media = 0;
};
SightMean mean_of(const std::vector<SeenRow>& rows);

/// `{"blank": {"nats", "low", "high", "rows", "media"}, …}`
Json sight_json(const SightRows& rows);
/// What a reader must be told: that the answers are as likely without the video. Empty where there is nothing to say.
std::string sight_note(const SightRows& rows);

/// As one rank tells another, to the last bit.
Json told(const SightRows& rows);
SightRows heard_sight(const Json& told);
void add(SightRows& sums, const SightRows& other);

}  // namespace rrpo::train
