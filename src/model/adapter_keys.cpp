#include "adapter_keys.h"

#include <algorithm>

#include "rrpo/util/error.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

const std::string kPeftPrefix = "base_model.model.";

namespace {

const std::string kWeight = ".weight";

std::string without(std::string name, const std::string& end) {
  if (name.ends_with(end)) name.resize(name.size() - end.size());
  return name;
}

/// A key without what wrappers of trainers and PEFT's own modules leave in it.
std::string plain_key(std::string key) {
  for (const std::string wrapper : {"_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", ".modules_to_save",
                                    ".base_layer", ".default"}) {
    for (size_t at = key.find(wrapper); at != std::string::npos; at = key.find(wrapper)) key.erase(at, wrapper.size());
  }
  // A model may hold the one that PEFT adapted: VideoChat2's keys begin with `mistral_model.`.
  if (const size_t at = key.find("." + kPeftPrefix); at != std::string::npos) key.erase(0, at + 1);
  return key;
}

/// Learns from one module how the file's paths begin where ours do.
void learn(AdapterFile& file, const std::string& own, const std::string& canonical) {
  if (own == canonical) return;
  file.called.emplace(canonical, own);
  size_t common = 0;  // of the ends, up to a dot
  for (size_t i = 1; i <= std::min(own.size(), canonical.size()); ++i) {
    const char a = own[own.size() - i], b = canonical[canonical.size() - i];
    if (a != b) break;
    const bool whole = (i == own.size() || own[own.size() - i - 1] == '.') &&
                       (i == canonical.size() || canonical[canonical.size() - i - 1] == '.');
    if (whole) common = i;
  }
  if (common == 0) return;
  file.begins.emplace(canonical.substr(0, canonical.size() - common), own.substr(0, own.size() - common));
}

/// A or B of the module `own`: `end` is the rest of the key.
void add_lora(AdapterFile& file, const Family& family, const std::string& own, const std::string& end,
              const io::TensorEntry& entry) {
  const std::vector<std::string> names = canonical_names(family, own + kWeight);
  if (names.empty()) {
    ++file.unread;
    return;
  }
  const bool rows = end.starts_with(".lora_B.") && names.size() > 1;
  const std::vector<io::TensorEntry> ranges =
      rows ? split_rows(entry, names.size(), "adapter") : std::vector<io::TensorEntry>(names.size(), entry);
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string module = without(names[i], kWeight);
    learn(file, own, module);
    file.modules.insert(module);
    file.entries.emplace_back(kPeftPrefix + module + end, ranges[i]);
  }
}

void add_entry(AdapterFile& file, const Family& family, const io::TensorEntry& entry) {
  const std::string key = plain_key(entry.name);
  if (!key.starts_with(kPeftPrefix)) {
    file.entries.emplace_back(key, entry);
    return;
  }
  const std::string name = key.substr(kPeftPrefix.size());
  if (const size_t at = name.find(".lora_"); at != std::string::npos) {
    add_lora(file, family, name.substr(0, at), name.substr(at), entry);
    return;
  }
  const std::vector<std::string> names = canonical_names(family, name);
  if (names.empty()) ++file.unread;
  const std::vector<io::TensorEntry> ranges =
      names.size() > 1 ? split_rows(entry, names.size(), "adapter") : std::vector<io::TensorEntry>(names.size(), entry);
  for (size_t i = 0; i < names.size(); ++i) file.entries.emplace_back(kPeftPrefix + names[i], ranges[i]);
}

}  // namespace

AdapterFile read_adapter_file(const Family& family, const fs::path& folder) {
  const fs::path path = folder / "adapter_model.safetensors";
  if (!fs::exists(path)) {
    const bool pickle = fs::exists(folder / "adapter_model.bin");
    throw Error(Fault::input, "adapter",
                path.string() + ": missing" + (pickle ? "; adapter_model.bin is a pickle, which is not read" : ""),
                pickle ? "convert it with scripts/convert_checkpoint.py" : "model.adapter must be a PEFT folder");
  }
  AdapterFile file;
  for (const io::TensorEntry& entry : io::read_safetensors_header(path)) add_entry(file, family, entry);
  return file;
}

ModuleNames names_of(const Family& family, const AdapterFile& file, const std::string& module) {
  ModuleNames names = {module, without(family.saved(module + kWeight), kWeight)};
  if (const auto exact = file.called.find(module); exact != file.called.end()) {
    names.push_back(exact->second);
    return names;
  }
  const std::string* longest = nullptr;
  for (const auto& [begin, own] : file.begins) {
    if (module.starts_with(begin) && (longest == nullptr || begin.size() > longest->size())) longest = &begin;
  }
  if (longest != nullptr) names.push_back(file.begins.at(*longest) + module.substr(longest->size()));
  return names;
}

}  // namespace rrpo::model
