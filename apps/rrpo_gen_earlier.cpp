#include "rrpo_gen_earlier.h"

#include "rrpo/policy/hub.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void bad_folder(const fs::path& folder, const std::string& problem, const std::string& fix) {
  throw Error(Fault::input, "gen", folder.string() + ": " + problem, fix);
}

std::string text_at(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) && json.at(at).is_string() ? json.at(at).get<std::string>() : "";
}

void move_to(const Places& places, gen::GenConfig& config) {
  if (!places.model.path.empty()) config.model.path = policy::find_model(places.model.path, "model.path");
  if (!places.model.adapter.empty()) config.model.adapter = policy::find_model(places.model.adapter, "model.adapter");
  if (!places.gen.questions.empty()) config.gen.questions = places.gen.questions;
  if (!places.gen.video_root.empty()) config.gen.video_root = places.gen.video_root;
  if (!places.device.empty()) config.device = places.device;
  if (places.threads > 0) config.threads = places.threads;
}

}  // namespace

const std::vector<std::string>& places_fields() {
  static const std::vector<std::string> fields = {"model.path",     "model.adapter", "gen.questions",
                                                  "gen.video_root", "device",        "threads"};
  return fields;
}

const std::vector<std::string>& reach_fields() {
  static const std::vector<std::string> fields = {"threads",
                                                  "device",
                                                  "devices",
                                                  "gen.video_root",
                                                  "video.max_memory_mb",
                                                  "video.follow_links",
                                                  "video.verify",
                                                  "gen.max_unjudged",
                                                  "gen.llm.endpoint",
                                                  "gen.llm.key_env",
                                                  "gen.llm.retries",
                                                  "gen.llm.timeout_s",
                                                  "gen.llm.concurrency",
                                                  "gen.llm.backoff_s",
                                                  "gen.llm.max_wait_s",
                                                  "gen.llm.replay",
                                                  "gen.llm.max_reply_bytes"};
  return fields;
}

EarlierRun read_earlier(const fs::path& folder, const Places& places) {
  if (!fs::exists(folder / "run.json")) bad_folder(folder, "holds no run.json", "name a folder that rrpo-gen has written");
  EarlierRun run{folder, read_json(folder / "run.json", "run"), {}, {}};
  const std::string command = text_at(run.record, "/command");
  if (text_at(run.record, "/program") != "rrpo-gen" || (!command.empty() && command != "merge") ||
      !run.record.contains("config"))
    bad_folder(folder, "its run.json is of no run that makes pairs", "name a folder that rrpo-gen has written");
  const std::string state = text_at(run.record, "/exit/state");
  if (state != "finished")
    bad_folder(folder, "the run is not complete (" + printable(state) + ")",
               "go on with it: the same command with --resume");
  run.raw_config = run.record.at("config");
  run.config = config_from<gen::GenConfig>(run.raw_config);
  move_to(places, run.config);
  return run;
}

}  // namespace rrpo::apps
