#include "rrpo/policy/policy.h"

#include <algorithm>

#include "rrpo/model/processor.h"
#include "rrpo/policy/compute_type.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/length.h"
#include "rrpo/policy/logits_rules.h"
#include "rrpo/policy/memory.h"
#include "rrpo/policy/parts.h"
#include "rrpo/util/error.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/table.h"

namespace rrpo::policy {

namespace {

/// The vocabulary of an eye that reads with one of its own (VideoChat2's Q-Former).
constexpr const char* kEyeVocabulary = "bert_vocab.txt";

/// A file of the folder that must be there.
std::filesystem::path required(const std::filesystem::path& folder, const char* name) {
  const auto file = folder / name;
  if (!std::filesystem::exists(file)) {
    throw Error(Fault::input, "model", file.string() + ": missing",
                "model.path must be a whole checkpoint folder in Hugging Face form");
  }
  return file;
}

/// A chat template and the file it stands in.
struct FoundTemplate {
  std::string jinja;
  std::string place;
};

/// The text under `chat_template` of a JSON file: one template, or a list of named ones of which `default` counts.
std::optional<std::string> template_member(const Json& json) {
  if (!json.is_object() || !json.contains("chat_template")) return std::nullopt;
  const Json& value = json.at("chat_template");
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return std::nullopt;
  for (const Json& entry : value) {
    if (entry.is_object() && entry.value("name", Json()) == Json("default") && entry.value("template", Json()).is_string()) {
      return entry.at("template").get<std::string>();
    }
  }
  return std::nullopt;
}

/// In the order in which transformers looks for it.
std::optional<FoundTemplate> find_template(const std::filesystem::path& folder) {
  const auto plain = folder / "chat_template.jinja";
  if (std::filesystem::exists(plain)) return FoundTemplate{read_file(plain, "model"), plain.string()};
  for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
    const auto file = folder / name;
    if (!std::filesystem::exists(file)) continue;
    if (auto jinja = template_member(read_json(file, "model"))) return FoundTemplate{*jinja, file.string()};
  }
  return std::nullopt;
}

const text::ChatTemplate& choose_chat(const std::filesystem::path& folder, const std::string& prompt,
                                      const model::Family& family) {
  const std::string fix = "set model.prompt to one of " + join(row_names(text::chat_templates()));
  std::string name = prompt;
  if (prompt == "auto") {
    if (const auto found = family.own_prompt ? std::nullopt : find_template(folder)) {
      const text::ChatTemplate* known = text::recognise_template(found->jinja, family.default_prompt);
      if (known == nullptr)
        throw Error(Fault::input, "model", found->place + ": its chat template is none that we know", fix);
      return *known;
    }
    name = family.default_prompt;
    if (name.empty()) throw Error(Fault::input, "model", (folder / "chat_template.jinja").string() + ": missing", fix);
  }
  const text::ChatTemplate* row = find_row(text::chat_templates(), name);
  expect(row != nullptr, "a prompt form that is no row");
  return *row;
}

/// Throws where a form writes marks around clips for a family that was trained without them, or none for one that knows a
/// clip by them: the model would answer, about words it never saw so.
void check_marks(const text::ChatTemplate& chat, const model::Family& family) {
  const auto marks = [](const text::ChatTemplate& form) { return !form.clip_start.empty() || !form.run_start.empty(); };
  const text::ChatTemplate* own = find_row(text::chat_templates(), family.default_prompt);
  if (own == nullptr || marks(*own) == marks(chat)) return;
  throw Error(Fault::usage, "config",
              "model.prompt: '" + chat.name + "' writes " + (marks(chat) ? "marks" : "no marks") +
                  " around a clip, and family " + family.name + " was trained with" + (marks(chat) ? "out" : "") + " them",
              "model.prompt=" + own->name);
}

/// Ids at which generation ends: end of turn, and what generation_config.json adds.
std::vector<int64_t> read_stop_ids(const std::filesystem::path& folder, int64_t end_of_turn) {
  std::vector<int64_t> ids = {end_of_turn};
  const auto file = folder / "generation_config.json";
  if (!std::filesystem::exists(file)) return ids;
  const Json json = read_json(file, "model");
  Json given = json.is_object() && json.contains("eos_token_id") ? json.at("eos_token_id") : Json();
  if (!given.is_array()) given = given.is_null() ? Json::array() : Json::array({given});
  for (const Json& id : given) {
    if (!id.is_number_integer()) {
      throw Error(Fault::input, "model", file.string() + "#eos_token_id: not a token id: " + printable(id.dump()),
                  "give one id or a list");
    }
    if (std::find(ids.begin(), ids.end(), id.get<int64_t>()) == ids.end()) ids.push_back(id.get<int64_t>());
  }
  return ids;
}

/// Faults between files of one folder that each file alone does not show.
void check_agreement(const Policy& policy) {
  const int64_t side = policy.lvlm.vision().image_side(), rows = model::vocabulary(policy.lvlm);
  const int64_t made = policy.pixels.front().size;
  const std::string folder = policy.folder.string();
  if (side > 0 && made != side) {
    throw Error(Fault::input, "model",
                folder + ": the processor makes frames of " + std::to_string(made) +
                    " pixels, config.json's vision tower takes " + std::to_string(side),
                "take all files of one checkpoint");
  }
  if (policy.tokenizer->size() > rows) {
    throw Error(Fault::input, "model",
                folder + ": the tokenizer has " + std::to_string(policy.tokenizer->size()) +
                    " ids, the model's vocabulary " + std::to_string(rows) + " rows",
                "take all files of one checkpoint");
  }
}

/// transformers applies an adapter that lies in a checkpoint's folder; here it is named, and another one beside it as well.
void check_no_adapter(const ModelConfig& config) {
  const std::filesystem::path& folder = config.path;
  std::error_code absent;
  if (config.adapter && std::filesystem::equivalent(*config.adapter, folder, absent)) return;
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors", "adapter_model.bin",
                           "non_lora_trainables.safetensors", "non_lora_trainables.bin"}) {
    const auto file = folder / name;
    if (!std::filesystem::exists(file) || !std::filesystem::exists(folder / "config.json")) continue;
    throw Error(Fault::input, "model", file.string() + ": an adapter in the folder of the model, which would be left out",
                (config.adapter ? "" : "model.adapter=" + folder.string() + ", or ") + "move it out of the folder");
  }
}

