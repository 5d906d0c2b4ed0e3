#include "rrpo/gen/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "rrpo/data/shard.h"
#include "rrpo/gen/judge.h"
#include "rrpo/gen/rewrite.h"
#include "rrpo/policy/devices.h"
#include "rrpo/rows/foreign.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/table.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::gen {

namespace {

void check_range(const std::string& at, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return;
  bad_field(at, std::to_string(value) + " is outside " + std::to_string(least) + " to " + std::to_string(most),
            at + "=" + std::to_string(value < least ? least : most));
}

std::string below(const std::string& at, const char* name) { return at.empty() ? name : at + "." + name; }

constexpr std::array kFormats = {"mcq", "yesno", "short", "open"};

void check_require(const std::string& at, const std::vector<std::string>& require) {
  const std::vector<std::string> known = {"wrong_on_perturbed", "wrong_on_clean", "right_on_clean"};
  std::set<std::string> given;
  for (const std::string& name : require) {
    check_choice(at, name, known);
    if (!given.insert(name).second) bad_field(at, name + " is listed twice", "list it once");
  }
  if (given.contains("wrong_on_clean") && given.contains("right_on_clean"))
    bad_field(at, "no answer is both right and wrong on the clean video", "leave one of them out");
  if (!given.contains("wrong_on_perturbed") && !given.contains("wrong_on_clean"))
    bad_field(at, "a pair needs a wrong response", at + "=[\"wrong_on_perturbed\"]");
}

void check_sampling(const std::string& at, const GenFields& gen) {
  check_range(at + ".samples", gen.samples, 1, 1024);
  if (!(gen.temperature >= 0) || gen.temperature > 100) bad_field(at + ".temperature", "is outside 0 to 100", "0.7");
  if (!(gen.top_p > 0) || gen.top_p > 1) bad_field(at + ".top_p", "is outside (0, 1]", at + ".top_p=0.95");
  if (gen.samples > 1 && gen.temperature == 0)
    bad_field(at + ".samples", "greedy responses to one question are all the same", at + ".temperature=0.7");
}

void check_balance(const std::string& at, const Json& balance) {
  if (balance.is_boolean()) return;
  for (const Json& name : balance.is_array() ? balance : Json::array({balance})) {
    if (!name.is_string()) bad_field(at, balance.dump() + " is neither true, false nor a list of names", "[\"yesno\"]");
    check_choice(at, name.get<std::string>(), {"yesno", "letters"});
  }
}

void check_limits(const std::string& at, const Json& limits) {
  if (limits.is_null()) return;
  const auto check_one = [](const std::string& place, const Json& value) {
    if (!value.is_number_integer()) bad_field(place, value.dump() + " is no whole number", "100");
    check_range(place, value.get<int64_t>(), 1, int64_t{1} << 40);
  };
  if (!limits.is_object()) return check_one(at, limits);
  for (const auto& [format, limit] : limits.items()) {
    check_choice(at, format, {kFormats.begin(), kFormats.end()});
    check_one(at + "." + format, limit);
  }
}

/// Who is asked, where somebody is.
void check_llm(const std::string& at, const LlmFields& llm) {
  if (llm.chat.model.empty()) bad_field(at + ".model", "not given", "name the language model that judges");
  if (llm.chat.endpoint.empty() && llm.replay.empty())
    bad_field(at + ".endpoint", "not given", at + ".endpoint=http://127.0.0.1:8000/v1, or " + at + ".replay=FILE");
}

bool lists(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void LlmFields::check(const std::string& at) const {
  chat.check(at);
  if (!(max_changed >= 0) || max_changed > 1) bad_field(at + ".max_changed", "is outside 0 to 1", at + ".max_changed=0.6");
  if (!(max_length_factor >= 1) || max_length_factor > 100)
    bad_field(at + ".max_length_factor", "is outside 1 to 100", at + ".max_length_factor=2");
  if (formats.empty()) bad_field(at + ".formats", "is empty", at + ".formats=[\"open\"]");
  for (const std::string& format : formats) check_choice(at + ".formats", format, {"short", "open"});
}

void GenFields::check(const std::string& at) const {
  video::parse_perturbations(perturb_list(*this), at + ".perturb");
  check_range(at + ".max_new_tokens", max_new_tokens, 1, 32768);
  check_choice(at + ".judge", judge, row_names(judges()));
  check_require(at + ".require", require);
  check_sampling(at, *this);
  check_choice(at + ".rewrite", rewrite, row_names(rewrites()));
  check_choice(at + ".other", other, {"none", "perturbed", "twin"});
  if (other == "perturbed" && perturb_list(*this).empty())
    bad_field(at + ".other", "perturbed, and gen.perturb has no step", at + ".perturb=[\"mask\"]");
  check_balance(at + ".balance", balance);
  check_limits(at + ".max_per_format", max_per_format);
  if (shard && *shard != "auto") data::parse_shard(*shard, at + ".shard");
  check_range(at + ".together", together, 1, 256);
  check_range(at + ".max_unjudged", max_unjudged, 0, int64_t{1} << 40);
  if (asks_llm(*this)) check_llm(at + ".llm", llm);
}

void GenConfig::check(const std::string& at) const {
  if (gen.questions.empty()) bad_field(below(at, "gen.questions"), "not given", "name a file of questions");
  if (model.path.empty()) bad_field(below(at, "model.path"), "not given", "name a checkpoint folder");
  check_range(below(at, "threads"), threads, 0, 1024);
  policy::check_devices(below(at, "devices"), devices);
}

void ShowConfig::check(const std::string& at) const {
  check_range(below(at, "count"), count, 1, 10000);
  check_range(below(at, "columns"), columns, 1, 64);
  video::parse_perturbations(perturb, below(at, "perturb"));
  check_choice(below(at, "compat"), compat, kCompatValues);
  if (is_official(compat) && model.path.empty())
    bad_field(below(at, "model.path"), "not given", "the authors' marks need the model's tokenizer");
}

void ImportConfig::check(const std::string& at) const {
  std::vector<std::string> formats = row_names(rows::foreign_formats());
  formats.insert(formats.begin(), "auto");
  check_choice(below(at, "format"), format, formats);
  check_choice(below(at, "spans"), spans, {"auto", "difference", "none"});
  check_range(below(at, "max_skipped"), max_skipped, 0, int64_t{1} << 40);
}

bool requires_of(const GenFields& config, const std::string& name) { return lists(config.require, name); }

bool balances(const GenFields& config, const std::string& name) {
  const Json& balance = config.balance;
  if (balance.is_boolean()) return balance.get<bool>() && name == "yesno";
  if (balance.is_string()) return balance == name;
  return std::find(balance.begin(), balance.end(), Json(name)) != balance.end();
}

std::map<std::string, int64_t> format_limits(const GenFields& config) {
  std::map<std::string, int64_t> limits;
  const Json& given = config.max_per_format;
  for (const char* format : kFormats) {
    if (given.is_number_integer()) limits[format] = given.get<int64_t>();
    if (given.is_object() && given.contains(format)) limits[format] = given.at(format).get<int64_t>();
  }
  return limits;
}

bool llm_serves(const GenFields& config, const std::string& format) { return lists(config.llm.formats, format); }

bool is_unread(const GenFields& config, const rows::Question& question) {
  const bool asks = find_row(judges(), config.judge)->asks && llm_serves(config, question.format);
  return question.format == "open" && question.slots.empty() && !asks;
}

bool asks_llm(const GenFields& config) {
  return find_row(judges(), config.judge)->asks || find_row(rewrites(), config.rewrite)->asks;
}

Json perturb_list(const GenFields& config) {
  return config.perturb.is_array() ? config.perturb : Json::array({config.perturb});
}

Json perturb_settings(const GenFields& config) {
  Json steps = Json::array();
  for (const video::PerturbStep& step : video::parse_perturbations(perturb_list(config), "gen.perturb"))
    steps.push_back(step.settings);
  return steps;
}

std::filesystem::path media_root(const GenFields& config) {
  return config.video_root.empty() ? config.questions.parent_path() : config.video_root;
}

}  // namespace rrpo::gen
