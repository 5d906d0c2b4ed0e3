#include "rrpo/policy/length.h"

#include "rrpo/util/json_file.h"

namespace rrpo::policy {

int64_t positions(const Policy& policy) {
  const Json config = read_json(policy.folder / "config.json", "model");
  const Json& text = config.contains("text_config") ? config.at("text_config") : config;
  const Json given = text.is_object() ? text.value("max_position_embeddings", Json()) : Json();
  if (given.is_null()) return 0;
  if (!given.is_number_integer() || given.get<int64_t>() < 1) {
    throw Error(Fault::input, "model",
                (policy.folder / "config.json").string() +
                    "#max_position_embeddings: not a whole number above 0: " + printable(json_line(given), 40),
                "take config.json of the original checkpoint");
  }
  return given.get<int64_t>();
}

}  // namespace rrpo::policy
