// The time of day as the files of a run tell it.
#pragma once

#include <string>

namespace rrpo::io {

/// `2026-01-31T23:59:58Z`.
std::string now_utc();

}  // namespace rrpo::io
