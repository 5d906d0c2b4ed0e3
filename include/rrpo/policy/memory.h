// The process and its memory: where it ends is a fault of the environment, not the end of the process.
#pragma once

#include <exception>
#include <optional>

#include "rrpo/util/error.h"

namespace rrpo::policy {

/// LibTorch ends the process where the CPU's memory ends; after this call it throws instead. open_policy() calls it too.
void throw_where_memory_ends();

/// glibc gives memory back to the system after nearly every tensor that goes and asks for it again for the next one: page
/// faults that are up to a tenth of a step. After this call it keeps what tensors of up to 32 MB leave behind; larger ones
/// go back as before. A program calls it once, at its start. Whoever has set glibc's own variables (MALLOC_TRIM_THRESHOLD_,
/// MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES) has decided; other allocators are left alone.
void keep_freed_memory();

/// The Error(environment, "memory") behind an exception that says that memory or threads ran out, on the CPU or on a GPU;
/// nothing for any other.
std::optional<Error> memory_error(const std::exception& error);

}  // namespace rrpo::policy
