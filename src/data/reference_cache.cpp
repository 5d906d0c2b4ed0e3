#include "rrpo/data/reference_cache.h"

#include <type_traits>
#include <utility>

#include "rrpo/io/sha256.h"

namespace rrpo::data {

namespace {

constexpr const char* kRows = "rows";

/// The bytes of values without padding, behind their number.
template <class Value>
void add(io::Sha256& hash, const std::vector<Value>& values) {
  static_assert(std::has_unique_object_representations_v<Value>);
  hash.add(std::to_string(values.size()) + "\n");
  hash.add({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)});
}

}  // namespace

std::string reference_name(const std::vector<std::string>& clips, const model::PackedRows& rows) {
  io::Sha256 hash;
  for (const std::string& clip : clips) hash.add(std::to_string(clip.size()) + "\n" + clip);
  add(hash, rows.ids);
  add(hash, rows.positions);
  add(hash, rows.segments);
  add(hash, rows.visual);
  add(hash, rows.read_rows);
  return hash.hex();
}

void ReferenceCache::open_folder(const std::filesystem::path& folder, std::string key) {
  folder_.emplace(folder);
  key_ = std::move(key);
}

/// With words of its own in front: visual tokens may lie in the same folder.
std::string ReferenceCache::name_in_folder(const std::string& name) const {
  return "reference-" + io::sha256(key_ + "\n" + name);
}

at::Tensor ReferenceCache::find(const std::string& name) {
  if (const std::optional<at::Tensor> found = rows_.find(name)) return *found;
  if (!folder_) return {};
  const std::optional<KeptTensors> kept = folder_->read(name_in_folder(name));
  if (!kept) return {};
  const at::Tensor& rows = kept->tensors.at(kRows);
  rows_.insert(name, rows, static_cast<int64_t>(rows.nbytes()));
  return rows;
}

void ReferenceCache::insert(const std::string& name, const at::Tensor& rows) {
  const auto bytes = static_cast<int64_t>(rows.nbytes());
  if (!folder_ && !rows_.has_room(bytes)) return;  // a copy from the device would wait for it
  // A copy: what is kept holds no storage of the pass, and nobody else writes into it.
  const at::Tensor plain =
      rows.detach().to(at::kCPU, rows.scalar_type(), /*non_blocking=*/false, /*copy=*/true).contiguous();
  if (folder_) folder_->write(name_in_folder(name), {{{kRows, plain}}});
  rows_.insert(name, plain, bytes);
}

}  // namespace rrpo::data
