#include "rrpo/io/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>

#include "ownership.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/util/descriptor.h"

namespace rrpo::io {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

template <class Number>
std::string bytes_of(Number number) {
  const auto raw = std::bit_cast<std::array<char, sizeof(Number)>>(number);
  return {raw.data(), raw.size()};
}

// What stands before a member of a protobuf message: its number and how it is written.
constexpr uint64_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

std::string varint(uint64_t number) {
  std::string out;
  for (; number >= 0x80; number >>= 7) out += static_cast<char>(number | 0x80);
  return out + static_cast<char>(number);
}

std::string key(uint64_t member, uint64_t kind) { return varint(member << 3 | kind); }

std::string text(uint64_t member, const std::string& value) { return key(member, kBytes) + varint(value.size()) + value; }

std::string event(double time_s, const std::string& rest) { return key(1, kFixed64) + bytes_of(time_s) + rest; }

/// CRC-32C, as RFC 3720 has it.
uint32_t crc32c(const std::string& bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> out{};
    for (uint32_t i = 0; i < out.size(); ++i) {
      out[i] = i;
      for (int bit = 0; bit < 8; ++bit) out[i] = out[i] >> 1 ^ (out[i] & 1 ? 0x82F63B78U : 0U);
    }
    return out;
  }();
  uint32_t crc = ~0U;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<uint8_t>(byte)) & 0xFF] ^ crc >> 8;
  return ~crc;
}

/// The checksum of a record: turned and shifted, so that checksums inside of the bytes do no harm.
std::string checksum(const std::string& bytes) { return bytes_of(std::rotr(crc32c(bytes), 15) + 0xA282EAD8U); }

}  // namespace

EventFile::EventFile(const std::filesystem::path& file, double time_s) : file_(file) {
  claim_outputs({file});
  note_growing(file);
  Descriptor descriptor(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (descriptor.get() < 0) throw_errno(file, "cannot open");
  descriptor_ = descriptor.release();
  write(event(time_s, text(3, "brain.Event:2")));
}

EventFile::~EventFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void EventFile::add(int64_t step, double time_s, const Scalars& scalars) {
  std::string summary;
  for (const auto& [name, value] : scalars)
    summary += text(1, text(1, name) + key(2, kFixed32) + bytes_of(static_cast<float>(value)));
  write(event(time_s, key(2, kVarint) + varint(static_cast<uint64_t>(step)) + text(5, summary)));
}

void EventFile::write(const std::string& event) {
  const std::string length = bytes_of(static_cast<uint64_t>(event.size()));
  write_all(descriptor_, file_, length + checksum(length) + event + checksum(event));
}

}  // namespace rrpo::io
