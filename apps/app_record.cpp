#include "app_record.h"

#include <algorithm>
#include <set>

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

/// run.json of an earlier run in --out; null where there is none to go on from.
Json earlier_record(const Invocation& call) {
  const fs::path file = call.out / "run.json";
  std::error_code absent;
  if (call.existing != io::Existing::resume || call.out.empty() || !fs::exists(file, absent)) return nullptr;
  Json run = read_json(file, "run");
  if (!run.is_object())
    throw Error(Fault::input, "run", file.string() + ": is no JSON object", "start anew with --overwrite");
  return run;
}

/// What the fields `names` say in both configurations.
std::vector<std::string> values_of(const std::vector<std::string>& names, const Json& before, const Json& now) {
  std::vector<std::string> values;
  for (std::string at : names) {
    std::replace(at.begin(), at.end(), '.', '/');
    const Json::json_pointer pointer("/" + at);
    for (const Json* config : {&before, &now}) {
      if (config->contains(pointer) && config->at(pointer).is_string())
        values.push_back(config->at(pointer).get<std::string>());
    }
  }
  return values;
}

}  // namespace

io::Inputs take_inputs(const Invocation& call, const std::vector<fs::path>& files) {
  if (call.dry_run) return {};
  const Json earlier = earlier_record(call);
  return io::Inputs(files, earlier.is_object() ? earlier.value("inputs", Json()) : Json());
}

io::RunHead run_head(const Invocation& call, const io::OutputFolder& folder, Json config, io::Inputs inputs,
                     std::string grows, const Free& free) {
  const Json before = folder.resumed() ? earlier_record(call) : Json();
  if (before.is_object() && before.contains("config")) {
    io::check_same_config(before.at("config"), config, free.fields);
    inputs.check_same(before.value("inputs", Json()), values_of(free.files, before.at("config"), config));
  }
  return {call.program, call.command, std::move(config), std::move(inputs), std::move(grows), call.sources.files};
}

io::Claim claim_of(const Invocation& call, std::vector<std::string> names) {
  return {call.program, call.command, std::move(names)};
}

void keep(io::RunHead& head, const std::vector<fs::path>& files) {
  head.keep.insert(head.keep.end(), files.begin(), files.end());
}

std::vector<fs::path> model_folders(const policy::ModelConfig& config) {
  std::vector<fs::path> folders = {config.path};
  if (config.adapter) folders.push_back(*config.adapter);
  return folders;
}

std::vector<fs::path> media_of(const std::vector<rows::Question>& questions, const fs::path& root) {
  std::set<fs::path> files;
  for (const rows::Question& question : questions) {
    if (!question.media.video.empty()) files.insert(root / question.media.video);
    for (const std::string& frame : question.media.frames) files.insert(root / frame);
  }
  return {files.begin(), files.end()};
}

void refuse_existing(const fs::path& file) {
  std::error_code code;
  if (!fs::exists(fs::symlink_status(file, code))) return;
  throw Error(Fault::environment, "io", file.string() + ": exists", "remove it, or choose another name");
}

}  // namespace rrpo::apps
