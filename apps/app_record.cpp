#include "app_record.h"

#include <algorithm>
#include <map>
#include <set>

#include "rrpo/policy/memory.h"
#include "rrpo/util/lines.h"
#include "rrpo/util/stop.h"

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

std::vector<std::string> names_of(const rows::Media& media) {
  if (media.folder) return {media.folder->path};
  return media.video.empty() ? media.frames : std::vector<std::string>{media.video};
}

/// Bytes of a file, or of all in a folder of pictures.
Json size_of(const fs::path& file) {
  std::error_code absent, ignored;
  uintmax_t size = 0;
  if (!fs::is_directory(file, ignored)) {
    size = fs::file_size(file, absent);
  } else {
    for (const fs::directory_entry& picture : fs::directory_iterator(file, absent))
      size += picture.is_regular_file(ignored) ? picture.file_size(ignored) : 0;
  }
  return absent ? Json() : Json(size);
}

/// The ids of questions that a growing file answers. Rows that failed are asked again; a torn line is the writer's to cut.
std::set<std::string> answered(const fs::path& file) {
  std::set<std::string> ids;
  std::error_code absent;
  if (!fs::exists(file, absent)) return ids;
  each_line(file, "data", [&](std::string_view text, int64_t) {
    const Json row = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!row.is_object() || !row.contains("id") || !row["id"].is_string()) return;
    const Json error = row.value("error", Json());
    if (error.is_null() || error == "") ids.insert(row["id"].get<std::string>());
  });
  return ids;
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
    io::check_same_config(io::with_defaults(before.at("config"), config, free.known), config, free.fields);
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
  const auto add = [&](const rows::Media& media) {
    if (!media.video.empty()) files.insert(root / media.video);
    if (media.folder) files.insert(root / media.folder->path);
    for (const std::string& frame : media.frames) files.insert(root / frame);
  };
  for (const rows::Question& question : questions) {
    add(question.media);
    if (question.other) add(question.other->media);
  }
  return {files.begin(), files.end()};
}

void prove_readable(const Invocation& call, const policy::ModelConfig& config, const std::string& device) {
  if (call.existing == io::Existing::overwrite) policy::open_policy(config, device);
}

void note_media(io::RunHead& head, const Invocation& call, const std::vector<rows::Question>& questions,
                const fs::path& root, const std::string& file) {
  const Json earlier = earlier_record(call);
  std::map<std::string, Json> before, now;  // a Json object is searched from its beginning
  const Json media = earlier.is_object() ? earlier.value("media", Json()) : Json();
  for (const auto& [name, size] : media.items()) before[name] = size;
  const std::set<std::string> done = before.empty() ? std::set<std::string>() : answered(call.out / file);
  for (const rows::Question& question : questions) {
    for (const std::string& name : names_of(question.media)) {
      if (!now.contains(name)) now[name] = size_of(root / name);
      if (done.contains(question.id) && before.contains(name) && before.at(name) != now.at(name))
        throw Error(Fault::usage, "run", (root / name).string() + ": has another size than when it was asked about",
                    "put the earlier file back, or start anew with --overwrite");
    }
  }
  head.media = Json(now);
  keep(head, media_of(questions, root));
}

int with_record(const Invocation& call, io::RunRecord& record, const std::function<int()>& work) {
  try {
    return work();
  } catch (const Stopped&) {
    record.end(128 + stop_signal());
    return finish({{"stopped", true}, {"out", call.out.string()}}, 128 + stop_signal());
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    const std::optional<Error> memory = policy::memory_error(error);
    if (!memory) throw;
    record.fail(memory->exit_code(), memory->what());
    throw *memory;
  }
}

void refuse_existing(const fs::path& file) {
  std::error_code code;
  if (!fs::exists(fs::symlink_status(file, code))) return;
  throw Error(Fault::environment, "io", file.string() + ": exists", "remove it, or choose another name");
}

}  // namespace rrpo::apps
