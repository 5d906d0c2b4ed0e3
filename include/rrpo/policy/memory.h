// Where memory ends: a fault of the environment, not the end of the process.
#pragma once

#include <exception>
#include <optional>

#include "rrpo/util/error.h"

namespace rrpo::policy {

/// LibTorch ends the process where the CPU's memory ends; after this call it throws instead. open_policy() calls it too.
void throw_where_memory_ends();

/// The Error(environment, "memory") behind an exception that says that memory or threads ran out, on the CPU or on a GPU;
/// nothing for any other.
std::optional<Error> memory_error(const std::exception& error);

}  // namespace rrpo::policy
