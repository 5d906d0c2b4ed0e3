#include "rrpo/util/notes.h"

#include <algorithm>
#include <mutex>

#include "rrpo/util/log.h"

namespace rrpo {

namespace {

std::mutex g_mutex;
std::vector<std::string> g_notes;

/// False for a note that was taken before.
bool take(const std::string& message) {
  const std::lock_guard lock(g_mutex);
  if (std::find(g_notes.begin(), g_notes.end(), message) != g_notes.end()) return false;
  g_notes.push_back(message);
  return true;
}

}  // namespace

void log_note(const std::string& message) {
  if (take(message)) log_warning(message);
}

std::vector<std::string> logged_notes() {
  const std::lock_guard lock(g_mutex);
  return g_notes;
}

}  // namespace rrpo
