#include "rrpo/policy/logits_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "rrpo/model/family.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/table.h"

namespace rrpo::policy {

namespace {

constexpr const char* kFile = "generation_config.json";
constexpr float kNever = -std::numeric_limits<float>::infinity();

class Reader {
 public:
  /// Without the file nothing is set.
  explicit Reader(const std::filesystem::path& file) : file_(file.string()) {
    if (std::filesystem::exists(file)) json_ = read_json(file, "model");
  }

  Json value(const char* key) const { return json_.is_object() ? json_.value(key, Json()) : Json(); }
  const Json& all() const { return json_; }

  double penalty() const {
    const Json given = value("repetition_penalty");
    if (given.is_null()) return 1;
    if (!given.is_number() || !(given.get<double>() > 0)) refuse("repetition_penalty", "not a number above 0", given);
    return given.get<double>();
  }
  int64_t count(const char* key) const {
    const Json given = value(key);
    if (given.is_null()) return 0;
    if (!given.is_number_integer() || given.get<int64_t>() < 0) refuse(key, "not a whole number from 0 on", given);
    return given.get<int64_t>();
  }
  std::vector<int64_t> ids(const char* key) const {
    const Json given = value(key);
    return given.is_null() ? std::vector<int64_t>{} : ids(key, given);
  }
  std::vector<std::vector<int64_t>> sequences(const char* key) const {
    const Json given = value(key);
    if (given.is_null()) return {};
    if (!given.is_array()) refuse(key, "not a list of lists of token ids", given);
    std::vector<std::vector<int64_t>> all;
    for (const Json& one : given) {
      all.push_back(ids(key, one));
      if (all.back().empty()) refuse(key, "holds an empty sequence", given);
    }
    return all;
  }

 private:
  [[noreturn]] void refuse(const char* key, const char* problem, const Json& given) const {
    throw Error(Fault::input, "model", file_ + "#" + key + ": " + problem + ": " + printable(json_line(given), 60),
                "take generation_config.json of the original checkpoint, or remove the key");
  }
  std::vector<int64_t> ids(const char* key, const Json& given) const {
    if (!given.is_array()) refuse(key, "not a list of token ids", given);
    std::vector<int64_t> all;
    for (const Json& id : given) {
      if (!id.is_number_integer() || id.get<int64_t>() < 0) refuse(key, "holds something that is no token id", given);
      all.push_back(id.get<int64_t>());
    }
    return all;
  }

