#include "app_record.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

io::RunHead run_head(const Invocation& call, const io::OutputFolder& folder, Json config, std::vector<fs::path> inputs,
                     std::string grows, const std::vector<std::string>& free) {
  const fs::path file = folder.path() / "run.json";
  if (folder.resumed() && fs::exists(file)) {
    const Json before = read_json(file, "run");
    if (before.contains("config")) io::check_same_config(before.at("config"), config, free);
  }
  return {call.program, call.command, std::move(config), std::move(inputs), std::move(grows)};
}

void refuse_existing(const fs::path& file, const Invocation& call) {
  if (call.existing == io::Existing::overwrite || !fs::exists(file)) return;
  throw Error(Fault::environment, "io", file.string() + ": exists", "--overwrite, or another --out");
}

}  // namespace rrpo::apps
