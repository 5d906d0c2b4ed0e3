#include <array>
#include <memory>
#include <vector>

#include "rrpo/io/atomic.h"
#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"

extern "C" {
#include <libavutil/mem.h>
#include <libavutil/sha.h>
}

namespace rrpo::io {

namespace {

class Sha256 {
 public:
  Sha256() : state_(av_sha_alloc()) {
    if (!state_ || av_sha_init(state_.get(), 256) != 0) throw std::bad_alloc();
  }
  void add(std::string_view bytes) {
    av_sha_update(state_.get(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::string hex() {
    std::array<uint8_t, 32> digest{};
    av_sha_final(state_.get(), digest.data());
    std::string text;
    for (const uint8_t byte : digest) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }

 private:
  struct Free {
    void operator()(AVSHA* state) const { av_free(state); }
  };
  std::unique_ptr<AVSHA, Free> state_;
};

}  // namespace

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

std::string file_sha256(const std::filesystem::path& file) {
  constexpr int64_t kChunk = 1 << 20;
  const Descriptor descriptor = open_to_read(file, "io");
  std::vector<char> chunk(kChunk);
  Sha256 hash;
  for (int64_t offset = 0;;) {
    const int64_t got = read_at(descriptor, file, chunk.data(), kChunk, offset);
    hash.add({chunk.data(), static_cast<size_t>(got)});
    if (got < kChunk) return hash.hex();
    offset += got;
  }
}

}  // namespace rrpo::io
