#include "app_faults.h"

#include <c10/util/Exception.h>

#include <new>
#include <stdexcept>
#include <system_error>

#include "rrpo/policy/memory.h"
#include "rrpo/util/stop.h"

namespace rrpo::apps {

std::optional<Error> caught() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const Stopped&) {
    return std::nullopt;
  } catch (const c10::Error& error) {
    if (const auto memory = policy::memory_error(error)) return memory;
    return Error(Fault::internal, "torch", error.what_without_backtrace(), "please report this");
  } catch (const std::bad_alloc& error) {
    return policy::memory_error(error);
  } catch (const std::length_error& error) {
    return policy::memory_error(error);
  } catch (const std::system_error& error) {
    if (const auto memory = policy::memory_error(error)) return memory;
    return Error(Fault::environment, "system", error.what(), "ulimit -a and df show what may be used up");
  } catch (const std::exception& error) {
    return Error(Fault::internal, "rrpo", error.what(), "please report this");
  } catch (...) {
    return Error(Fault::internal, "rrpo", "unknown fault", "please report this");
  }
}

}  // namespace rrpo::apps
