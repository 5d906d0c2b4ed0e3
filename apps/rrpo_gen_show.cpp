#include <unistd.h>

#include <set>

#include "app_record.h"
#include "app_streams.h"
#include "rrpo/gen/lens.h"
#include "rrpo/io/atomic.h"
#include "rrpo/policy/hub.h"
#include "rrpo/rows/question.h"
#include "rrpo_gen_commands.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

/// Writes the page into --out, or into the folder that the user stands in, never into one of data; prints its path.
int leave_page(const Invocation& call, const char* name, const std::function<std::string()>& html) {
  const fs::path folder = call.out, page = folder / name;
  if (folder.empty()) {
    refuse_existing(page);
    io::write_file(page, html());
  } else {
    io::leave_pages(folder, call.existing, claim_of(call, {}), {{name, html()}});
  }
  print(page.string() + "\n");
  return 0;
}

/// Clips, and the folder that their paths are relative to.
struct Clips {
  fs::path root;
  std::vector<rows::Media> media;
};

/// The clips of questions (`.jsonl`), each once and `count` at most, and single videos.
Clips clips_of(const Invocation& call, const gen::ShowConfig& config) {
  std::vector<std::string> files = {call.words.at("FILE")};
  files.insert(files.end(), call.more.begin(), call.more.end());
  Clips clips{config.video_root, {}};
  std::set<std::string> known;
  for (const fs::path file : files) {
    const fs::path folder = config.video_root.empty() ? file.parent_path() : config.video_root;
    if (!clips.media.empty() && folder != clips.root)
      bad_usage(file.string() + ": lies in another folder than the first", "give video_root, and paths below it");
    clips.root = folder;
    if (file.extension() != ".jsonl") {
      clips.media.emplace_back().video = fs::proximate(file, folder.empty() ? fs::path(".") : folder).string();
      continue;
    }
    for (const rows::Question& question : rows::read_questions(file)) {
      const bool room = static_cast<int64_t>(known.size()) < config.count;
      if (room && known.insert(question.media.key()).second) clips.media.push_back(question.media);
    }
  }
  return clips;
}

int show_perturbations(const Invocation& call, const gen::ShowConfig& config) {
  const Clips clips = clips_of(call, config);
  if (call.dry_run) return finish({{"clips", clips.media.size()}}, 0);
  return leave_page(call, "perturbations.html", [&] { return gen::perturbation_page(config, clips.root, clips.media); });
}

}  // namespace

int run_show(const Invocation& call) {
  auto config = read_config<gen::ShowConfig>(call.sources);
  policy::find_models(config.model);
  if (call.words.contains("--perturbations")) return show_perturbations(call, config);
  if (!call.more.empty()) bad_usage("'" + printable(call.more.front()) + "' is one file too many", "give one file of pairs");
  const fs::path file = call.words.at("FILE");
  const std::vector<rows::Pair> pairs = rows::read_pairs(file);
  if (pairs.empty()) throw Error(Fault::input, "data", file.string() + ": holds no pair", "name a file of pairs");
  if (call.dry_run) return finish({{"pairs", pairs.size()}}, 0);
  if (call.words.contains("--text")) {
    print(gen::lens_text(config, pairs, ::isatty(STDOUT_FILENO) != 0));
    return 0;
  }
  return leave_page(call, "show.html", [&] { return gen::lens_page(config, file, pairs); });
}

}  // namespace rrpo::apps
