// Where repository and build folder are: the one file that knows, so that the others compile to the same in every clone.
#include "support/temp_dir.h"

namespace rrpo::test {

std::filesystem::path source_file(const std::string& name) { return std::filesystem::path(RRPO_SOURCE_DIR) / name; }

std::filesystem::path build_file(const std::string& name) { return std::filesystem::path(RRPO_BINARY_DIR) / name; }

}  // namespace rrpo::test
