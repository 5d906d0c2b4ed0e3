#include "app_decode.h"

#include <set>
#include <string>

#include "app_streams.h"
#include "rrpo/data/answers.h"
#include "rrpo/data/media_check.h"

namespace rrpo::apps {

Word decode_flag() {
  return {"--decode", "with --dry-run: read every video too and list each that cannot be; exit 8 where there is one", false,
          false};
}

bool decodes(const Invocation& call) {
  const bool wanted = call.words.contains("--decode");
  if (wanted && !call.dry_run) bad_usage("--decode belongs to --dry-run", "--dry-run --decode");
  return wanted;
}

int finish_plan(const Invocation& call, Json plan, const QuestionMedia& media) {
  if (!decodes(call)) return finish(plan, 0);
  std::vector<rows::View> all;
  std::set<std::string> known;
  const auto add = [&](const rows::View& one) {
    if (known.insert(one.key()).second) all.push_back(one);
  };
  for (const rows::Question& question : media.questions) {
    add({question.media});
    if (media.others && question.other) add(*question.other);
  }
  const auto faults = data::unreadable_media(all, media.root, media.video, data::answer_threads(0, "cpu"));
  print(data::fault_lines(faults));
  plan["decoded"] = all.size();
  plan["unreadable"] = faults.size();
  finish(plan, 0);
  if (faults.empty()) return 0;
  throw data::unreadable(faults, all.size());
}

}  // namespace rrpo::apps
