// Protocol buffers' wire format: fields of a message, read within bounds, and written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rrpo::text {

/// One field: its number, and its value as a number (varint, fixed) or as bytes (length-delimited).
struct WireField {
  enum class Kind { varint, fixed64, bytes, fixed32 };
  uint32_t number = 0;
  Kind kind = Kind::varint;
  uint64_t value = 0;
  std::string_view bytes;
};

/// Reads the fields of one message in order.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : left_(message) {}
  /// The next field; nothing at the end and where the message is broken.
  std::optional<WireField> next();
  /// True once the message turned out cut, or holds what no writer of today writes (groups, field 0, overlong numbers).
  bool broken() const { return broken_; }

 private:
  std::optional<uint64_t> varint();
  std::optional<uint64_t> fixed(size_t size);
  std::string_view left_;
  bool broken_ = false;
};

void write_varint(std::string& out, uint32_t number, uint64_t value);
void write_float(std::string& out, uint32_t number, float value);
void write_bytes(std::string& out, uint32_t number, std::string_view bytes);

}  // namespace rrpo::text