  Json json_;
  std::string file_;
};

constexpr std::array kApplied = {"repetition_penalty", "no_repeat_ngram_size", "bad_words_ids",
                                 "min_new_tokens",     "suppress_tokens",      "begin_suppress_tokens"};

/// No greedy answer depends on these: where the file comes from, what else is returned, how it is computed, ids and limits
/// that are read elsewhere. A name that ends in * is a beginning.
constexpr std::array kQuiet = {"bos_token_id",
                               "eos_token_id",
                               "pad_token_id",
                               "decoder_start_*",
                               "use_cache",
                               "cache_*",
                               "return_*",
                               "output_*",
                               "max_*",
                               "transformers_*",
                               "_from_model_config",
                               "_commit_hash",
                               "_name_or_path",
                               "attn_implementation",
                               "_attn_implementation*",
                               "torch_dtype",
                               "dtype",
                               "low_memory",
                               "assistant_*",
                               "num_assistant_tokens",
                               "num_assistant_tokens_schedule",
                               "is_assistant",
                               "prompt_lookup_*",
                               "target_lookbehind",
                               "compile_config",
                               "disable_compile",
                               "prefill_chunk_size",
                               "use_model_defaults"};

/// What sampling is like says nothing where there is none.
constexpr std::array kSampling = {"temperature", "top_p",     "top_k",          "top_h",
                                  "min_p",       "typical_p", "epsilon_cutoff", "eta_cutoff"};

/// The value at which a setting does nothing; of all others null, false and what is empty.
struct Neutral {
  const char* key;
  double value;
};
constexpr std::array kNeutral = {Neutral{"temperature", 1},
                                 Neutral{"top_p", 1},
                                 Neutral{"top_k", 0},
                                 Neutral{"min_p", 0},
                                 Neutral{"min_length", 0},
                                 Neutral{"typical_p", 1},
                                 Neutral{"epsilon_cutoff", 0},
                                 Neutral{"eta_cutoff", 0},
                                 Neutral{"num_beams", 1},
                                 Neutral{"num_beam_groups", 1},
                                 Neutral{"num_return_sequences", 1},
                                 Neutral{"penalty_alpha", 0},
                                 Neutral{"length_penalty", 1},
                                 Neutral{"diversity_penalty", 0},
                                 Neutral{"guidance_scale", 1},
                                 Neutral{"encoder_repetition_penalty", 1},
                                 Neutral{"encoder_no_repeat_ngram_size", 0}};

bool names(std::string_view pattern, std::string_view key) {
  return pattern.ends_with('*') ? key.starts_with(pattern.substr(0, pattern.size() - 1)) : key == pattern;
}

template <class Names>
bool any_names(const Names& patterns, const std::string& key) {
  return std::any_of(patterns.begin(), patterns.end(), [&key](const char* pattern) { return names(pattern, key); });
}

bool does_nothing(const std::string& key, const Json& value) {
  const bool neutral = std::any_of(kNeutral.begin(), kNeutral.end(),
                                   [&](const Neutral& one) { return key == one.key && value == Json(one.value); });
  return neutral || value.empty() || value == Json(false) || value == Json("");  // null is empty
}

/// A setting that may change answers and is not applied, whoever invented it.
bool is_left_out(const Reader& reader, const std::string& key, const Json& value) {
  if (any_names(kApplied, key) || any_names(kQuiet, key) || does_nothing(key, value)) return false;
  return !any_names(kSampling, key) || reader.value("do_sample") == Json(true);
}

std::string note_of(const Reader& reader, const LogitsRules& rules, const std::string& file) {
  std::vector<std::string> kept, left;
  for (const char* key : kApplied) {
    if (rules.any() && !reader.value(key).is_null()) kept.emplace_back(key);
  }
  for (const auto& [key, value] : reader.all().items()) {
    if (reader.all().is_object() && is_left_out(reader, key, value))
      left.push_back(printable(key, 60) + "=" + printable(json_line(value), 60));
  }
  if (kept.empty() && left.empty()) return "";
  std::string note = file + ":";
  if (!kept.empty()) note += " applied: " + join(kept);
  if (!left.empty())
    note += std::string(kept.empty() ? "" : ";") +
            " not applied (answers are greedy, or drawn as this program is told): " + join(left);
  return note;
}

void ban(std::vector<int64_t>::const_iterator begin, std::vector<int64_t>::const_iterator end, float* logits,
         int64_t count) {
  for (; begin != end; ++begin) {
    if (*begin < count) logits[*begin] = kNever;
  }
}

void penalise(double penalty, const std::vector<int64_t>& before, float* logits, int64_t count) {
  const auto by = static_cast<float>(penalty);
  for (const int64_t id : std::set<int64_t>(before.begin(), before.end())) {
    if (id >= 0 && id < count) logits[id] = logits[id] < 0 ? logits[id] * by : logits[id] / by;
  }
}

/// The last n - 1 tokens are not followed by what followed them before.
void ban_repeats(int64_t n, const std::vector<int64_t>& before, float* logits, int64_t count) {
  const auto size = static_cast<int64_t>(before.size());
  for (int64_t at = 0; at + n <= size; ++at) {
    if (std::equal(before.end() - (n - 1), before.end(), before.begin() + at)) {
      const int64_t next = before[static_cast<size_t>(at + n - 1)];
      if (next >= 0 && next < count) logits[next] = kNever;
    }
  }
}

void ban_word(const std::vector<int64_t>& word, const std::vector<int64_t>& before, float* logits, int64_t count) {
  const auto lead = static_cast<int64_t>(word.size()) - 1;
  if (lead > 0 && lead >= static_cast<int64_t>(before.size())) return;  // as transformers: a word longer than the text
  if (std::equal(word.begin(), word.end() - 1, before.end() - lead)) ban(word.end() - 1, word.end(), logits, count);
}

}  // namespace

bool LogitsRules::any() const {
  return repetition_penalty != 1 || no_repeat_ngram_size > 0 || !bad_words.empty() || min_new_tokens > 0 ||
         !suppressed.empty() || !suppressed_first.empty();
}

LogitsRules read_logits_rules(const std::filesystem::path& folder) {
  const Reader reader(folder / kFile);
  LogitsRules rules;
  rules.repetition_penalty = reader.penalty();
  rules.no_repeat_ngram_size = reader.count("no_repeat_ngram_size");
  rules.bad_words = reader.sequences("bad_words_ids");
  rules.min_new_tokens = reader.count("min_new_tokens");
  rules.suppressed = reader.ids("suppress_tokens");
  rules.suppressed_first = reader.ids("begin_suppress_tokens");
  if (!rules.any()) return rules;
  const Json config = read_json(folder / "config.json", "model");
  rules.sees_prompt = !model::family_of(config, folder).own_modules;
  for (const char* key : {"video_token_index", "video_token_id"}) {
    const Json id = config.value(key, Json());
    if (id.is_number_integer()) rules.prompt_extra.push_back(id.get<int64_t>());
  }
  return rules;
}

std::string logits_note(const std::filesystem::path& folder) {
  return note_of(Reader(folder / kFile), read_logits_rules(folder), (folder / kFile).string());
}

void apply_rules(const LogitsRules& rules, const std::vector<int64_t>& stop_ids, const std::vector<int64_t>& prompt,
                 const std::vector<int64_t>& said, float* logits, int64_t count) {
  std::vector<int64_t> before;
  if (rules.sees_prompt) before = prompt;
  before.insert(before.end(), said.begin(), said.end());
  if (rules.repetition_penalty != 1) penalise(rules.repetition_penalty, before, logits, count);
  if (rules.no_repeat_ngram_size > 0) ban_repeats(rules.no_repeat_ngram_size, before, logits, count);
  for (const std::vector<int64_t>& word : rules.bad_words) {
    const bool stops = word.size() == 1 && std::find(stop_ids.begin(), stop_ids.end(), word[0]) != stop_ids.end();
    if (!stops) ban_word(word, before, logits, count);
  }
  if (static_cast<int64_t>(said.size()) < rules.min_new_tokens) ban(stop_ids.begin(), stop_ids.end(), logits, count);
  ban(rules.suppressed.begin(), rules.suppressed.end(), logits, count);
  if (said.empty()) ban(rules.suppressed_first.begin(), rules.suppressed_first.end(), logits, count);
}

}  // namespace rrpo::policy
