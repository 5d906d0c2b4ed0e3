#include "rrpo/io/line_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "ownership.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"

namespace rrpo::io {

namespace {

/// Bytes up to and including the last newline.
int64_t complete_bytes(const Descriptor& file, const std::filesystem::path& path) {
  std::array<char, 4096> chunk{};
  for (int64_t end = file_size(file); end > 0;) {
    const int64_t begin = end > static_cast<int64_t>(chunk.size()) ? end - static_cast<int64_t>(chunk.size()) : 0;
    const int64_t got = read_at(file, path, chunk.data(), end - begin, begin);
    const size_t newline = std::string_view(chunk.data(), static_cast<size_t>(got)).rfind('\n');
    if (newline != std::string_view::npos) return begin + static_cast<int64_t>(newline) + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

LineWriter::LineWriter(const std::filesystem::path& file) : file_(file) {
  claim_outputs({file});
  note_growing(file);
  Descriptor descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  struct stat status {};
  if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) throw_errno(file, "cannot open");
  if (S_ISREG(status.st_mode)) {
    const int64_t complete = complete_bytes(descriptor, file);
    if (complete < status.st_size && ::ftruncate(descriptor.get(), complete) != 0)
      throw_errno(file, "cannot cut the torn last line");
  }
  descriptor_ = descriptor.release();
}

LineWriter::~LineWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void LineWriter::write(const Json& row) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  try {
    write_all(descriptor_, file_, json_line(row) + "\n");
  } catch (const Error&) {
    // Half a line must not stay in front of the next one.
    if (before < 0 || ::ftruncate(descriptor_, before) != 0) errno = 0;
    throw;
  }
}

}  // namespace rrpo::io
