// Every exception that can end a program, as one error with its exit code.
#pragma once

#include <optional>

#include "rrpo/util/error.h"

namespace rrpo::apps {

/// From now on LibTorch throws where its CPU allocator gets no memory; left alone it aborts the process.
void let_allocations_fail();

/// The exception that is being handled, as an error; nothing for Stopped, which is no fault.
std::optional<Error> caught();

}  // namespace rrpo::apps
