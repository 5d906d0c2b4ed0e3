#include "rrpo/train/learner.h"

#include <algorithm>
#include <array>

#include "rrpo/io/atomic.h"
#include "rrpo/model/family.h"
#include "rrpo/util/error.h"
#include "rrpo/util/table.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

bool names(const LoopConfig& config, const std::string& part) {
  return std::find(config.trainable.begin(), config.trainable.end(), part) != config.trainable.end();
}

bool trains_part(const LoopConfig& config, model::Part part) {
  if (names(config, "all")) return true;
  switch (part) {
    case model::Part::vision:
      return names(config, "vision");
    case model::Part::projector:
      return names(config, "projector");
    case model::Part::decoder:
      return names(config, "decoder");
  }
  return false;
}

/// Files of a checkpoint folder that describe the model beside its weights.
constexpr std::array kModelFiles = {"config.json",
                                    "generation_config.json",
                                    "tokenizer.json",
                                    "tokenizer_config.json",
                                    "special_tokens_map.json",
                                    "added_tokens.json",
                                    "vocab.json",
                                    "merges.txt",
                                    "tokenizer.model",
                                    "bert_vocab.txt",
                                    "preprocessor_config_aux_0.json",
                                    "preprocessor_config_aux_1.json",
                                    "chat_template.jinja",
                                    "chat_template.json",
                                    "preprocessor_config.json",
                                    "processor_config.json",
                                    "video_preprocessor_config.json"};

}  // namespace

bool trains_adapter(const LoopConfig& config) { return names(config, "lora"); }

bool freezes_vision(const LoopConfig& config) {
  return !trains_part(config, model::Part::vision) && !trains_part(config, model::Part::projector);
}

namespace {

[[noreturn]] void refuse_replaced(const std::string& consequence) {
  throw Error(Fault::usage, "adapter", "model.adapter replaces whole modules of the model (modules_to_save): " + consequence,
              "rrpo-train merge, then model.path=OUT");
}

}  // namespace

void check_reference(const policy::Policy& policy, const loss::Objective& objective) {
  if (objective.needs_reference && model::replaces_weights(policy.lvlm))
    refuse_replaced("the model without it is no reference");
}

namespace {

std::string free_of_reference() {
  std::vector<std::string> names;
  for (const loss::ObjectiveRow& row : loss::objectives()) {
    if (!row.needs_reference) names.push_back(row.name);
  }
  return join(names);
}

}  // namespace

void check_trainable(const TrainConfig& config, const loss::Objective& objective) {
  if (trains_adapter(config.train)) return;
  if (config.model.frozen != "plain") {
    bad_field("train.trainable",
              "names parts of the model while model.frozen=" + config.model.frozen + " holds its matrices",
              "train.trainable=lora, or model.frozen=plain");
  }
  if (objective.needs_reference) {
    bad_field("train.trainable",
              "must be lora for objective " + objective.name() + ": its reference is the model without the adapter",
              "train.trainable=lora, or an objective without a reference: " + free_of_reference());
  }
  if (config.model.adapter) {
    bad_field("train.trainable", "names parts of the model while model.adapter is given",
              "merge the adapter first, or train.trainable=lora");
  }
}

std::vector<model::NamedTensor> prepare_trainable(policy::Policy& policy, const TrainConfig& config) {
  std::vector<model::NamedTensor> chosen;
  if (model::replaces_weights(policy.lvlm)) refuse_replaced("training on from it would leave them behind");
  if (trains_adapter(config.train)) {
    if (!model::has_adapter(policy.lvlm)) {
      const model::LoraConfig lora{config.lora.rank, config.lora.alpha, config.lora.targets};
      model::add_adapter(policy.lvlm, lora, static_cast<uint64_t>(config.seed));
    }
    chosen = model::adapter_tensors(policy.lvlm);
  } else {
    for (model::NamedTensor& weight : model::tensors(policy.lvlm)) {
      if (trains_part(config.train, weight.part)) chosen.push_back(weight);
    }
  }
  for (model::NamedTensor& weight : chosen) {
    const at::ScalarType master = weight.tensor->scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    *weight.tensor = weight.tensor->detach().to(master).requires_grad_(true);
  }
  return chosen;
}

void copy_model_files(const fs::path& from, const fs::path& to) {
  for (const char* name : kModelFiles) {
    if (fs::exists(from / name)) io::write_file(to / name, read_file(from / name, "model"));
  }
}

fs::path save_result(policy::Policy& policy, const TrainConfig& config, const fs::path& out) {
  const fs::path folder = out / (trains_adapter(config.train) ? "adapter" : "model");
  io::write_folder(folder, [&](const fs::path& temporary) {
    if (trains_adapter(config.train)) {
      model::save_adapter(policy.lvlm, temporary, config.model.path.string());
      return;
    }
    copy_model_files(policy.folder, temporary);
    model::save_weights(policy.lvlm, temporary, model::Dtype::float32);
  });
  return folder;
}

}  // namespace rrpo::train
