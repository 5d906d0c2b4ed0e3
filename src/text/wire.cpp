#include "wire.h"

#include <bit>

namespace rrpo::text {
namespace {

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

/// The wire's number of each kind; 3 and 4 were groups.
std::optional<WireField::Kind> kind_of(uint64_t wire_type) {
  switch (wire_type) {
    case 0:
      return WireField::Kind::varint;
    case 1:
      return WireField::Kind::fixed64;
    case 2:
      return WireField::Kind::bytes;
    case 5:
      return WireField::Kind::fixed32;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<uint64_t> WireReader::varint() {
  uint64_t value = 0;
  for (size_t i = 0; i < left_.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(left_[i]);
    if (i == 9 && byte > 1) break;  // beyond 64 bits
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      left_.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> WireReader::fixed(size_t size) {
  if (left_.size() < size) return std::nullopt;
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value |= static_cast<uint64_t>(static_cast<unsigned char>(left_[i])) << (8 * i);
  left_.remove_prefix(size);
  return value;
}

std::optional<WireField> WireReader::next() {
  if (left_.empty() || broken_) return std::nullopt;
  broken_ = true;  // until the whole field is read
  const std::optional<uint64_t> tag = varint();
  if (!tag || *tag < 8 || *tag >> 32 != 0) return std::nullopt;
  const std::optional<WireField::Kind> kind = kind_of(*tag & 7);
  if (!kind) return std::nullopt;
  WireField field{static_cast<uint32_t>(*tag >> 3), *kind, 0, {}};
  const std::optional<uint64_t> value = *kind == WireField::Kind::fixed32   ? fixed(4)
                                        : *kind == WireField::Kind::fixed64 ? fixed(8)
                                                                            : varint();
  if (!value) return std::nullopt;
  field.value = *value;
  if (*kind == WireField::Kind::bytes) {
    if (*value > left_.size()) return std::nullopt;
    field.bytes = left_.substr(0, static_cast<size_t>(*value));
    left_.remove_prefix(field.bytes.size());
  }
  broken_ = false;
  return field;
}

void write_varint(std::string& out, uint32_t number, uint64_t value) {
  append_varint(out, number << 3);
  append_varint(out, value);
}

void write_float(std::string& out, uint32_t number, float value) {
  append_varint(out, number << 3 | 5);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift);
}

void write_bytes(std::string& out, uint32_t number, std::string_view bytes) {
  append_varint(out, number << 3 | 2);
  append_varint(out, bytes.size());
  out += bytes;
}

}  // namespace rrpo::text
