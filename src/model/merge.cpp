#include "rrpo/model/merge.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <cstring>
#include <map>

#include "families/rows.h"
#include "lora.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/checkpoint.h"
#include "rrpo/io/rewrite.h"
#include "rrpo/util/table.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

constexpr const char* kIndex = "model.safetensors.index.json";

/// What an adapter changes, by the canonical names of the weights.
struct Changes {
  std::map<std::string, Lora> loras;
  std::map<std::string, at::Tensor> replaced;
  size_t size() const { return loras.size() + replaced.size(); }
};

Changes changes_of(const Lvlm& adapted) {
  Weights& weights = const_cast<Lvlm&>(adapted).weights();
  Changes changes{{}, weights.replaced};
  for (const NamedLinear& one : named_linears(weights)) {
    if (one.linear->lora.a.defined()) changes.loras.emplace(one.module + ".weight", one.linear->lora);
  }
  return changes;
}

/// Writes `values` in place of the bytes of `entry`, rounded to its type.
void put(const at::Tensor& values, const io::TensorEntry& entry, char* bytes) {
  const at::Tensor rounded = values.to(weight_type(entry.dtype)).contiguous();
  expect(rounded.sizes().vec() == entry.shape, "a merged tensor has another shape than the file's");
  if (!rounded.isfinite().all().item<bool>()) {
    throw Error(Fault::numerics, "merge", entry.name + ": not finite after the merge", "check base and adapter");
  }
  std::memcpy(bytes, rounded.const_data_ptr(), rounded.nbytes());
}

/// W + scale * B A in place of the bytes of W.
void add_lora(const Lora& lora, const io::TensorEntry& entry, char* bytes) {
  const at::Tensor weight = at::empty(entry.shape, weight_type(entry.dtype));
  std::memcpy(weight.mutable_data_ptr(), bytes, weight.nbytes());
  put(with_lora(weight, lora), entry, bytes);
}

/// Changes the parts of one tensor of the files; returns the names of those that it changed.
std::vector<std::string> change_parts(const Changes& changes, const std::vector<std::string>& names,
                                      const io::TensorEntry& entry, std::vector<char>& bytes) {
  std::vector<std::string> changed;
  if (names.empty()) return changed;
  const std::vector<io::TensorEntry> parts = split_rows(entry, names.size(), "merge");
  for (size_t i = 0; i < names.size(); ++i) {
    char* place = bytes.data() + (parts[i].offset - entry.offset);
    const auto lora = changes.loras.find(names[i]);
    const auto own = changes.replaced.find(names[i]);
    if (own != changes.replaced.end())
      put(own->second.detach().to(at::kCPU), parts[i], place);
    else if (lora != changes.loras.end())
      add_lora(lora->second, parts[i], place);
    else
      continue;
    changed.push_back(names[i]);
  }
  return changed;
}

}  // namespace

MergedFiles write_merged(const Lvlm& adapted, const fs::path& base, const fs::path& out) {
  const at::NoGradGuard no_grad;
  const Family* family = find_row(families(), adapted.weights().family);
  expect(family != nullptr, "a model of no family");
  const Changes changes = changes_of(adapted);
  expect(changes.size() > 0, "a model without an adapter is merged");
  MergedFiles written;
  std::set<std::string> met;  // a linear may stand in the files twice
  const auto change = [&](const io::TensorEntry& entry, std::vector<char>& bytes) {
    const std::vector<std::string> changed = change_parts(changes, canonical_names(*family, entry.name), entry, bytes);
    ++(changed.empty() ? written.kept : written.merged);
    if (!changed.empty()) written.dtypes.insert(entry.dtype);
    met.insert(changed.begin(), changed.end());
  };
  std::set<fs::path> files;
  const auto tied = [&](const std::string& name) { return tied_head(adapted.weights(), *family, name); };
  for (const io::TensorEntry& entry : io::open_checkpoint(base, tied)) files.insert(entry.file);
  for (const fs::path& file : files) io::rewrite_safetensors(file, out / file.filename(), change);
  written.files = static_cast<int64_t>(files.size());
  expect(met.size() == changes.size(), "an adapter met no tensor of the files");
  if (!files.contains(base / "model.safetensors")) io::write_file(out / kIndex, read_file(base / kIndex, "weights"));
  return written;
}

}  // namespace rrpo::model
