#include "rrpo/io/checkpoint.h"

#include <algorithm>
#include <map>

#include "rrpo/util/error.h"
#include "rrpo/util/folder.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/table.h"

namespace rrpo::io {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& place, const std::string& problem, const std::string& fix) {
  throw Error(Fault::input, "weights", place + ": " + problem, fix);
}

/// No weights that we read: says which ones lie there instead.
[[noreturn]] void throw_no_weights(const fs::path& folder) {
  std::error_code code;
  std::string pickle;
  bool adapter = false;
  for (const std::string& name : names_in(folder)) {
    const std::string extension = fs::path(name).extension().string();
    const bool weights = extension == ".bin" || extension == ".pth" || extension == ".pt" || extension == ".ckpt";
    if (weights && pickle.empty()) pickle = name;
    adapter = adapter || name == "adapter_model.safetensors";
  }
  if (!fs::is_directory(folder, code))
    fail(folder.string(), "is not a checkpoint folder", "give a folder in Hugging Face form");
  if (!pickle.empty()) {
    fail((folder / pickle).string(), "is a pickle, which is never loaded",
         "convert it to safetensors with scripts/convert_checkpoint.py");
  }
  if (adapter)
    fail(folder.string(), "holds an adapter, not a model",
         "give its base model as model.path and this folder as model.adapter");
  fail(folder.string(), "holds neither model.safetensors nor model.safetensors.index.json",
       "give a folder in Hugging Face form");
}

/// The `weight_map` of an index: the shard of each tensor. A shard is a plain name of this folder (a link is fine: the
/// Hugging Face cache is made of links).
std::map<std::string, std::string> read_index(const fs::path& index) {
  const Json json = read_json(index, "weights");
  const std::string fix = "download the folder again";
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    fail(index.string(), "has no object \"weight_map\"", fix);
  }
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : json["weight_map"].items()) {
    const std::string place = index.string() + "#" + printable(tensor, 80);
    if (!shard.is_string()) fail(place, "its shard is not a text", fix);
    const auto name = shard.get<std::string>();
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
        name.find('\0') != std::string::npos) {
      fail(place, "shard \"" + printable(name, 60) + "\" is not a plain file name", fix);
    }
    shards[tensor] = name;
  }
  if (shards.empty()) fail(index.string(), "\"weight_map\" is empty", fix);
  return shards;
}

/// Checks that shards and index agree in both directions, and joins the entries.
std::vector<TensorEntry> read_shards(const fs::path& folder, const fs::path& index,
                                     const std::function<bool(const std::string&)>& may_lack) {
  std::map<std::string, std::string> expected = read_index(index);
  std::vector<std::string> names;
  for (const auto& [tensor, shard] : expected) names.push_back(shard);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<TensorEntry> all;
  for (const std::string& name : names) {
    std::error_code code;
    if (!fs::exists(folder / name, code))
      fail((folder / name).string(), "the index names this shard, but it is missing", "download it");
    for (TensorEntry& entry : read_safetensors_header(folder / name)) {
      const auto found = expected.find(entry.name);
      const std::string place = (folder / name).string() + "#" + printable(entry.name, 80);
      if (found == expected.end())
        fail(place, "the index does not list this tensor, or lists it once and it stands twice",
             "download the folder again");
      if (found->second != name)
        fail(place, "the index places this tensor in " + printable(found->second, 60), "download the folder again");
      expected.erase(found);
      all.push_back(std::move(entry));
    }
  }
  std::erase_if(expected, [&may_lack](const auto& lacking) { return may_lack && may_lack(lacking.first); });
  if (!expected.empty()) {
    const auto& [tensor, shard] = *expected.begin();
    fail((folder / shard).string() + "#" + printable(tensor, 80),
         "the index places this tensor here, but it is missing (" + std::to_string(expected.size()) + " such)",
         "download the shard again");
  }
  return all;
}

}  // namespace

std::vector<TensorEntry> open_checkpoint(const fs::path& folder, const std::function<bool(const std::string&)>& may_lack) {
  std::error_code code;
  std::vector<TensorEntry> all;
  if (fs::exists(folder / "model.safetensors", code)) {
    all = read_safetensors_header(folder / "model.safetensors");
  } else if (fs::exists(folder / "model.safetensors.index.json", code)) {
    all = read_shards(folder, folder / "model.safetensors.index.json", may_lack);
  } else {
    throw_no_weights(folder);
  }
  std::sort(all.begin(), all.end(), [](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
  return all;
}

}  // namespace rrpo::io
