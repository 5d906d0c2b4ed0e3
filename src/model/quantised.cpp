#include "quantised.h"

#include <array>

#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

constexpr const char* kFix =
    "take the base that was not quantised, or write it in full (transformers: dequantize(), save_pretrained())";

[[noreturn]] void refuse(const std::string& place, const std::string& method) {
  throw Error(Fault::input, "weights", place + ": quantised with " + method, kFix);
}

/// "bitsandbytes, 4 bits" of a `quantization_config`.
std::string method_of(const Json& settings) {
  const auto text = [&settings](const char* key) {
    const Json value = settings.value(key, Json());
    return value.is_string() ? printable(value.get<std::string>(), 40) : std::string();
  };
  const auto flag = [&settings](const char* key) { return settings.value(key, Json()) == Json(true); };
  std::string method = text("quant_method");
  if (method.empty()) method = text("quant_algo");
  if (method.empty())
    method = flag("load_in_4bit") || flag("load_in_8bit") ? "bitsandbytes" : "a method that it does not name";
  const Json bits = settings.value("bits", settings.value("w_bit", Json()));
  if (bits.is_number_integer()) return method + ", " + bits.dump() + " bits";
  if (flag("load_in_4bit") || flag("_load_in_4bit")) return method + ", 4 bits";
  return flag("load_in_8bit") || flag("_load_in_8bit") ? method + ", 8 bits" : method;
}

/// How the names of a method's own tensors end.
struct Sign {
  const char* end;
  const char* method;
};
constexpr std::array kSigns = {Sign{".qweight", "GPTQ or AWQ"},
                               Sign{".qzeros", "GPTQ or AWQ"},
                               Sign{".g_idx", "GPTQ"},
                               Sign{".scales", "GPTQ or AWQ"},
                               Sign{".absmax", "bitsandbytes, 4 bits"},
                               Sign{".quant_map", "bitsandbytes, 4 bits"},
                               Sign{".nested_absmax", "bitsandbytes, 4 bits"},
                               Sign{".nested_quant_map", "bitsandbytes, 4 bits"},
                               Sign{".SCB", "bitsandbytes, 8 bits"},
                               Sign{".weight_format", "bitsandbytes, 8 bits"},
                               Sign{".weight_scale", "FP8"},
                               Sign{".weight_scale_inv", "FP8"},
                               Sign{".input_scale", "FP8"},
                               Sign{".weight_packed", "compressed-tensors"}};

}  // namespace

void check_not_quantised(const Json& config, const std::filesystem::path& folder) {
  if (!config.is_object()) return;
  const std::string place = (folder / "config.json").string() + "#";
  const auto look = [&place](const Json& object, const std::string& at) {
    const Json settings = object.is_object() ? object.value("quantization_config", Json()) : Json();
    if (settings.is_object() && !settings.empty()) refuse(place + at + "quantization_config", method_of(settings));
  };
  look(config, "");
  look(config.value("text_config", Json()), "text_config.");
}

void check_not_quantised(const io::TensorEntry& entry) {
  const std::string place = entry.file.string() + "#" + printable(entry.name, 100);
  for (const Sign& sign : kSigns) {
    if (entry.name.ends_with(sign.end)) refuse(place, sign.method);
  }
  if (entry.name.find(".quant_state.bitsandbytes") != std::string::npos) refuse(place, "bitsandbytes, 4 bits");
}

}  // namespace rrpo::model
