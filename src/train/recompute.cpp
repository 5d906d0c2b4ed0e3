#include "recompute.h"

#include <charconv>

#include "rrpo/util/error.h"
#include "rrpo/util/fields.h"

namespace rrpo::train {

model::PassRules recompute_rules(const std::string& at, const std::string& value) {
  if (value == "none") return {};
  if (value == "mlp") return {.recompute = model::Recompute::mlp};
  if (value == "layer") return {.recompute = model::Recompute::layer};
  int64_t layers = 0;
  const char* end = value.data() + value.size();
  const auto [stop, fault] = std::from_chars(value.data(), end, layers);
  if (fault != std::errc() || stop != end || layers < 0)
    bad_field(at, "'" + printable(value, 40) + "' is none of none, mlp, layer, a number of layers",
              "train.recompute=layer keeps least");
  if (layers == 0) return {};
  return {.recompute = model::Recompute::layer, .recompute_layers = layers};
}

}  // namespace rrpo::train
