#include "app_faults.h"

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "rrpo/util/stop.h"

namespace rrpo::apps {

namespace {

Error out_of_memory(std::string_view what) {
  return Error(Fault::environment, "memory", what, "use fewer frames, threads or rows at a time, or a machine with more");
}

/// What LibTorch says when its CPU allocator gets nothing.
bool is_out_of_memory(std::string_view what) {
  return what.find("not enough memory") != std::string_view::npos ||
         what.find("can't allocate memory") != std::string_view::npos;
}

}  // namespace

void let_allocations_fail() { FLAGS_caffe2_use_fatal_for_enforce = false; }

std::optional<Error> caught() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const Stopped&) {
    return std::nullopt;
  } catch (const c10::OutOfMemoryError& error) {
    return Error(Fault::environment, "device", error.what_without_backtrace(), "use fewer frames or threads");
  } catch (const c10::Error& error) {
    const std::string_view what = error.what_without_backtrace();
    if (is_out_of_memory(what)) return out_of_memory(what.substr(std::min(what.size(), what.find("you tried"))));
    return Error(Fault::internal, "torch", error.what_without_backtrace(), "please report this");
  } catch (const std::bad_alloc&) {
    return out_of_memory("no more of it to be had");
  } catch (const std::length_error& error) {
    return out_of_memory(std::string("more than there can be: ") + error.what());
  } catch (const std::system_error& error) {
    return Error(Fault::environment, "system", error.what(), "ulimit -a and df show what may be used up");
  } catch (const std::exception& error) {
    return Error(Fault::internal, "rrpo", error.what(), "please report this");
  } catch (...) {
    return Error(Fault::internal, "rrpo", "unknown fault", "please report this");
  }
}

}  // namespace rrpo::apps
