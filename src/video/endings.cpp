#include "endings.h"

#include <cstdlib>
#include <string>

namespace rrpo::video {
namespace {

[[noreturn]] void cut(const Source& source, const std::string& missing) {
  bad_video(source.name(), "the picture is cut: its " + std::to_string(source.size()) + " bytes end before " + missing,
            "copy or download it again");
}

std::string front(const Source& source, size_t count) {
  std::string bytes(count, '\0');
  bytes.resize(static_cast<size_t>(source.read(bytes.data(), static_cast<int64_t>(count), 0)));
  return bytes;
}

int64_t little(std::string_view bytes, size_t at, size_t count) {
  int64_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | (at + i < bytes.size() ? static_cast<uint8_t>(bytes[at + i]) : 0);
  return value;
}

int64_t big(ByteReader& bytes, int count) {
  int64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | (bytes.next() & 0xff);  // behind the end: seen at the next mark
  return value;
}

// Chunks of length, name, data and check sum, the last one called IEND.
void check_png(const Source& source) {
  constexpr int64_t kEnd = 0x49454e44;  // IEND
  ByteReader bytes(source);
  bytes.skip(8);
  while (!bytes.ended()) {
    const int64_t length = big(bytes, 4), name = big(bytes, 4);
    bytes.skip(length + 4);
    if (name == kEnd && bytes.position() <= source.size()) return;
  }
  cut(source, "the chunk IEND");
}

// The marker behind the next 0xff; 0 stands for a byte 0xff of the data, -1 for the end.
int next_marker(ByteReader& bytes) {
  int byte = bytes.next();
  while (byte >= 0 && byte != 0xff) byte = bytes.next();
  while (byte == 0xff) byte = bytes.next();
  return byte;
}

// Segments with their lengths, and behind each start of scan data up to a marker that is no restart. A thumbnail with an end
// mark of its own lies inside a segment.
void check_jpeg(const Source& source) {
  constexpr int kTemporary = 0x01, kRestart0 = 0xd0, kEnd = 0xd9, kScan = 0xda;
  ByteReader bytes(source);
  bool scanned = false;
  for (int marker = next_marker(bytes); marker >= 0; marker = next_marker(bytes)) {
    if (marker == kEnd && scanned) return;
    if (marker <= kTemporary || (marker >= kRestart0 && marker <= kEnd)) continue;  // a marker without a length
    const int64_t length = big(bytes, 2);
    if (length >= 2) bytes.skip(length - 2);
    scanned = scanned || marker == kScan;
  }
  cut(source, "the marker EOI");
}

void check_webp(const Source& source) {
  if (little(front(source, 8), 4, 4) > source.size() - 8) cut(source, "the length in its header");
}

void check_bmp(const Source& source) {
  const std::string header = front(source, 34);
  const bool old = little(header, 14, 4) == 12;  // OS/2: sizes of two bytes
  const auto number = [&](size_t at) { return static_cast<int64_t>(static_cast<int32_t>(little(header, at, 4))); };
  const int64_t begin = little(header, 10, 4), width = old ? little(header, 18, 2) : number(18);
  const int64_t height = old ? little(header, 20, 2) : std::abs(number(22));
  const int64_t bits = little(header, old ? 24 : 28, 2), packing = old ? 0 : little(header, 30, 4);
  if (packing == 1 || packing == 2 || packing == 4 || packing == 5)
    bad_video(source.name(), "a compressed BMP is not read", "save it as PNG");
  if (width <= 0 || width * height > kMaxPixels) bad_video(source.name(), "more than 8192x4320 pixels", "scale it down");
  if (begin + (width * bits + 31) / 32 * 4 * height > source.size()) cut(source, "its last row");
}

bool skip_blocks(ByteReader& bytes) {
  for (int length = bytes.next(); length > 0; length = bytes.next()) bytes.skip(length);
  return !bytes.ended();
}

int64_t palette_bytes(int flags) { return (flags & 0x80) != 0 ? int64_t{3} << ((flags & 7) + 1) : 0; }

}  // namespace

PictureKind picture_kind(const Source& source) {
  const std::string bytes = front(source, 12);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return PictureKind::png;
  if (bytes.starts_with("\xff\xd8\xff")) return PictureKind::jpeg;
  if (bytes.starts_with("RIFF") && bytes.ends_with("WEBP")) return PictureKind::webp;
  if (bytes.starts_with("BM")) return PictureKind::bmp;
  if (bytes.starts_with("GIF8")) return PictureKind::gif;
  return PictureKind::unknown;
}

void check_picture_ending(const Source& source, PictureKind kind) {
  if (kind == PictureKind::png) check_png(source);
  if (kind == PictureKind::jpeg) check_jpeg(source);
  if (kind == PictureKind::webp) check_webp(source);
  if (kind == PictureKind::bmp) check_bmp(source);
}

int64_t count_gif_pictures(const Source& source) {
  constexpr int kExtension = 0x21, kPicture = 0x2c, kTrailer = 0x3b;
  ByteReader bytes(source);
  bytes.skip(10);
  const int screen = bytes.next();
  bytes.skip(2 + palette_bytes(screen < 0 ? 0 : screen));
  int64_t pictures = 0;
  for (int block = bytes.next(); block >= 0; block = bytes.next()) {
    if (block == kTrailer) return pictures;
    if (block == kExtension) {
      bytes.skip(1);
    } else if (block == kPicture) {
      bytes.skip(8);
      const int flags = bytes.next();
      bytes.skip(palette_bytes(flags < 0 ? 0 : flags) + 1);
      ++pictures;
    } else {
      continue;  // what stands between two blocks is passed over
    }
    if (!skip_blocks(bytes)) break;
  }
  cut(source, "its trailer, in picture " + std::to_string(pictures));
}

}  // namespace rrpo::video
