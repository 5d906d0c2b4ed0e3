// The bytes of a media file, on disk or in memory, and FFmpeg's way to read them.
#pragma once

#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "ffmpeg.h"
#include "rrpo/util/descriptor.h"

namespace rrpo::video {

/// Bytes that are read by place. `name` stands in errors.
class Source {
 public:
  /// A file. Throws Error(input) for what is no regular file with at least one byte: a pipe or a device may block for ever.
  explicit Source(std::filesystem::path file);
  /// Bytes in memory, which outlive the source.
  Source(std::string_view bytes, std::filesystem::path name);

  const std::filesystem::path& name() const { return name_; }
  int64_t size() const { return size_; }
  /// Reads up to `count` bytes at `offset`, fewer only at the end. Throws Error(environment) when the disk fails, Stopped
  /// when a stop was asked for.
  int64_t read(void* out, int64_t count, int64_t offset) const;

 private:
  std::filesystem::path name_;
  std::optional<Descriptor> file_;
  std::string_view bytes_;
  int64_t size_ = 0;
};

/// A source as FFmpeg reads it: bytes and a place. No exception may cross FFmpeg: what a read throws waits in `rethrow`.
class SourceReader {
 public:
  /// `source` outlives the reader.
  explicit SourceReader(const Source& source);
  SourceReader(const SourceReader&) = delete;
  SourceReader& operator=(const SourceReader&) = delete;
  ~SourceReader();

  AVIOContext* context() { return context_; }
  const Source& source() const { return source_; }
  /// Throws what a read threw: after a call of FFmpeg that failed or came to an end.
  void rethrow() const;

 private:
  static int read(void* self, uint8_t* out, int count);
  static int64_t seek(void* self, int64_t offset, int whence);

  const Source& source_;
  int64_t at_ = 0;
  std::exception_ptr thrown_;
  AVIOContext* context_ = nullptr;
};

/// Bytes one after another from the beginning of a source: for the few structures that are read without FFmpeg.
class ByteReader {
 public:
  explicit ByteReader(const Source& source) : source_(source) {}

  /// The next byte, or -1 behind the last.
  int next();
  int64_t position() const { return begin_ + static_cast<int64_t>(at_); }
  /// May lead behind the end. `bytes` >= 0.
  void skip(int64_t bytes);
  bool ended() const { return position() >= source_.size(); }

 private:
  const Source& source_;
  std::string buffer_;
  int64_t begin_ = 0;  // of the buffer
  size_t at_ = 0;
};

}  // namespace rrpo::video
