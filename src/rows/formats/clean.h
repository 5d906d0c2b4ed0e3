// Texts of foreign rows without what other programs write around them: templates, places of pictures, ends of turn.
#pragma once

#include "rrpo/rows/foreign.h"

namespace rrpo::rows {

/// Takes known chat templates, places of pictures (before or behind the question; one for all or one for each) and trailing
/// ends of turn off the texts of `item`; what was taken goes to `row.media.notes`, a template's system text to `row.system`.
/// Throws Error(input, "data") for places inside the question, or of another number than the media have.
void clean(ForeignItem& item, ForeignRow& row, const RowReader& reader);

/// `question` with its one place of a picture or video before it where that stood inside, which is noted; several places,
/// or one at an end, are left to `clean`. For sets whose own loaders do the same.
std::string place_first(const std::string& question, std::set<std::string>& notes);

}  // namespace rrpo::rows
