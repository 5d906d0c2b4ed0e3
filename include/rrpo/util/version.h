// The program's version.
#pragma once

namespace rrpo {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace rrpo
