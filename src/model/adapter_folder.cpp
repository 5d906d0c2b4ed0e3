#include "adapter_folder.h"

#include <algorithm>
#include <array>
#include <map>

#include "rrpo/model/weights.h"
#include "rrpo/util/error.h"
#include "rrpo/util/folder.h"
#include "rrpo/util/notes.h"
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

const std::string kPrefix = "base_model.model.";

/// What a tensor belongs to, for a person.
std::string part_of(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, const char*>, 5> kParts = {
      {{"model.vision_tower.", "the vision tower"},
       {"model.multi_modal_projector.", "the projector"},
       {"model.language_model.embed_tokens.", "the embedding"},
       {"lm_head.", "the head"},
       {"model.language_model.", "the decoder"}}};
  for (const auto& [begin, part] : kParts) {
    if (name.starts_with(begin)) return part;
  }
  return "the model";
}

/// The weights of a model by name, a tied head too.
std::map<std::string, at::Tensor> base_weights(Lvlm& lvlm) {
  std::map<std::string, at::Tensor> weights;
  for (const NamedTensor& tensor : tensors(lvlm)) weights.emplace(tensor.name, *tensor.tensor);
  weights.emplace("lm_head.weight", lvlm.weights().decoder.embedding);
  return weights;
}

/// True where reading the entry instead of `weight` would give the same numbers.
bool equals(const io::TensorEntry& entry, const at::Tensor& weight) {
  if (entry.shape != weight.sizes().vec() || weight_type(entry.dtype) == at::ScalarType::Undefined) return false;
  if (weight.is_meta()) return true;  // a plan knows shapes alone: the run looks at the values
  return read_tensor(entry, weight.scalar_type(), weight.device()).equal(weight);
}

[[noreturn]] void refuse(const fs::path& folder, const std::string& name, const std::string& problem) {
  throw Error(Fault::input, "adapter", folder.string() + ": " + problem + " (" + printable(name, 100) + ")", kMergeWithPeft);
}

/// Throws for what changes the model beyond LoRA on the decoder's linears; true for what changes nothing.
bool harmless(const fs::path& folder, const std::string& name, const io::TensorEntry& entry,
              const std::map<std::string, at::Tensor>& weights) {
  if (name.starts_with("v_head.") || name.starts_with("value_head.")) return true;
  if (const auto base = weights.find(name); base != weights.end()) {
    if (equals(entry, base->second)) return true;
    refuse(folder, name, "holds its own weights of " + part_of(name) + ", which differ from the base's");
  }
  const bool lora = name.find(".lora_") != std::string::npos;
  if (lora && part_of(name) != "the decoder" && part_of(name) != "the model")
    refuse(folder, name, "adapts " + part_of(name) + ", and only adapters of the decoder's linears are read");
  return false;
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

void take_out_harmless(Lvlm& lvlm, const fs::path& folder, Entries& entries) {
  std::map<std::string, at::Tensor> weights;
  std::vector<std::string> taken;
  const auto wanted = adapter_tensors(lvlm);
  std::erase_if(entries, [&](const auto& entry) {
    const bool own = std::any_of(wanted.begin(), wanted.end(), [&](const auto& one) { return one.name == entry.first; });
    if (own) return false;
    if (weights.empty()) weights = base_weights(lvlm);
    const std::string name = entry.first.starts_with(kPrefix) ? entry.first.substr(kPrefix.size()) : entry.first;
    if (!harmless(folder, name, entry.second, weights)) return false;
    taken.push_back(name);
    return true;
  });
  if (taken.empty()) return;
  log_note(folder.string() + ": " + std::to_string(taken.size()) +
           " tensors that are no adapter change nothing and are not read (first " + taken.front() + ")");
}

}  // namespace rrpo::model
