// What the terms of a sum average over, known before the rows of a window go through the model.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "rrpo/data/dataset.h"
#include "rrpo/loss/loss.h"

namespace rrpo::train {

/// True where the terms average over different things: one backward pass then needs to know how these stand to each other.
bool averages_differ(const loss::Objective& objective);

/// What each term averages over in `rows` of the dataset: pairs, or labels of their chosen answers (official data sets,
/// which have more, are for single terms).
std::vector<double> denominators(const loss::Objective& objective, const data::Dataset& dataset,
                                 const std::vector<int64_t>& rows);

std::set<std::string> ids_of(const std::vector<data::SkippedRow>& rows);

/// The rows whose id is not in `unread`.
std::vector<int64_t> without(const std::vector<int64_t>& rows, const data::Dataset& dataset,
                             const std::set<std::string>& unread);

}  // namespace rrpo::train
