#include "rrpo/gen/shard.h"

#include <gtest/gtest.h>

#include "../support/temp_dir.h"

namespace rrpo::gen {
namespace {

rows::Question question(const std::string& id, const std::string& video) {
  rows::Question out;
  out.id = id;
  out.media.video = video;
  return out;
}

std::vector<rows::Question> questions() { return {question("b", "1.mp4"), question("c", "2.mp4")}; }

TEST(Shard, RemembersWhatFailed) {
  const test::TempDir folder;
  Responses responses;
  for (const rows::Question& one : questions()) responses[one.id];
  responses["c"].fault = "video: broken; fix: mend it";
  const std::vector<Fate> fates = asked_fates(questions(), responses);
  write_ledger(fates, questions(), folder.path());
  EXPECT_EQ(fates[0].state, "asked");
  EXPECT_EQ(failed_questions(folder / "ledger.jsonl"),
            (std::map<std::string, std::string>{{"c", "video: broken; fix: mend it"}}));
}

}  // namespace
}  // namespace rrpo::gen
