#include "app_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "rrpo/util/error.h"

namespace rrpo::apps {

void open_standard_streams() {
  for (const int wanted : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(wanted, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is the wanted one: those below it are open by now.
    if (::open("/dev/null", O_RDWR) != wanted)
      throw Error(Fault::environment, "rrpo", "descriptor " + std::to_string(wanted) + " is closed and stays so",
                  "start the program with its standard streams, such as </dev/null >/dev/null");
  }
}

namespace {

[[noreturn]] void cannot_silence() {
  throw Error(Fault::environment, "stdout", std::string("cannot be set aside: ") + std::strerror(errno),
              "ulimit -n says how many files may be open");
}

}  // namespace

Silence::Silence() : stdout_(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
  const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (stdout_ < 0 || nothing < 0 || ::dup2(nothing, STDOUT_FILENO) < 0) cannot_silence();
  ::close(nothing);
}

Silence::~Silence() {
  ::dup2(stdout_, STDOUT_FILENO);
  ::close(stdout_);
}

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
    if (put >= 0) {
      text.remove_prefix(static_cast<size_t>(put));
    } else if (errno == EAGAIN) {  // a pipe or terminal that another process has made non-blocking
      pollfd out{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&out, 1, -1);
    } else if (errno != EINTR) {
      throw Error(Fault::environment, "stdout", std::string("the result cannot be written: ") + std::strerror(errno),
                  "what is in --out is whole; send the output somewhere else");
    }
  }
}

std::string streamed(std::string_view text) {
  std::string out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find_first_of("\n\t", begin), text.size());
    out += printable(text.substr(begin, end - begin), std::string::npos);
    if (end < text.size()) out += text[end];
    begin = end + 1;
  }
  return out;
}

}  // namespace rrpo::apps
