#include "adapter_folder.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include "lora.h"
#include "nf4.h"
#include "rrpo/util/error.h"
#include "rrpo/util/folder.h"
#include "rrpo/util/notes.h"
#include "sharded.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

const char* const kMergeWithPeft =
    "merge it with PEFT: PeftModel.from_pretrained(base, DIR).merge_and_unload().save_pretrained(OUT), then model.path=OUT";

namespace {

/// Files whose names begin and end so.
struct Names {
  std::string_view begin, end;
  bool hold(const std::string& name) const { return name.starts_with(begin) && name.ends_with(end); }
};

/// What trainers leave beside an adapter and no answer depends on.
constexpr std::array kStates = {Names{"adapter_model.safetensors", ""},
                                Names{"optimizer", ""},
                                Names{"scheduler", ""},
                                Names{"scaler.pt", ""},
                                Names{"rng_state", ".pth"},
                                Names{"random_states", ""},
                                Names{"sampler", ""},
                                Names{"training_args", ""}};

/// Weights that an answer may depend on.
struct Beside {
  Names names;
  const char* what;
  const char* fix;
};
constexpr const char* kApart = "move it out of the folder";
constexpr std::array kWeights = {
    Beside{
        {"non_lora_trainables", ""},
        "weights trained beside the adapter (a projector or a tower)",
        "merge both into the base with the code that made them (LLaVA: scripts/merge_lora_weights.py), then model.path=OUT"},
    Beside{
        {"mm_projector", ""},
        "a projector trained beside the adapter",
        "merge both into the base with the code that made them (LLaVA: scripts/merge_lora_weights.py), then model.path=OUT"},
    Beside{{"new_embeddings", ""},
           "rows of the embedding for new tokens",
           "merge adapter and rows into a base with a resized embedding, then model.path=OUT"},
    Beside{{"adapter_model.", ""}, "a second copy of the adapter", "remove the one that is not meant"},
    Beside{{"adapter_model", ""}, "a part of an adapter in several files", kMergeWithPeft},
    Beside{{"value_head", ""}, "a value head, which no answer needs", kApart},
    Beside{{"v_head", ""}, "a value head, which no answer needs", kApart},
    Beside{{"", ""},
           "weights that are no part of a PEFT adapter",
           "move it out of the folder, or merge it and the adapter into the base with the code that wrote them"}};

constexpr std::array kWholeModel = {Names{"model.safetensors", ""}, Names{"model-", ".safetensors"},
                                    Names{"pytorch_model", ""}};

constexpr std::array kExtensions = {".safetensors", ".bin",  ".pt",  ".pth",     ".ckpt",
                                    ".pkl",         ".gguf", ".npz", ".msgpack", ".h5"};

bool holds_weights(const fs::path& file) {
  const std::string extension = file.extension().string();
  return std::any_of(kExtensions.begin(), kExtensions.end(), [&extension](const char* one) { return extension == one; });
}

template <class Table>
bool any_holds(const Table& table, const std::string& name) {
  return std::any_of(table.begin(), table.end(), [&name](const Names& names) { return names.hold(name); });
}

/// The weights of a model by name, a tied head too.
using Base = std::map<std::string, NamedTensor>;

Base base_weights(Lvlm& lvlm) {
  Base weights;
  for (NamedTensor& tensor : tensors(lvlm)) weights.emplace(tensor.name, tensor);
  at::Tensor& embedding = lvlm.weights().decoder.embedding;
  weights.emplace("lm_head.weight", NamedTensor{"lm_head.weight", &embedding, embedding.sizes().vec(), Part::decoder});
  return weights;
}

/// What a tensor, or a module with an adapter, belongs to, for a person.
std::string part_of(const std::string& name, const Base& base) {
  if (name.starts_with("lm_head.")) return "the head";
  if (name.starts_with("model.language_model.embed_tokens.")) return "the embedding";
  auto found = base.find(name);
  if (found == base.end()) found = base.find(name.substr(0, name.find(".lora_")) + ".weight");
  return found == base.end() ? "the model" : part_name(found->second.part);
}

/// True where reading the entry instead of `weight` would give the same numbers.
bool equals(const io::TensorEntry& entry, const at::Tensor& weight) {
  if (entry.shape != weight.sizes().vec() || weight_type(entry.dtype) == at::ScalarType::Undefined) return false;
  if (weight.is_meta()) return true;  // a plan knows shapes alone: the run looks at the values
  return read_tensor(entry, weight.scalar_type(), weight.device()).equal(weight);
}

/// The same for a matrix of the decoder, however it is held.
bool equals(const io::TensorEntry& entry, const Frozen& matrix) {
  if (!matrix.held) return equals(entry, matrix.plain);
  if (entry.shape != matrix.shape() || weight_type(entry.dtype) == at::ScalarType::Undefined) return false;
  if (const auto* parts = dynamic_cast<const Sharded*>(matrix.held.get())) return parts->equals(entry);
  const at::Tensor held = matrix.get(at::kFloat);
  return held.is_meta() || quantise_nf4(read_as_stored(entry, at::kCPU), held.device())->get(at::kFloat).equal(held);
}

[[noreturn]] void refuse(const fs::path& folder, const std::string& name, const std::string& problem) {
  throw Error(Fault::input, "adapter", folder.string() + ": " + problem + " (" + printable(name, 100) + ")", kMergeWithPeft);
}

/// Throws for what changes the model beyond LoRA on linears; true for what changes nothing.
bool harmless(const fs::path& folder, const std::string& name, const io::TensorEntry& entry, const Base& weights,
              const std::map<std::string, const Linear*>& linears) {
  if (name.starts_with("v_head.") || name.starts_with("value_head.")) return true;
  if (const auto base = weights.find(name); base != weights.end()) {
    const auto linear = linears.find(name.substr(0, name.rfind('.')));
    const bool matrix = linear != linears.end() && name.ends_with(".weight");
    if (matrix ? equals(entry, linear->second->weight) : equals(entry, *base->second.tensor)) return true;
    refuse(folder, name, "holds its own weights of " + part_of(name, weights) + ", which differ from the base's");
  }
  const size_t at = name.find(".lora_");
  if (at == std::string::npos) return false;
  const std::string module = name.substr(0, at);
  if (weights.contains(module + ".weight") && !linears.contains(module))
    refuse(folder, name,
           "adapts " + part_of(name, weights) + " where it is no linear, and only adapters of linears are read");
  return false;
}

std::string without_prefix(const std::string& key) {
  return key.starts_with(kPeftPrefix) ? key.substr(kPeftPrefix.size()) : key;
}

}  // namespace

