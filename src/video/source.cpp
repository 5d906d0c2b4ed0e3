#include "source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "rrpo/util/stop.h"

namespace rrpo::video {
namespace {

constexpr int kBuffer = 32768;  // as FFmpeg's own reader of files
constexpr int64_t kMaxBytes = int64_t{16} << 30;

Descriptor open_regular(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) bad_video(file, "no such file", "check the path and the video root");
  if (std::filesystem::is_directory(status)) bad_video(file, "is a folder", "list its pictures in order under frames");
  if (!std::filesystem::is_regular_file(status)) bad_video(file, "not a regular file", "give a video file");
  return open_to_read(file, "video");
}

}  // namespace

Source::Source(std::filesystem::path file) : name_(std::move(file)), file_(open_regular(name_)), size_(file_size(*file_)) {
  if (size_ == 0) bad_video(name_, "the file is empty", "copy it again");
  if (size_ > kMaxBytes) bad_video(name_, "more than 16 GiB", "cut or re-encode it");
}

Source::Source(std::string_view bytes, std::filesystem::path name)
    : name_(std::move(name)), bytes_(bytes), size_(static_cast<int64_t>(bytes.size())) {
  if (size_ == 0) bad_video(name_, "the file is empty", "copy it again");
}

int64_t Source::read(void* out, int64_t count, int64_t offset) const {
  check_stop();
  if (offset < 0 || offset >= size_ || count <= 0) return 0;
  count = std::min(count, size_ - offset);
  if (file_) return read_at(*file_, name_, out, count, offset);
  std::memcpy(out, bytes_.data() + offset, static_cast<size_t>(count));
  return count;
}

SourceReader::SourceReader(const Source& source) : source_(source) {
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBuffer));
  context_ = buffer == nullptr ? nullptr : avio_alloc_context(buffer, kBuffer, 0, this, read, nullptr, seek);
  if (context_ != nullptr) return;
  av_free(buffer);
  throw Error(Fault::environment, "video", "no memory to read a file", "free memory");
}

SourceReader::~SourceReader() {
  av_freep(&context_->buffer);  // not always the one that was given
  avio_context_free(&context_);
}

void SourceReader::rethrow() const {
  if (thrown_) std::rethrow_exception(thrown_);
}

int SourceReader::read(void* self, uint8_t* out, int count) {
  auto& reader = *static_cast<SourceReader*>(self);
  if (reader.thrown_) return AVERROR(EIO);
  try {
    const int64_t got = reader.source_.read(out, count, reader.at_);
    reader.at_ += got;
    return got == 0 ? AVERROR_EOF : static_cast<int>(got);
  } catch (...) {
    reader.thrown_ = std::current_exception();
    return AVERROR(EIO);
  }
}

int64_t SourceReader::seek(void* self, int64_t offset, int whence) {
  auto& reader = *static_cast<SourceReader*>(self);
  const int64_t size = reader.source_.size();
  whence &= ~AVSEEK_FORCE;
  if (whence == AVSEEK_SIZE) return size;
  const int64_t base = whence == SEEK_CUR ? reader.at_ : whence == SEEK_END ? size : 0;
  int64_t place = 0;
  if (__builtin_add_overflow(base, offset, &place) || place < 0) return AVERROR(EINVAL);
  return reader.at_ = place;
}

int ByteReader::next() {
  if (at_ == buffer_.size()) {
    begin_ = position();
    at_ = 0;
    buffer_.resize(kBuffer);
    buffer_.resize(static_cast<size_t>(source_.read(buffer_.data(), kBuffer, begin_)));
    if (buffer_.empty()) return -1;
  }
  return static_cast<unsigned char>(buffer_[at_++]);
}

void ByteReader::skip(int64_t bytes) {
  const auto left = static_cast<int64_t>(buffer_.size() - at_);
  if (bytes <= left) {
    at_ += static_cast<size_t>(bytes);
    return;
  }
  // Nothing lies behind the end, wherever there one stands.
  begin_ = bytes > source_.size() - position() ? std::max(source_.size(), position()) : position() + bytes;
  buffer_.clear();
  at_ = 0;
}

}  // namespace rrpo::video
