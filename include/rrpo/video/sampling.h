// Which frames of a clip the model sees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rrpo::video {

/// Indices of `wanted` frames out of `total` > 0, by rule:
/// `authors`: int(double(total) / wanted * i)  (the authors' int(n/F*i), repeats when total < wanted);
/// `linspace`: int of linspace(0, total - 1, wanted), as LLaVA-NeXT.
/// Throws Error(usage) for another rule.
std::vector<int64_t> sample_indices(const std::string& rule, int64_t total, int64_t wanted);

/// The names of the rules.
const std::vector<std::string>& sampling_rules();

}  // namespace rrpo::video
