// Every exception that can end a program, as one error with its exit code.
#pragma once

#include <optional>

#include "rrpo/util/error.h"

namespace rrpo::apps {

/// The exception that is being handled, as an error; nothing for Stopped, which is no fault.
std::optional<Error> caught();

}  // namespace rrpo::apps
