#include "rrpo/model/family.h"

#include "families/rows.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

const std::vector<Family>& families() {
  static const std::vector<Family> rows = {
      llava_onevision_row(),    llava_qwen_row(), internvl_row(), internvl_chat_row(),
      videochat2_mistral_row(), qwen2_5_vl_row(), qwen3_vl_row(), longvu_row(),
  };
  return rows;
}

const Family& family_of(const Json& config, const std::filesystem::path& folder) {
  for (const Family& family : families()) {
    if (family.matches(config)) return family;
  }
  const Json kind = config.is_object() ? config.value("model_type", Json()) : Json();
  throw Error(Fault::input, "model",
              (folder / "config.json").string() + "#model_type: " +
                  printable(kind.dump(-1, ' ', true, Json::error_handler_t::replace)) + " is no family that we know",
              "use a checkpoint of one of: " + join(row_names(families())));
}

std::vector<std::string> canonical_names(const Family& family, const std::string& disk_name) {
  if (family.stacked != nullptr) {
    std::vector<std::string> parts = family.stacked(disk_name);
    if (!parts.empty()) return parts;
  }
  std::string name = family.canonical(disk_name);
  if (name.empty()) return {};
  return {std::move(name)};
}

std::string module_name(const Family& family, const std::string& name) {
  if (!family.own_modules) return name;
  // Renames know whole parts of names: a module's own name may be the last one.
  const std::string end = ".weight", saved = family.saved(name + end);
  return saved.ends_with(end) ? saved.substr(0, saved.size() - end.size()) : saved;
}

std::string rename_prefix(const std::vector<Rename>& renames, const std::string& name) {
  for (const Rename& rename : renames) {
    if (name.starts_with(rename.from)) return rename.to + name.substr(rename.from.size());
  }
  return name;
}

}  // namespace rrpo::model
