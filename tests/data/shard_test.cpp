#include "rrpo/data/shard.h"

#include <gtest/gtest.h>

#include <set>

#include "../support/temp_dir.h"

namespace rrpo::data {
namespace {

rows::Question question(const std::string& id, const std::string& video) {
  rows::Question out;
  out.id = id;
  out.media.video = video;
  return out;
}

std::vector<rows::Question> questions() {
  return {question("b", "1.mp4"), question("c", "2.mp4"), question("a", "1.mp4"),
          question("d", "3.mp4"), question("e", "2.mp4"), question("f", "4.mp4")};
}

std::string ids(const std::vector<rows::Question>& list) {
  std::string out;
  for (const rows::Question& one : list) out += one.id;
  return out;
}

TEST(Shard, TakesWholeVideosInTurn) {
  EXPECT_EQ(ids(shard_questions(questions(), {0, 1})), "bcadef");
  EXPECT_EQ(ids(shard_questions(questions(), {0, 2})), "bad");
  EXPECT_EQ(ids(shard_questions(questions(), {1, 2})), "cef");
  EXPECT_EQ(ids(shard_questions(questions(), {6, 7})), "");
  for (int64_t count = 1; count < 7; ++count) {
    std::set<std::string> seen;
    for (int64_t i = 0; i < count; ++i) {
      for (const rows::Question& one : shard_questions(questions(), {i, count})) EXPECT_TRUE(seen.insert(one.id).second);
    }
    EXPECT_EQ(seen.size(), questions().size());
  }
}

int64_t count_of(const std::vector<rows::Question>& all, const Shard& shard) {
  return static_cast<int64_t>(shard_questions(all, shard).size());
}

// One video with many questions, or one long one, does not leave the other parts waiting.
TEST(Shard, DealsVideosOutByTheirWork) {
  std::vector<rows::Question> all;
  const auto add = [&](int video, int questions) {
    for (int q = 0; q < questions; ++q)
      all.push_back(question(std::to_string(video) + "-" + std::to_string(q), std::to_string(video) + ".mp4"));
  };
  for (int video = 0; video < 6; ++video) add(video, video % 2 == 0 ? 1 : 9);  // in turn: 3 and 27
  EXPECT_EQ(count_of(all, {0, 2}) + count_of(all, {1, 2}), 30);
  EXPECT_LE(std::abs(count_of(all, {0, 2}) - count_of(all, {1, 2})), 6);
  for (rows::Question& one : all) one.item.duration_s = one.media.video == "0.mp4" ? 1000 : 10;
  EXPECT_EQ(ids(shard_questions(all, {0, 2})), "0-0") << "the long one";
  all.back().item.duration_s.reset();
  EXPECT_GT(count_of(all, {0, 2}), 1) << "unlike measures are not added";
  all.back().media.start_s = 5;
  all.back().media.end_s = 15;
  EXPECT_EQ(ids(shard_questions(all, {0, 2})), "0-0") << "a clip says its own length";
}

TEST(Shard, IsReadFromItsName) {
  EXPECT_EQ(parse_shard("3/4", "gen.shard"), (Shard{3, 4}));
  EXPECT_EQ(parse_shard("0/1", "gen.shard").name(), "0/1");
  for (const char* text : {"", "1", "/", "1/", "/2", "4/4", "-1/4", "1/0", "a/b", "1/2/3", " 1/2", "1/2 ", "0/100001"})
    EXPECT_THROW(parse_shard(text, "gen.shard"), Error) << text;
}

// Whatever is in which part, in whatever order: the joined rows stand as one run appends them.
TEST(Shard, JoinedRowsStandAsInOneRun) {
  const test::TempDir folder;
  std::vector<std::string> lines;
  for (const char* on : {"perturbed", "clean"}) {
    for (const char* id : {"a", "b", "c", "e", "d", "f"}) {
      for (int sample = 0; sample < (*on == 'c' ? 1 : 2); ++sample)
        lines.push_back(json_line({{"id", id}, {"on", on}, {"sample", sample}, {"response", 0.1}}) + "\n");
    }
  }
  std::string whole;
  for (const std::string& line : lines) whole += line;
  for (const size_t step : {1, 5, 7}) {
    std::string parts[3];
    for (size_t i = 0; i < lines.size(); ++i) parts[i % 3] += lines[i * step % lines.size()];
    std::vector<std::filesystem::path> files;
    for (int i = 0; i < 3; ++i) files.push_back(folder.write(std::to_string(i), parts[i]));
    EXPECT_EQ(join_rows(files, questions()), whole) << step;
  }
  EXPECT_THROW(join_rows({folder.write("other", "{\"id\": \"z\"}\n")}, questions()), Error);
}

// Rows that only name their question: as they stand, question after question.
TEST(Shard, JoinsRowsOfAnyGrowingFile) {
  const test::TempDir folder;
  const auto one = folder.write("1", "{\"id\":\"d\"}\n{\"id\":\"b\",\"n\":1}\n{\"id\":\"b\",\"n\":0}\n");
  const auto two = folder.write("2", "{\"id\":\"c\"}\n");
  EXPECT_EQ(join_rows({one, two}, questions()),
            "{\"id\":\"b\",\"n\":1}\n{\"id\":\"b\",\"n\":0}\n{\"id\":\"c\"}\n{\"id\":\"d\"}\n");
}

}  // namespace
}  // namespace rrpo::data
