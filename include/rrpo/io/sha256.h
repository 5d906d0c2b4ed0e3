// SHA-256, by libcrypto.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace rrpo::io {

/// The hash of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  ~Sha256();
  void add(std::string_view bytes);
  /// Lower-case hexadecimal. Ends the value: nothing may be added after it.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// SHA-256 of bytes as lower-case hexadecimal.
std::string sha256(std::string_view bytes);

/// The same of a regular file. Throws Error(input, "io") where it cannot be read, Stopped where a stop was asked for in the
/// middle of a large one.
std::string file_sha256(const std::filesystem::path& file);

/// The same; empty when `give_up()` said so between two pieces.
std::string file_sha256(const std::filesystem::path& file, const std::function<bool()>& give_up);

}  // namespace rrpo::io
