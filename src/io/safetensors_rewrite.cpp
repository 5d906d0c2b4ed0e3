#include <algorithm>

#include "rrpo/io/rewrite.h"
#include "rrpo/util/atomic_file.h"
#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::io {

void rewrite_safetensors(const std::filesystem::path& from, const std::filesystem::path& to, const ChangeBytes& change) {
  std::vector<TensorEntry> entries = read_safetensors_header(from);
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) { return a.offset < b.offset; });
  const Descriptor source = open_to_read(from, "weights");
  const int64_t header = entries.empty() ? file_size(source) : entries.front().offset;
  write_atomically(to, [&](int descriptor, const std::filesystem::path& path) {
    std::vector<char> bytes(static_cast<size_t>(header));
    const auto fill = [&](int64_t offset) {
      const auto count = static_cast<int64_t>(bytes.size());
      if (read_at(source, from, bytes.data(), count, offset) == count) return;
      throw Error(Fault::input, "weights", from.string() + ": became shorter while it was read", "keep the file still");
    };
    fill(0);
    write_all(descriptor, path, {bytes.data(), bytes.size()});
    for (const TensorEntry& entry : entries) {
      check_stop();
      bytes.resize(static_cast<size_t>(entry.bytes));
      fill(entry.offset);
      change(entry, bytes);
      expect(static_cast<int64_t>(bytes.size()) == entry.bytes, "a rewritten tensor changed its size");
      write_all(descriptor, path, {bytes.data(), bytes.size()});
    }
  });
}

}  // namespace rrpo::io
