#include "rrpo/io/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <new>
#include <vector>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/stop.h"

namespace rrpo::io {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() {
    if (context == nullptr || EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1) {
      EVP_MD_CTX_free(context);
      throw std::bad_alloc();
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context, digest.data(), &size) != 1) throw std::bad_alloc();
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

std::string file_sha256(const std::filesystem::path& file, const std::function<bool()>& give_up) {
  constexpr int64_t kPiece = 1 << 20;
  const Descriptor descriptor = open_to_read(file, "io");
  std::vector<char> piece(kPiece);
  Sha256 hash;
  for (int64_t offset = 0;;) {
    const int64_t got = read_at(descriptor, file, piece.data(), kPiece, offset);
    hash.add({piece.data(), static_cast<size_t>(got)});
    if (got < kPiece) return hash.hex();
    offset += got;
    if (give_up()) return "";
  }
}

std::string file_sha256(const std::filesystem::path& file) {
  constexpr int64_t kAsk = 16;  // pieces between two questions: what is read in a moment is read to its end
  int64_t pieces = 0;
  return file_sha256(file, [&] {
    if (++pieces % kAsk == 0) check_stop();
    return false;
  });
}

}  // namespace rrpo::io
