#include "rrpo/model/merge.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <cstring>
#include <map>

#include "families/rows.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/checkpoint.h"
#include "rrpo/io/rewrite.h"
#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/table.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

constexpr const char* kIndex = "model.safetensors.index.json";

/// The adapters by the canonical names of the weights that they change.
std::map<std::string, Lora> loras_by_weight(const Lvlm& adapted) {
  std::map<std::string, Lora> loras;
  each_decoder_linear(const_cast<Lvlm&>(adapted).weights(), [&loras](const std::string& name, Linear& linear) {
    if (linear.lora.a.defined()) loras.emplace(name + ".weight", linear.lora);
  });
  return loras;
}

/// W + scale * B A in place of the bytes of W.
void add_lora(const Lora& lora, const io::TensorEntry& entry, std::vector<char>& bytes) {
  const at::ScalarType type = weight_type(entry.dtype), wide = type == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor weight = at::empty(entry.shape, type);
  std::memcpy(weight.mutable_data_ptr(), bytes.data(), bytes.size());
  const at::Tensor a = lora.a.detach().to(at::kCPU, wide), b = lora.b.detach().to(at::kCPU, wide);
  const at::Tensor merged = weight.to(wide).add_(b.matmul(a).mul_(lora.scale)).to(type).contiguous();
  if (!merged.isfinite().all().item<bool>()) {
    throw Error(Fault::numerics, "merge", entry.name + ": not finite after the merge", "check base and adapter");
  }
  std::memcpy(bytes.data(), merged.const_data_ptr(), bytes.size());
}

}  // namespace

MergedFiles write_merged(const Lvlm& adapted, const fs::path& base, const fs::path& out) {
  const at::NoGradGuard no_grad;
  const Family* family = find_row(families(), adapted.weights().family);
  expect(family != nullptr, "a model of no family");
  const std::map<std::string, Lora> loras = loras_by_weight(adapted);
  expect(!loras.empty(), "a model without an adapter is merged");
  MergedFiles written;
  std::set<std::string> met;  // a linear may stand in the files twice
  const auto change = [&](const io::TensorEntry& entry, std::vector<char>& bytes) {
    const auto lora = loras.find(family->canonical(entry.name));
    if (lora == loras.end()) {
      ++written.kept;
      return;
    }
    add_lora(lora->second, entry, bytes);
    ++written.merged;
    met.insert(lora->first);
    written.dtypes.insert(entry.dtype);
  };
  std::set<fs::path> files;
  const auto tied = [&](const std::string& name) { return tied_head(adapted.weights(), *family, name); };
  for (const io::TensorEntry& entry : io::open_checkpoint(base, tied)) files.insert(entry.file);
  for (const fs::path& file : files) io::rewrite_safetensors(file, out / file.filename(), change);
  written.files = static_cast<int64_t>(files.size());
  expect(met.size() == loras.size(), "an adapter met no tensor of the files");
  if (!files.contains(base / "model.safetensors")) io::write_file(out / kIndex, read_file(base / kIndex, "weights"));
  return written;
}

}  // namespace rrpo::model
