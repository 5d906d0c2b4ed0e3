// What a user wants done with results that are there already.
#pragma once

namespace rrpo::io {

/// How a program treats an output folder that already holds a result.
enum class Existing { refuse, resume, overwrite };

}  // namespace rrpo::io
