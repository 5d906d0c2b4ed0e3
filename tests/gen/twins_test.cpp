// Clips that differ in one fact. What is true about a clip is read here from its record ([colour, shape, from, to] of each
// object), not by the code that writes questions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "../../src/gen/scenes_twin.h"
#include "rrpo/rows/answer.h"
#include "rrpo/rows/question.h"
#include "support/temp_dir.h"

namespace rrpo::gen {
namespace {

using test::TempDir;

struct Thing {
  std::string colour, shape, from, to;
  std::string name() const { return colour + " " + shape; }
  bool operator==(const Thing&) const = default;
};
using Things = std::vector<Thing>;

Things things_of(const Json& scene) {
  Things out;
  for (const Json& one : scene) out.push_back({one[0], one[1], one[2], one[3]});
  return out;
}

/// Column and row of a cell, from the name alone.
std::pair<int, int> cell(const std::string& name) {
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  return {has("west") ? 0 : has("east") ? 2 : 1, has("north") ? 0 : has("south") ? 2 : 1};
}

std::string way(const Thing& thing) {
  const auto [x0, y0] = cell(thing.from);
  const auto [x1, y1] = cell(thing.to);
  return x1 < x0 ? "left" : x1 > x0 ? "right" : y1 < y0 ? "up" : "down";
}

/// The letter of an option of the question.
std::string option(const std::string& question, const std::string& text) {
  std::smatch found;
  return std::regex_search(question, found, std::regex("\\(([A-D])\\) " + text)) ? text + " (" + found[1].str() + ")" : "";
}

/// The true answer to a question about these things; empty where it has none.
std::string truth(const std::string& question, const Things& things) {
  std::smatch found;
  const Thing &first = things[0], &last = things[1];
  const auto asks = [&](const char* pattern) { return std::regex_search(question, found, std::regex(pattern)); };
  const auto named = [&]() -> const Thing& { return found[1] == "first" ? first : last; };
  if (asks("^What shape is the (\\w+) object")) {
    for (const Thing& thing : things) {
      if (thing.colour == found[1]) return "The " + thing.colour + " object is a " + thing.shape + ".";
    }
    return "";
  }
  if (asks("^Which option is (\\w+)")) return option(question, found[1]);
  if (asks("^Which way does the (\\w+) object move\\? \\(A")) return option(question, way(named()));
  if (asks("^Which way does the (\\w+) object")) return "The " + found[1].str() + " object moves " + way(named()) + ".";
  if (asks("^Which object appears first")) return "The " + first.name() + " appears first.";
  if (asks("^Is there a (\\w+ \\w+) in")) {
    const bool there = found[1] == first.name() || found[1] == last.name();
    return (there ? "Yes, there is a " : "No, there is no ") + found[1].str() + ".";
  }
  if (asks("^Where does the (\\w+) object"))
    return "The " + found[1].str() + " object goes from " + named().from + " to " + named().to + ".";
  if (asks("^List the paths"))
    return "First " + first.name() + " " + first.from + " to " + first.to + ", last " + last.name() + " " + last.from +
           " to " + last.to + ".";
  return "First a " + first.name() + " moves " + way(first) + ", then a " + last.name() + " moves " + way(last) + ".";
}

/// The facts in which two clips differ.
std::vector<std::string> differing(const Things& a, const Things& b) {
  if (a[0] == b[1] && a[1] == b[0]) return {"order"};
  std::vector<std::string> facts;
  for (size_t i = 0; i < 2; ++i) {
    if (a[i].colour != b[i].colour) facts.emplace_back("colour");
    if (a[i].shape != b[i].shape) facts.emplace_back("shape");
    if (a[i].from == b[i].from && a[i].to == b[i].to) continue;
    facts.emplace_back(a[i].from == b[i].to && a[i].to == b[i].from ? "direction" : "places");
  }
  return facts;
}

ScenesConfig all_types(int64_t count, bool twins) {
  ScenesConfig config;
  config.count = count;
  config.twins = twins;
  config.types = {"cap", "shape", "dir", "mcq", "order", "exist", "path", "paths", "option"};
  return config;
}

std::vector<rows::Question> made(const ScenesConfig& config, const std::filesystem::path& out, int64_t threads = 0) {
  make_scenes(config, out, threads);
  return rows::read_questions(out / "questions.jsonl");
}

// The caption has another answer about every twin, so its row tells of the twin of its clip.
TEST(Twins, DifferInOneFactAndEachFactHasItsTurn) {
  const TempDir dir;
  std::map<std::string, int> facts;
  for (const rows::Question& row : made(all_types(24, true), dir.path())) {
    if (row.tags["type"] != "cap") continue;
    ASSERT_TRUE(row.other) << row.id;
    const Json& twin = row.extra.at("twin");
    const Things own = things_of(row.extra.at("scene")), other = things_of(twin["scene"]);
    EXPECT_EQ(differing(own, other), std::vector<std::string>{twin["fact"]}) << row.extra;
    EXPECT_NE(other[0].colour, other[1].colour);
    ++facts[twin["fact"]];
  }
  EXPECT_EQ(facts, (std::map<std::string, int>{{"colour", 6}, {"direction", 6}, {"order", 6}, {"shape", 6}}));
}

// Each row names its twin where, and only where, the truth is another one there.
TEST(Twins, BothAnswersAreTrue) {
  for (const char* distribution : {"uniform", "biased"}) {
    const TempDir dir;
    ScenesConfig config = all_types(24, true);
    config.distribution = distribution;
    const auto rows = made(config, dir.path());
    std::map<std::string, Json> twins;
    for (const rows::Question& row : rows) {
      if (row.other) twins[row.media.video] = row.extra.at("twin").at("scene");
    }
    ASSERT_EQ(twins.size(), 24u);
    std::map<std::string, int> named;
    for (const rows::Question& row : rows) {
      const std::string here = truth(row.question, things_of(row.extra.at("scene"))),
                        there = truth(row.question, things_of(twins.at(row.media.video)));
      EXPECT_EQ(row.answer, here) << row.id;
      EXPECT_EQ(row.other_answer, there == here ? "" : there) << row.id;
      EXPECT_EQ(row.other.has_value(), !row.other_answer.empty()) << row.id;
      EXPECT_EQ(row.extra.contains("twin"), row.other.has_value()) << row.id;
      if (!row.other) continue;
      ++named[row.tags["type"]];
      EXPECT_EQ(row.other->media.video, row.media.video.substr(0, row.media.video.size() - 4) + "-twin.mp4");
      EXPECT_EQ(rows::judge(row, row.other_answer).verdict, rows::Verdict::wrong) << row.id;
    }
    EXPECT_EQ(named["cap"], 24);
    EXPECT_EQ(named["option"], 0);
    EXPECT_EQ(named["paths"], 24);
    for (const char* type : {"shape", "dir", "mcq", "order", "exist", "path"}) {
      EXPECT_GT(named[type], 0) << type;
      EXPECT_LT(named[type], 24) << type;
    }
  }
}

TEST(Twins, ASentenceHasItsStyleThereToo) {
  const TempDir dir;
  ScenesConfig config = all_types(4, true);
  config.style = "In this video, ";
  int64_t styled = 0;
  for (const rows::Question& row : made(config, dir.path())) {
    if (!row.other || row.style.empty()) continue;
    EXPECT_THAT(row.other_answer, testing::MatchesRegex("In this video, (the|first) .*"));
    ++styled;
  }
  EXPECT_GE(styled, 8);
}

std::map<std::string, std::string> files_below(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      files[std::filesystem::relative(entry.path(), folder).string()] = read_file(entry.path(), "test");
  }
  return files;
}

TEST(Twins, ChangeNothingOfTheClipsThatTheyStandBeside) {
  const TempDir with, without, threads;
  const auto twins = made(all_types(5, true), with.path()), rows = made(all_types(5, false), without.path());
  make_scenes(all_types(5, true), threads.path(), 3);
  auto files = files_below(with.path());
  EXPECT_EQ(files, files_below(threads.path()));
  EXPECT_EQ(files.size(), 11u);
  for (const auto& [name, bytes] : files_below(without.path())) {
    EXPECT_TRUE(name == "questions.jsonl" || files.at(name) == bytes) << name;
  }
  ASSERT_EQ(twins.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_FALSE(rows[i].other);
    Json row = rows::question_json(twins[i]);
    for (const char* key : {"other", "other_answer", "twin"}) row.erase(key);
    EXPECT_EQ(row, rows::question_json(rows[i]));
  }
}

// Rows as they were written before there were twins.
TEST(Twins, RowsWithoutThemAreThoseOfEarlierVersions) {
  const std::map<std::string, uint64_t> hashes = {
      {R"({"count": 6})", 0xea87a39d69a233ca},
      {R"({"count": 5, "kind": "stills"})", 0xcd24e9d66b03f8a0},
      {R"({"count": 6, "distribution": "biased", "stereotype": 0.5, "lure": 0.5, "yes_rate": 0.8, "questions": 8, "round": 4})",
       0x98320064b1168f9e},
      {R"({"count": 4, "style": "Look: ", "types": ["shape", "dir", "mcq", "order", "exist", "cap", "path", "paths", "option"]})",
       0x6ef23e07e19a1460}};
  for (const auto& [text, hash] : hashes) {
    const TempDir dir;
    make_scenes(config_from<ScenesConfig>(Json::parse(text)), dir.path(), 0);
    EXPECT_EQ(hash64(read_file(dir / "questions.jsonl", "test")), hash) << text;
  }
}

// Noise, light and the places of objects in their cells are the same: outside the cells of what changed no pixel differs.
TEST(Twins, LookTheSameButForTheFact) {
  for (size_t f = 0; f < twin_facts().size(); ++f) {
    for (uint64_t i = 0; i < 6; ++i) {
      Random random(3, "test", i);
      Shown own;
      own.scene = draw_clip({}, random);
      own.look = draw_look(own.scene, random);
      const Shown twin = twin_of(own, twin_facts()[f], random);
      const video::Frames a = paint(own.scene, true, own.look), b = paint(twin.scene, true, twin.look);
      EXPECT_NE(a.rgb, b.rgb);
      int64_t outside = 0;
      for (int64_t y = 0; y < a.height; ++y) {
        for (int64_t x = 0; x < a.width; ++x) {
          const Cell here{x / kCellPixels, y / kCellPixels};
          const bool walked = std::any_of(own.scene.begin(), own.scene.end(),
                                          [&](const Object& o) { return o.from == here || o.to == here; });
          for (int64_t t = 0; t < a.count && !walked; ++t) {
            const int64_t at = (y * a.width + x) * 3;
            outside += std::equal(a.frame(t) + at, a.frame(t) + at + 3, b.frame(t) + at) ? 0 : 1;
          }
        }
      }
      EXPECT_EQ(outside, 0) << twin_facts()[f];
      if (twin_facts()[f] != "order") continue;
      // The first object is alone in frame 2, half way; as the last one it is so in frame 5. An offset goes with its object.
      for (const auto& [first, last] : {std::pair(2, 5), {5, 2}})
        EXPECT_TRUE(std::equal(a.frame(first), a.frame(first) + a.frame_bytes(), b.frame(last)));
    }
  }
}

TEST(Twins, TheRecordCountsThem) {
  const TempDir dir, plain;
  const auto rows = made(all_types(8, true), dir.path());
  const Json counts = scene_counts(all_types(8, true), dir.path());
  EXPECT_EQ(counts["clips"], 8);
  EXPECT_EQ(counts["twins"], 8);
  EXPECT_EQ(counts["facts"], Json::parse(R"({"colour": 2, "direction": 2, "order": 2, "shape": 2})"));
  EXPECT_EQ(counts["questions"], 72);
  EXPECT_EQ(counts["with_other"],
            std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.other.has_value(); }));
  EXPECT_EQ(counts["with_other_by_type"]["cap"], 8);
  EXPECT_EQ(scene_counts(all_types(8, false), plain.path()), Json({{"clips", 8}}));
}

TEST(Twins, NeedTrueClips) {
  const auto refused = [](const char* text) { EXPECT_THROW(config_from<ScenesConfig>(Json::parse(text)), Error) << text; };
  refused(R"({"twins": true, "kind": "stills"})");
  refused(R"({"twins": true, "stereotype": 0.5})");
  refused(R"({"twins": true, "lure": 0.5})");
}

}  // namespace
}  // namespace rrpo::gen
