#include "rrpo/policy/length.h"

#include "rrpo/util/json_file.h"

namespace rrpo::policy {

int64_t read_positions(const std::filesystem::path& folder) {
  const Json config = read_json(folder / "config.json", "model");
  const Json* text = &config;
  for (const char* key : {"text_config", "llm_config"}) {
    if (config.contains(key)) text = &config.at(key);
  }
  const Json given = text->is_object() ? text->value("max_position_embeddings", Json()) : Json();
  if (given.is_null()) return 0;
  if (!given.is_number_integer() || given.get<int64_t>() < 1) {
    throw Error(Fault::input, "model",
                (folder / "config.json").string() +
                    "#max_position_embeddings: not a whole number above 0: " + printable(json_line(given), 40),
                "take config.json of the original checkpoint");
  }
  return given.get<int64_t>();
}

}  // namespace rrpo::policy
