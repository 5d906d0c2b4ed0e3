// Standard input, output and error: there from the start, and what is written to them either arrives or is a fault.
#pragma once

#include <string>
#include <string_view>

namespace rrpo::apps {

/// Opens those of the descriptors 0 to 2 that the caller has closed, on /dev/null. Else the first file that a program makes
/// takes their number, and a line of progress lands among its results. To be called before anything opens a file.
void open_standard_streams();

/// While it lives, what is written to stdout is dropped.
class Silence {
 public:
  Silence();
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence();

 private:
  int stdout_;  ///< the real one
};

/// Writes a result to stdout, at once and whole. Throws Error(environment) where that fails: a full disk, or a reader that
/// has gone (a closed pipe).
void print(std::string_view text);

/// `text` of a model for stdout as it comes: control bytes escaped, but for line breaks and tabs.
std::string streamed(std::string_view text);

}  // namespace rrpo::apps
