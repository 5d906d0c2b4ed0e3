// The rows of the table of families, one file each.
#pragma once

#include "../shapes.h"
#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

const Family& llava_onevision_row();
const Family& llava_qwen_row();
const Family& internvl_row();
const Family& internvl_chat_row();
const Family& videochat2_mistral_row();
const Family& qwen2_5_vl_row();
const Family& qwen3_vl_row();
const Family& longvu_row();

/// True for the name on disk of a head that the configuration lets be the embedding.
bool tied_head(const Weights& weights, const Family& family, const std::string& disk_name);

/// A prefix on disk and what it is called canonically.
struct Rename {
  std::string from, to;
};
/// `name` with the first matching prefix replaced.
std::string rename_prefix(const std::vector<Rename>& renames, const std::string& name);

}  // namespace rrpo::model
