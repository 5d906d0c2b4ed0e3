#include "rrpo/text/wordpiece.h"

#include <gtest/gtest.h>

#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::text {
namespace {

std::filesystem::path vocabulary() { return test::source_file("tests/golden/wordpiece/vocab.txt"); }

const WordPiece& tiny() {
  static const WordPiece tokenizer(vocabulary());
  return tokenizer;
}

const Json& golden() {
  static const Json json = read_json(test::source_file("tests/golden/wordpiece/golden.json"), "test");
  return json;
}

test::Comparison row_of(const std::string& compared) {
  return {"BERT's WordPiece, a tiny vocabulary", test::original(golden(), "transformers"), compared};
}

TEST(WordPiece, IdsEqualTheOriginals) {
  EXPECT_EQ(tiny().size(), golden().at("size").get<int64_t>());
  for (const Json& row : golden().at("cases")) {
    test::expect_same(row_of("ids of hostile strings"),
                      tiny().encode(row.at("text").get<std::string>()) == row.at("ids").get<std::vector<int64_t>>(),
                      row.at("text").dump());
  }
}

TEST(WordPiece, TooLongTextsLoseTheirBeginning) {
  for (const Json& row : golden().at("cut")) {
    const std::vector<int64_t> ids = tiny().encode_for_eye(row.at("text").get<std::string>(), row.at("most"));
    test::expect_same(row_of("ids of texts cut on the left"), ids == row.at("ids").get<std::vector<int64_t>>(), row.dump());
  }
  EXPECT_EQ(tiny().encode_for_eye("red red", 2), (std::vector<int64_t>{tiny().id_of("[CLS]"), tiny().id_of("[SEP]")}));
}

TEST(WordPiece, BrokenBytesAreLeftOut) {
  EXPECT_EQ(tiny().encode("re\xff"
                          "d"),
            tiny().encode("red"));
  EXPECT_EQ(tiny().encode("\xf0\x9f"), std::vector<int64_t>());
}

TEST(WordPiece, AMegabyteOfMarksTakesNoTime) {
  std::string text = "e";
  while (text.size() < (size_t{1} << 20)) text += "\u0301\u0323";
  EXPECT_EQ(tiny().encode(text), std::vector<int64_t>{tiny().id_of("e")});
  EXPECT_EQ(tiny().encode(std::string(size_t{1} << 20, 'x')), std::vector<int64_t>{tiny().id_of("[UNK]")});
}

TEST(WordPiece, LinesMayEndAsOnWindows) {
  const test::TempDir folder;
  folder.write("vocab.txt", "[UNK]\r\n[CLS]\r\n[SEP]\r\nred");
  EXPECT_EQ(WordPiece(folder.path() / "vocab.txt").encode_for_eye("Red blue", 9), (std::vector<int64_t>{1, 3, 0, 2}));
}

TEST(WordPiece, WhatIsRefused) {
  const test::TempDir folder;
  folder.write("vocab.txt", "[UNK]\n[CLS]\nred\n");
  const auto refused = [&](const char* name, const std::string& problem) {
    try {
      const WordPiece tokenizer(folder.path() / name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      EXPECT_NE(std::string(error.what()).find(problem), std::string::npos) << error.what();
    }
  };
  refused("vocab.txt", "has no [SEP]");
  folder.write("twice.txt", "[UNK]\n[CLS]\n[SEP]\nred\nred\n");
  refused("twice.txt", "'red' twice");
  refused("nothing.txt", "nothing.txt");
}

}  // namespace
}  // namespace rrpo::text
