#include "complete.h"

#include <cstring>
#include <fstream>
#include <optional>

namespace rrpo::video {
namespace {

constexpr const char* kFix = "copy or download it again";

void check_index(const AVFormatContext& input, const AVStream& stream, int64_t size, const std::filesystem::path& file) {
  AVStream* listed = input.streams[stream.index];  // the index functions want it without const
  const int count = avformat_index_get_entries_count(listed);
  for (int i = 0; i < count; ++i) {
    const AVIndexEntry* entry = avformat_index_get_entry(listed, i);
    if (entry->size > 0 && entry->pos >= 0 && entry->pos + entry->size > size) {
      bad_video(file,
                "the file is cut: packet " + std::to_string(i) + " of " + std::to_string(count) + " ends at byte " +
                    std::to_string(entry->pos + entry->size) + " of " + std::to_string(size),
                kFix);
    }
  }
}

// The elements at the front of an EBML file.
class Elements {
 public:
  explicit Elements(const std::filesystem::path& file) : stream_(file, std::ios::binary) {}

  /// A number of one to eight bytes; the leading zeros of the first byte count the others. The marker bit stays in an id.
  std::optional<uint64_t> number(bool id) {
    const int first = stream_.get();
    if (first <= 0) return std::nullopt;
    int length = 1;
    while ((first & (0x80 >> (length - 1))) == 0) ++length;
    uint64_t value = id ? static_cast<uint64_t>(first) : static_cast<uint64_t>(first & (0xff >> length));
    bool unknown = !id && value == static_cast<uint64_t>(0xff >> length);
    for (int i = 1; i < length; ++i) {
      const int next = stream_.get();
      if (next < 0) return std::nullopt;
      value = value << 8 | static_cast<uint64_t>(next);
      unknown = unknown && next == 0xff;
    }
    if (unknown) return std::nullopt;  // all ones: a stream that was written without knowing its length
    return value;
  }
  int64_t position() { return static_cast<int64_t>(stream_.tellg()); }
  void skip(uint64_t bytes) { stream_.seekg(static_cast<std::streamoff>(bytes), std::ios::cur); }

 private:
  std::ifstream stream_;
};

void check_segment(int64_t size, const std::filesystem::path& file) {
  constexpr uint64_t kHeader = 0x1a45dfa3, kSegment = 0x18538067;
  Elements elements(file);
  if (elements.number(true) != kHeader) return;
  const auto header = elements.number(false);
  if (!header || *header > static_cast<uint64_t>(size)) return;
  elements.skip(*header);
  if (elements.number(true) != kSegment) return;
  const auto length = elements.number(false);
  if (!length) return;
  const auto begin = static_cast<uint64_t>(elements.position());
  if (begin + *length > static_cast<uint64_t>(size)) {
    bad_video(
        file,
        "the file is cut: it should have " + std::to_string(begin + *length) + " bytes and has " + std::to_string(size),
        kFix);
  }
}

}  // namespace

void check_complete(const AVFormatContext& input, const AVStream& stream, const std::filesystem::path& file) {
  const int64_t size = avio_size(input.pb);
  if (size <= 0) return;
  check_index(input, stream, size, file);
  if (std::strstr(input.iformat->name, "matroska") != nullptr) check_segment(size, file);
}

}  // namespace rrpo::video