/// How frames become pixels where the family has no rule of its own: squares.
video::PixelSpec square_spec(const model::Family& family, const std::filesystem::path& folder, const model::Lvlm& lvlm) {
  if (!family.own_pixels || model::has_pixel_spec(folder)) return model::read_pixel_spec(folder);
  video::PixelSpec spec;
  spec.size = lvlm.vision().image_side();
  return spec;
}

/// How a still is shown as a picture. Throws Error(usage) for a model that shows none so.
video::PixelSpec still_spec(const model::Family& family, const Policy& policy) {
  if (family.still_pixels != nullptr) return family.still_pixels(policy.folder, policy.lvlm);
  const std::vector<video::Resolution> offered = policy.lvlm.vision().tiles();
  if (offered.empty()) {
    throw Error(Fault::usage, "config",
                "model.image: " + (policy.folder / "config.json").string() + " offers no tiles of the tower's size",
                "model.image=video");
  }
  const bool own = model::has_pixel_spec(policy.folder);
  video::PixelSpec spec = own ? model::read_pixel_spec(policy.folder, model::Media::image) : policy.pixels.front();
  spec.size = policy.pixels.front().size;
  spec.fit = video::Fit::anyres;
  spec.offered = offered;
  return spec;
}

/// The vocabulary of an eye that reads with one of its own.
std::unique_ptr<text::WordPiece> open_eye_words(const std::filesystem::path& folder, const Policy& policy) {
  const auto file = folder / kEyeVocabulary;
  if (!policy.lvlm.vision().reads_text() || !std::filesystem::exists(file)) return nullptr;
  return std::make_unique<text::WordPiece>(file);
}

