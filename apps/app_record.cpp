#include "app_record.h"

#include <algorithm>

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
  return {call.program, call.command, std::move(config), std::move(inputs), std::move(grows)};
}

void refuse_existing(const fs::path& file, const Invocation& call) {
  if (call.existing == io::Existing::overwrite || !fs::exists(file)) return;
  throw Error(Fault::environment, "io", file.string() + ": exists", "--overwrite, or another --out");
}

}  // namespace rrpo::apps