void check_beside(const fs::path& folder) {
  std::error_code code;
  for (const std::string& name : names_in(folder)) {
    if (!holds_weights(name) || !fs::is_regular_file(folder / name, code) || any_holds(kStates, name)) continue;
    const std::string place = (folder / name).string();
    if (any_holds(kWholeModel, name)) {
      if (fs::exists(folder / "config.json", code)) {
        log_note(folder.string() + ": a whole model lies beside the adapter; only model.path says which base is read");
        continue;
      }
      throw Error(Fault::input, "adapter", place + ": a whole model beside the adapter, which would be left out",
                  "move one of them to another folder");
    }
    for (const Beside& row : kWeights) {
      if (!row.names.hold(name)) continue;
      throw Error(Fault::input, "adapter", place + ": " + row.what + "; it would be left out", row.fix);
    }
  }
}

SavedWeights take_saved(Lvlm& lvlm, const Family& family, const PeftConfig& peft, Entries& entries) {
  std::map<std::string, std::string> called;
  for (const auto& [key, entry] : entries) called.emplace(without_prefix(key), entry.name);
  SavedWeights saved;
  const Base base = base_weights(lvlm);
  for (const std::string& module : peft.saved) {
    const size_t before = saved.base.size();
    for (const auto& [name, tensor] : base) {
      const auto own = called.find(name);
      const bool held = saved_holds(module, name) || saved_holds(module, family.saved(name)) ||
                        (own != called.end() && saved_holds(module, own->second));
      if (held && tensor.part == Part::projector) saved.base.emplace(name, tensor);
    }
    if (saved.base.size() > before) saved.modules.push_back(module);
  }
  const auto ours = [&saved](const auto& entry) { return saved.base.contains(without_prefix(entry.first)); };
  const bool differs = std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
    if (!ours(entry)) return false;
    const at::Tensor& weight = *saved.base.at(without_prefix(entry.first)).tensor;
    return weight.is_meta() || !equals(entry.second, weight);
  });
  if (!differs) return {};
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(saved.entries), ours);
  std::erase_if(entries, ours);
  return saved;
}

void put_saved(Weights& weights, const SavedWeights& saved, const fs::path& folder) {
  if (saved.entries.empty()) return;
  const at::ScalarType type = weights.type == at::kDouble ? at::kDouble : at::kFloat;
  std::vector<at::Tensor> values(saved.base.size());
  std::vector<NamedTensor> wanted;
  for (const auto& [name, tensor] : saved.base)
    wanted.push_back({kPeftPrefix + name, &values[wanted.size()], tensor.shape, tensor.part});
  fill_tensors(wanted, saved.entries, type, weights.device, {"adapter", folder, "take an adapter of this base"});
  size_t i = 0;
  for (const auto& [name, tensor] : saved.base) {
    *tensor.tensor = values[i].to(weights.type);
    weights.replaced.emplace(name, values[i++]);
  }
  weights.adapter->saved_modules = saved.modules;
  log_note(folder.string() + ": its own weights of the projector (" + std::to_string(values.size()) +
           " tensors) take the place of the base's");
}

void take_out_harmless(Lvlm& lvlm, const fs::path& folder, Entries& entries) {
  Base weights;
  std::map<std::string, const Linear*> linears;
  std::vector<std::string> taken;
  const auto wanted = adapter_tensors(lvlm);
  std::erase_if(entries, [&](const auto& entry) {
    const bool own = std::any_of(wanted.begin(), wanted.end(), [&](const auto& one) { return one.name == entry.first; });
    if (own) return false;
    if (weights.empty()) {
      weights = base_weights(lvlm);
      for (const NamedLinear& one : named_linears(lvlm.weights())) linears.emplace(one.module, one.linear);
    }
    const std::string name = without_prefix(entry.first);
    if (!harmless(folder, name, entry.second, weights, linears)) return false;
    taken.push_back(name);
    return true;
  });
  if (taken.empty()) return;
  log_note(folder.string() + ": " + std::to_string(taken.size()) +
           " tensors that are no adapter change nothing and are not read (first " + taken.front() + ")");
}

}  // namespace rrpo::model
