// Labels and marks of rows as the authors' codes have them.
#pragma once

#include <string>

#include "rrpo/data/dataset.h"

namespace rrpo::data {

/// True where rows have the labels of LLaVA-Video's and LongVU's code: VideoChat2's has none of its own.
bool labels_officially(const policy::Policy& policy, const DatasetRules& rules);

/// Places in the words before a clip that those codes take for labels.
std::vector<int64_t> official_labels_before(const policy::Policy& policy);

/// Gives the answers and questions of a sample their labels and marks. Returns why those codes drop the pair, else an empty
/// text.
std::string make_official(const policy::Policy& policy, const DatasetRules& rules, const rows::Pair& pair,
                          const std::string& place, Sample& sample);

/// Marks the tokens in which chosen and rejected differ. VideoChat2's code compares the labels of whole conversations,
/// padded to one length.
void mark_difference(const policy::Policy& policy, Sample& sample);

}  // namespace rrpo::data
