// Names for what is not complete yet. They begin with one prefix, by which a later run finds what an interrupted one left.
#pragma once

#include <filesystem>
#include <functional>

#include "rrpo/util/descriptor.h"

namespace rrpo::io {

/// A fresh name beside `final`: same folder, so that a rename is atomic.
std::filesystem::path temporary_beside(const std::filesystem::path& final);

/// Removes everything under `folder` that carries such a name. Links are not followed.
void remove_temporaries(const std::filesystem::path& folder);

/// `write(descriptor, temporary)` fills a new file, which is then synced and renamed to `file`; on an exception it is
/// removed.
void write_atomically(const std::filesystem::path& file,
                      const std::function<void(int, const std::filesystem::path&)>& write);

}  // namespace rrpo::io
