#include "complete.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "endings.h"

namespace rrpo::video {
namespace {

constexpr int kMaxChunks = 1'000'000;  // a film in fragments of a second lasts two days
constexpr const char* kFix = "copy or download it again";

[[noreturn]] void cut(const Source& source, const std::string& missing) {
  bad_video(source.name(), "the file is cut: its " + std::to_string(source.size()) + " bytes end before " + missing, kFix);
}

[[noreturn]] void cut(const Source& source, int64_t stated) {
  cut(source, "the " + std::to_string(stated) + " that it states");
}

void check_index(const AVStream& stream, const Source& source) {
  auto* listed = const_cast<AVStream*>(&stream);  // the index functions want it so, and change nothing
  const int count = avformat_index_get_entries_count(listed);
  for (int i = 0; i < count; ++i) {
    const AVIndexEntry* entry = avformat_index_get_entry(listed, i);
    if (entry->size <= 0 || entry->pos < 0 || entry->size <= source.size() - entry->pos) continue;
    bad_video(source.name(),
              "the file is cut: packet " + std::to_string(i) + " of " + std::to_string(count) + " has " +
                  std::to_string(entry->size) + " bytes from byte " + std::to_string(entry->pos) + " of " +
                  std::to_string(source.size()),
              kFix);
  }
}

// A number of one to eight bytes at the front of an EBML element; the leading zeros of the first byte count the others. The
// marker bit stays in an id.
std::optional<uint64_t> ebml_number(ByteReader& bytes, bool id) {
  const int first = bytes.next();
  if (first <= 0) return std::nullopt;
  int length = 1;
  while ((first & (0x80 >> (length - 1))) == 0) ++length;
  uint64_t value = id ? static_cast<uint64_t>(first) : static_cast<uint64_t>(first & (0xff >> length));
  bool unknown = !id && value == static_cast<uint64_t>(0xff >> length);
  for (int i = 1; i < length; ++i) {
    const int next = bytes.next();
    if (next < 0) return std::nullopt;
    value = value << 8 | static_cast<uint64_t>(next);
    unknown = unknown && next == 0xff;
  }
  if (unknown) return std::nullopt;  // all ones: a stream that was written without knowing its length
  return value;
}

void check_segment(const Source& source) {
  constexpr uint64_t kHeader = 0x1a45dfa3, kSegment = 0x18538067;
  const auto size = static_cast<uint64_t>(source.size());
  ByteReader bytes(source);
  if (ebml_number(bytes, true) != kHeader) return;
  const auto header = ebml_number(bytes, false);
  if (!header || *header > size) return;
  bytes.skip(static_cast<int64_t>(*header));
  if (ebml_number(bytes, true) != kSegment) return;
  const auto length = ebml_number(bytes, false);
  if (!length) return;
  const auto begin = static_cast<uint64_t>(bytes.position());
  if (*length > size - begin) cut(source, static_cast<int64_t>(begin + *length));
}

// MP4: boxes of a stated length, one behind the other. The index tells which bytes of `mdat` are pictures, but a film in
// fragments has no index of all: there each must be whole. What stands behind the last box that has a name is not looked at.
void check_boxes(const Source& source) {
  bool fragments = false;
  int64_t begin = 0;
  for (int boxes = 0; begin < source.size() && boxes < kMaxChunks; ++boxes) {
    std::array<uint8_t, 16> head{};
    if (source.read(head.data(), 16, begin) < 8) return;
    const auto number = [&](size_t at, size_t count) {
      uint64_t value = 0;
      for (size_t i = at; i < at + count; ++i) value = value << 8 | head[i];
      return value;
    };
    const std::string_view name(reinterpret_cast<const char*>(head.data()) + 4, 4);
    const uint64_t length = number(0, 4) == 1 ? number(8, 8) : number(0, 4);
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    if (length < 8 || !std::all_of(name.begin(), name.end(), letter)) return;
    fragments = fragments || name == "moof";
    const bool needed = name == "moov" || (fragments && (name == "moof" || name == "mdat"));
    if (length > static_cast<uint64_t>(source.size() - begin)) {
      if (needed) cut(source, "its box " + std::string(name) + " of " + std::to_string(length) + " bytes");
      return;
    }
    begin += static_cast<int64_t>(length);
  }
}

// AVI: chunks RIFF of a stated length, one behind the other. 0 and all ones were never filled in; some writers count the
// eight bytes before it.
void check_riff(const Source& source) {
  int64_t begin = 0;
  for (int chunks = 0; begin < source.size() && chunks < kMaxChunks; ++chunks) {
    std::array<uint8_t, 8> head{};
    if (source.read(head.data(), 8, begin) < 8 || std::memcmp(head.data(), "RIFF", 4) != 0) return;
    const int64_t length = head[4] | head[5] << 8 | head[6] << 16 | static_cast<int64_t>(head[7]) << 24;
    if (length == 0 || length == 0xffffffff) return;
    if (length > source.size() - begin) cut(source, begin + 8 + length);
    begin += 8 + length + length % 2;
  }
}

// FLV: the number `filesize` among its first words, where the writer knew it.
void check_filesize(const Source& source) {
  std::string front(4096, '\0');
  front.resize(static_cast<size_t>(source.read(front.data(), static_cast<int64_t>(front.size()), 0)));
  const std::string name(
      "\0\x08"
      "filesize\0",
      11);
  const size_t at = front.find(name);
  if (at == std::string::npos || at + name.size() + 8 > front.size()) return;
  uint64_t bits = 0;
  for (size_t i = 0; i < 8; ++i) bits = bits << 8 | static_cast<uint8_t>(front[at + name.size() + i]);
  const auto stated = std::bit_cast<double>(bits);
  if (stated > static_cast<double>(source.size()) && stated < 1e15) cut(source, static_cast<int64_t>(stated));
}

}  // namespace

int64_t check_complete(const AVFormatContext& input, const AVStream& stream, const Source& source) {
  check_index(stream, source);
  const std::string_view format = input.iformat->name;
  if (format.starts_with("mov,")) check_boxes(source);
  if (format.starts_with("matroska")) check_segment(source);
  if (format == "avi") check_riff(source);
  if (format == "flv") check_filesize(source);
  return format == "gif" ? count_gif_pictures(source) : -1;
}

}  // namespace rrpo::video
