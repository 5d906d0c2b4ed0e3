// `rrpo-gen show`: pairs as a person reads them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/gen/config.h"
#include "rrpo/rows/pair.h"
#include "rrpo/text/tokenizer.h"

namespace rrpo::gen {

/// The bytes of `marked` that an objective sees as marked: with a tokenizer those of whole marked tokens (without leading
/// blanks), else the spans.
std::vector<text::ByteRange> marked_bytes(const text::MarkedText& marked, const text::Tokenizer* tokenizer);

/// At most `count` of the numbers below `total`, in order, spread over all of them.
std::vector<size_t> spread_places(size_t total, int64_t count);
/// At most `count` entries of `pairs`, in order, spread over the whole list.
std::vector<rows::Pair> spread(const std::vector<rows::Pair>& pairs, int64_t count);

/// How the marks of the authors' code (`--compat official`) differ from ours in this pair, or why that code drops it: one
/// line.
std::string official_difference(const rows::Pair& pair, const text::Tokenizer& tokenizer);

/// One page: for each pair its frames, clean and as the model saw them when it erred, the question, and both answers with
/// the marked tokens in colour. Throws Error(input) for a video that cannot be read.
std::string lens_page(const ShowConfig& config, const std::filesystem::path& file, const std::vector<rows::Pair>& pairs);

/// One page: what perturbations do to each clip. `config.perturb` step upon step as the main job applies it, or, where it is
/// empty, every row of the table by itself. Throws Error(input) for a video that cannot be read.
std::string perturbation_page(const ShowConfig& config, const std::filesystem::path& root,
                              const std::vector<rows::Media>& clips);

/// The same as lens_page without frames for a terminal: marked tokens in brackets, in colour where `colour`.
std::string lens_text(const ShowConfig& config, const std::vector<rows::Pair>& pairs, bool colour);

}  // namespace rrpo::gen
