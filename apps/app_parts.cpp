#include "app_parts.h"

#include <algorithm>
#include <map>
#include <utility>

#include "rrpo/io/inputs.h"
#include "rrpo/io/run_record.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

/// (name, hash) of each file.
std::vector<std::pair<std::string, Json>> named_hashes(const Json& inputs) {
  std::vector<std::pair<std::string, Json>> out;
  if (!inputs.is_object()) return out;
  for (const auto& [file, hash] : inputs.items())
    out.emplace_back(fs::path(file).filename().string(), io::recorded_sha256(hash));
  return out;
}

/// Throws unless `part` is of the run that `first` is of. Places may differ: the hashes say that the files are the same.
void check_kin(const RunPart& first, const RunPart& part, const PartRules& rules) {
  const fs::path& other = first.folder;
  if (part.shard.count != first.shard.count)
    bad_part(rules, part.folder, "is shard " + part.shard.name() + ", but " + other.string() + " is " + first.shard.name(),
             "merge the shards of one run");
  std::vector<std::string> free = rules.free;
  free.push_back(rules.shard);
  if (const auto field = io::config_difference(first.config, part.config, free))
    bad_part(rules, part.folder,
             field->field + " is " + field->now.dump() + ", but " + field->before.dump() + " in " + other.string(),
             "merge the shards of one run");
  const Json before = first.record.value("inputs", Json()), now = part.record.value("inputs", Json());
  for (const auto& changed : {changed_inputs(before, now), changed_inputs(now, before)}) {
    if (!changed.empty())
      bad_part(rules, part.folder, changed.front() + " had other bytes than in " + other.string(),
               "run both with the same files");
  }
}

}  // namespace

void bad_part(const PartRules& rules, const fs::path& folder, const std::string& problem, const std::string& fix) {
  throw Error(Fault::input, rules.component, folder.string() + ": " + problem, fix);
}

std::vector<fs::path> folders_of(const Invocation& call) {
  std::vector<fs::path> folders = {call.words.at("DIR")};
  folders.insert(folders.end(), call.more.begin(), call.more.end());
  return folders;
}

std::vector<RunPart> whole_run(std::vector<RunPart> parts, const PartRules& rules) {
  expect(!parts.empty(), "a run has parts");
  const fs::path last = parts.back().folder;
  std::map<int64_t, RunPart> sorted;
  for (RunPart& part : parts) {
    if (!sorted.empty()) check_kin(sorted.begin()->second, part, rules);
    const fs::path folder = part.folder;
    const auto [at, is_new] = sorted.emplace(part.shard.index, std::move(part));
    if (!is_new)
      bad_part(rules, folder, "is shard " + at->second.shard.name() + ", as " + at->second.folder.string() + " is",
               "give each shard once");
  }
  std::vector<RunPart> out;
  for (auto& [index, part] : sorted) out.push_back(std::move(part));
  for (int64_t i = 0; i < out.front().shard.count; ++i) {
    if (i < static_cast<int64_t>(out.size()) && out[static_cast<size_t>(i)].shard.index == i) continue;
    bad_part(rules, last, "shard " + data::Shard{i, out.front().shard.count}.name() + " is missing beside it",
             "give the folders of all " + std::to_string(out.front().shard.count) + " shards");
  }
  return out;
}

std::vector<std::string> changed_inputs(const Json& before, const Json& now) {
  std::vector<std::pair<std::string, Json>> there = named_hashes(now);
  std::vector<std::string> changed;
  for (const auto& one : named_hashes(before)) {
    const auto same = std::find(there.begin(), there.end(), one);
    if (same == there.end()) {
      changed.push_back(one.first);
    } else {
      there.erase(same);
    }
  }
  return changed;
}

void refuse_input_as_out(const Invocation& call, const std::vector<fs::path>& folders) {
  std::error_code absent;
  for (const fs::path& folder : folders) {
    if (fs::equivalent(folder, call.out, absent))
      bad_usage("--out " + call.out.string() + " is a folder that is read", "name another folder");
  }
}

}  // namespace rrpo::apps