/// The compute type is that of `device`; the tensors lie in `place`, which is `device` or `meta`.
Policy open_on(const ModelConfig& config, const std::string& device, const std::string& place,
               std::optional<model::Dtype> dtype, const model::Peers& peers) {
  config.check("model");
  throw_where_memory_ends();
  const std::filesystem::path& folder = config.path;
  if (folder.empty()) throw Error(Fault::usage, "config", "model.path: not given", "name a checkpoint folder");
  check_no_adapter(config);
  const model::Family& family = model::family_of(read_json(required(folder, "config.json"), "model"), folder);
  auto tokenizer = text::open_tokenizer(folder);
  const text::ChatTemplate& chat = choose_chat(folder, config.prompt, family);
  check_marks(chat, family);
  if (const std::string marker = text::missing_marker(*tokenizer, chat); !marker.empty()) {
    throw Error(
        Fault::input, "model",
        folder.string() + ": its tokenizer has no token " + marker + ", which the prompt form '" + chat.name + "' writes",
        "choose another model.prompt, or take all files of one checkpoint");
  }
  const int64_t end_of_turn = tokenizer->id_of(chat.end_of_turn);
  model::LoadOptions options;
  options.device = place;
  options.dtype = dtype.value_or(compute_type(config, device));
  options.video_pool = config.video_pool == "auto" ? "" : config.video_pool;
  options.positions = config.positions == "auto" ? "" : config.positions;
  options.frozen = config.frozen;
  Policy policy{.lvlm = model::load(folder, options, peers),
                .tokenizer = std::move(tokenizer),
                .chat = chat,
                .end_of_turn = end_of_turn,
                .stop_ids = read_stop_ids(folder, end_of_turn),
                .pixels = {},
                .folder = folder,
                .time_instruction = config.time_instruction,
                .positions = read_positions(folder)};
  policy.pixels = family.pixels != nullptr ? family.pixels(folder, policy.lvlm)
                                           : std::vector<video::PixelSpec>{square_spec(family, folder, policy.lvlm)};
  if (config.image == "anyres") policy.still = still_spec(family, policy);
  policy.eye_words = open_eye_words(folder, policy);
  check_agreement(policy);
  if (config.adapter) model::load_adapter(policy.lvlm, *config.adapter);
  if (const std::string note = logits_note(folder); !note.empty()) log_note(note);
  return policy;
}

}  // namespace

Policy open_policy(const ModelConfig& config, const std::string& device, std::optional<model::Dtype> dtype) {
  require_whole(config);
  const std::string place = resolve_device(device);
  return open_on(config, place, place, dtype, {});
}

Policy open_policy(const ModelConfig& config, const std::string& device, const model::Peers& peers) {
  const std::string place = resolve_device(device);
  return open_on(config, place, place, std::nullopt, peers);
}

Policy open_shapes(const ModelConfig& config, const std::string& device) {
  require_whole(config);
  return open_shapes(config, device, model::Peers{});
}

Policy open_shapes(const ModelConfig& config, const std::string& device, const model::Peers& peers) {
  return open_on(config, resolve_device(device), "meta", std::nullopt, peers);
}

void require_whole(const ModelConfig& config) {
  const model::Holding holding = model::holding_of(config.frozen);
  if (!holding.sharded) return;
  bad_field("model.frozen", "is " + config.frozen + ", and only the ranks of a training hold a model in parts",
            "model.frozen=" + model::frozen_name({.nf4 = holding.nf4}));
}

std::vector<int64_t> eye_text(const Policy& policy, const std::string& question) {
  constexpr int64_t kMostWords = 512;  // of VideoChat2's Q-Former
  if (!policy.lvlm.vision().reads_text()) return {};
  if (policy.eye_words) return policy.eye_words->encode_for_eye(policy.chat.instruction, kMostWords);
  // The whole prompt, the clip one row of it.
  std::vector<int64_t> ids = text::encode_leads(*policy.tokenizer, policy.chat, {}).front();
  ids.push_back(model::kVisualRow);
  const std::vector<int64_t> after = text::encode_question(*policy.tokenizer, policy.chat, question);
  ids.insert(ids.end(), after.begin(), after.end());
  return ids;
}

std::vector<std::vector<int64_t>> clip_leads(const Policy& policy, const std::vector<model::VisualRun>& runs, bool still) {
  std::vector<double> times;
  for (const model::VisualRun& run : runs) times.push_back(run.time_s);
  return text::encode_leads(*policy.tokenizer, policy.chat, {std::move(times), still});
}

std::vector<video::PixelSpec> pixels_of(const Policy& policy, const VideoConfig& video) {
  std::vector<video::PixelSpec> specs = policy.pixels;
  for (video::PixelSpec& spec : specs) {
    if (video.min_pixels > 0) spec.min_pixels = video.min_pixels;
    if (video.max_pixels > 0) spec.max_pixels = video.max_pixels;
    spec.cap = spec.cap || video.pixel_cap;
  }
  return specs;
}

std::string timed_question(const Policy& policy, const video::Frames& frames, const std::string& question) {
  if (policy.time_instruction == "off") return question;
  if (!(frames.duration_s > 0)) {
    throw Error(Fault::input, "data", "model.time_instruction needs times, and pictures or a video without a rate have none",
                "model.time_instruction=off");
  }
  const char* gap = policy.time_instruction == "paragraph" ? "\n\n" : "\n";
  return text::time_sentence(frames.duration_s, frames.time_s) + gap + question;
}

}  // namespace rrpo::policy
