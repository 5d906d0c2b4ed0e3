#include "rrpo/util/fields.h"

#include <charconv>
#include <cmath>

#include "rrpo/util/settings.h"
#include "rrpo/util/table.h"

namespace rrpo {

namespace {

/// Names that people know from other trainers, and ours.
struct Alias {
  const char* theirs;
  const char* ours;
};
constexpr Alias kAliases[] = {
    {"r", "lora.rank"},
    {"lora_r", "lora.rank"},
    {"lora_alpha", "lora.alpha"},
    {"target_modules", "lora.targets"},
    {"learning_rate", "optim.lr"},
    {"weight_decay", "optim.weight_decay"},
    {"lr_scheduler_type", "optim.schedule"},
    {"warmup_ratio", "optim.warmup_ratio"},
    {"max_grad_norm", "optim.max_grad_norm"},
    {"num_train_epochs", "train.epochs"},
    {"max_steps", "train.steps"},
    {"per_device_train_batch_size", "train.micro_pairs"},
    {"gradient_accumulation_steps", "train.batch_pairs"},
    {"save_steps", "train.save_every"},
    {"save_total_limit", "train.keep"},
    {"loss_type", "objective.name"},
    {"loss_alpha", "objective.alpha"},
    {"loss_beta", "objective.beta"},
    {"num_frames", "video.frames"},
    {"model_name_or_path", "model.path"},
    {"model", "model.path"},
    {"adapter", "model.adapter"},
    {"output_dir", "--out"},
};

/// What people look for that has another answer than a name.
constexpr Alias kAnswers[] = {
    {"report_to", "train.tensorboard=true writes event files; every step is a line of metrics.jsonl in --out"},
    {"logging_steps", "nothing to switch on: every step is a line of metrics.jsonl in --out"},
    {"logging_dir", "metrics.jsonl and report.html are in --out"},
    {"run_name", "--out names the run"},
    {"bf16", "model.dtype=bfloat16"},
    {"fp16", "model.dtype=bfloat16"},
    {"do_train", "leave it out: rrpo-train trains, rrpo-eval evaluates"},
    {"resume_from_checkpoint", "--resume goes on from the newest checkpoint in --out"},
    {"overwrite_output_dir", "--overwrite"},
    {"remove_unused_columns", "leave it out: unknown keys of a row are kept"},
    {"dataset", "data.pairs names a file of pairs; rrpo-gen import makes one"},
    {"dataset_name", "data.pairs names a file of pairs; rrpo-gen import makes one"},
};

std::string kind(const Json& json) {
  if (json.is_string()) return "the text \"" + json.get<std::string>() + "\"";
  return json.dump();
}

[[noreturn]] void wrong_type(const std::string& at, const char* expected, const Json& json) {
  bad_field(at, std::string("expected ") + expected + ", found " + kind(json), "see --help for its type and default");
}

}  // namespace

void bad_field(const std::string& at, const std::string& problem, const std::string& fix) {
  throw Error(Fault::usage, "config", at + ": " + problem, fix);
}

void check_choice(const std::string& at, const std::string& value, const std::vector<std::string>& allowed) {
  for (const std::string& choice : allowed) {
    if (choice == value) return;
  }
  const std::string near = nearest(value, allowed);
  bad_field(at, "\"" + value + "\" is none of " + join(allowed), near.empty() ? "choose one of them" : at + "=" + near);
}

namespace field {

void read_value(bool& out, const Json& json, const std::string& at) {
  if (!json.is_boolean()) wrong_type(at, "true or false", json);
  out = json.get<bool>();
}

void read_value(int64_t& out, const Json& json, const std::string& at) {
  if (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX) wrong_type(at, "an integer below 2^63", json);
  if (!json.is_number_integer()) wrong_type(at, "an integer", json);
  out = json.get<int64_t>();
}

void read_value(double& out, const Json& json, const std::string& at) {
  if (!json.is_number()) wrong_type(at, "a number", json);
  out = json.get<double>();
  if (!std::isfinite(out)) wrong_type(at, "a finite number", json);
}

void read_value(std::string& out, const Json& json, const std::string& at) {
  if (!json.is_string()) wrong_type(at, "a text", json);
  out = json.get<std::string>();
}

void read_value(std::filesystem::path& out, const Json& json, const std::string& at) {
  if (!json.is_string()) wrong_type(at, "a path", json);
  out = json.get<std::string>();
}

void read_value(Json& out, const Json& json, const std::string&) { out = json; }

void unknown_key(const std::string& at, const std::string& name, const std::vector<std::string>& known) {
  if (const std::string hint = hint_of(name); !hint.empty()) bad_field(at, "unknown key", hint);
  const std::string near = nearest(name, known);
  bad_field(at, "unknown key", near.empty() ? "known here: " + join(known) : "did you mean " + near + "?");
}

void require_object(const Json& json, const std::string& at) {
  if (!json.is_object()) wrong_type(at.empty() ? "configuration" : at, "an object", json);
}

}  // namespace field

void overlay(Json& base, const Json& layer) {
  if (!base.is_object() || !layer.is_object()) {
    base = layer;
    return;
  }
  for (const auto& [key, value] : layer.items()) overlay(base[key], value);
}

std::string hint_of(const std::string& name) {
  for (const Alias& alias : kAliases) {
    if (name == alias.theirs) return std::string("it is called ") + alias.ours + " here";
  }
  for (const Alias& answer : kAnswers) {
    if (name == answer.theirs) return answer.ours;
  }
  return "";
}

namespace {

/// The member of `json` that one part of `path` names: of a list the entry with that number, counted from 0.
Json& member(Json& json, const std::string& part, const std::string& path) {
  if (json.is_null()) json = Json::object();
  if (json.is_object()) return json[part];
  if (!json.is_array()) bad_field(path, "goes through a value that is no object", "set the whole object instead");
  size_t number = 0;
  const auto [end, fault] = std::from_chars(part.data(), part.data() + part.size(), number);
  if (fault != std::errc() || end != part.data() + part.size() || number >= json.size())
    bad_field(path, "names no entry of a list of " + std::to_string(json.size()),
              "give the number of one, counted from 0, or the whole list");
  return json[number];
}

}  // namespace

void apply_setting(Json& json, const std::string& setting) {
  check_text(setting);
  const size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    bad_field(setting, "not a setting", "write path=value, as in optim.lr=1e-4");
  const std::string path = setting.substr(0, equals);
  const std::string text = setting.substr(equals + 1);
  Json* place = &json;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    place = &member(*place, path.substr(begin, end - begin), path);
    begin = end + 1;
  }
  Json value = Json::parse(text, nullptr, false);
  *place = value.is_discarded() ? Json(text) : value;
}

}  // namespace rrpo
