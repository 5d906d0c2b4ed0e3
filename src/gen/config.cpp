#include "rrpo/gen/config.h"

#include "rrpo/gen/perturbation.h"
#include "rrpo/gen/rewrite.h"
#include "rrpo/rows/foreign.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/table.h"

namespace rrpo::gen {

namespace {

void check_range(const std::string& at, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return;
  bad_field(at, std::to_string(value) + " is outside " + std::to_string(least) + " to " + std::to_string(most),
            at + "=" + std::to_string(value < least ? least : most));
}

std::string below(const std::string& at, const char* name) { return at.empty() ? name : at + "." + name; }

}  // namespace

void GenFields::check(const std::string& at) const {
  parse_perturbations(perturb.is_array() ? perturb : Json::array({perturb}), at + ".perturb");
  check_range(at + ".max_new_tokens", max_new_tokens, 1, 32768);
  check_choice(at + ".judge", judge, {"rules"});
  check_choice(at + ".require", require, {"wrong_on_perturbed"});
  check_choice(at + ".rewrite", rewrite, row_names(rewrites()));
  if (max_per_format) check_range(at + ".max_per_format", *max_per_format, 1, int64_t{1} << 40);
}

void GenConfig::check(const std::string& at) const {
  if (gen.questions.empty()) bad_field(below(at, "gen.questions"), "not given", "name a file of questions");
  if (model.path.empty()) bad_field(below(at, "model.path"), "not given", "name a checkpoint folder");
  check_range(below(at, "threads"), threads, 0, 1024);
}

void ShowConfig::check(const std::string& at) const {
  check_range(below(at, "count"), count, 1, 10000);
  check_range(below(at, "columns"), columns, 1, 64);
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

std::filesystem::path media_root(const GenFields& config) {
  return config.video_root.empty() ? config.questions.parent_path() : config.video_root;
}

}  // namespace rrpo::gen
