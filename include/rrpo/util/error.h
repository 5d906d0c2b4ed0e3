// The one exception type of the library: what went wrong, where, and what to try, with the exit code it leads to.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace rrpo {

/// The kind of a fault; its value is the exit code of the program.
enum class Fault {
  internal = 1,     ///< a bug of ours
  usage = 2,        ///< command line or configuration
  input = 3,        ///< a row, video, weight or tokenizer file
  environment = 4,  ///< disk, memory, lock, device, refusal to overwrite
  numerics = 5,     ///< a non-finite loss or gradient
  judge = 6,        ///< the judge is unusable, the partial result is kept
  peer = 7,         ///< another rank is lost
  budget = 8,       ///< finished, but more items were rejected than allowed
};

/// Thrown by every layer. `what()` is one printable line of at most 400 bytes:
/// `component: problem; fix: remedy`. Control bytes in the parts are escaped.
class Error : public std::runtime_error {
 public:
  /// `component` is the part that noticed (config, data, video, weights, …); `problem` begins with the file and the place
  /// in it (`train.jsonl:417`, `model.safetensors#layers.3.weight`); `fix` is a concrete thing to do and may be empty.
  Error(Fault fault, std::string_view component, std::string_view problem, std::string_view fix);

  Fault fault() const { return fault_; }
  int exit_code() const { return static_cast<int>(fault_); }

 private:
  Fault fault_;
};

/// Throws Error(internal) with `message` unless `holds`: for what only a bug of ours can break.
inline void expect(bool holds, std::string_view message) {
  if (!holds) throw Error(Fault::internal, "rrpo", message, "please report this");
}

/// `text` with control bytes escaped as \xNN and cut to `limit` bytes on a character border, for one line of a terminal.
std::string printable(std::string_view text, size_t limit = 160);

}  // namespace rrpo
