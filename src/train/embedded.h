// Files of the repository that travel inside the program.
#pragma once

namespace rrpo::train {

extern const char* const kSelftestGolden;  ///< tests/golden/selftest/golden.json

}  // namespace rrpo::train
