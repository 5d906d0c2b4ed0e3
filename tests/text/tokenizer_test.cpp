#include "rrpo/text/tokenizer.h"

#include <gtest/gtest.h>

#include <thread>

#include "rrpo/text/byte_bpe.h"
#include "rrpo/text/nfc.h"
#include "rrpo/text/split.h"
#include "rrpo/text/unicode.h"
#include "support/parity.h"
#include "support/temp_dir.h"
#include "text/golden_texts.h"

namespace rrpo::text {
namespace {

const Tokenizer& toy() {
  static const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  return *tokenizer;
}

const Json& golden() {
  static const Json json = read_json(test::source_file("tests/golden/tokenizer.json"), "test");
  return json;
}

test::Comparison row_of(const std::string& compared) {
  return {"byte-level BPE, the toy vocabulary", "tokenizers " + golden()["tokenizers"].get<std::string>(), compared};
}

using test::ranges_of;
using test::widened;

TEST(Golden, IdsEqualTheOriginals) {
  for (const Json& row : golden()["cases"]) {
    const std::string text = row["text"].get<std::string>();
    const bool same = encode_ids(toy(), text) == row["ids"].get<std::vector<int64_t>>();
    test::expect_same(row_of("ids of hostile strings"), same, row["text"].dump());
  }
}

TEST(Golden, WordsEqualThePatternsMatches) {
  for (const Json& row : golden()["cases"]) {
    const auto words = split_qwen2(row["nfc"].get<std::string>());
    EXPECT_EQ(words, ranges_of(row["words"])) << row["text"];
  }
}

TEST(Golden, NormalFormEqualsTheOriginals) {
  for (const Json& row : golden()["cases"])
    EXPECT_EQ(to_nfc(row["text"].get<std::string>()).text, row["nfc"]) << row["text"];
}

TEST(Golden, RangesEqualTheOriginalsOffsets) {
  for (const Json& row : golden()["cases"]) {
    const std::string text = row["text"].get<std::string>();
    const std::vector<Token> tokens = toy().encode(text);
    const std::vector<ByteRange> offsets = ranges_of(row["offsets"]);
    ASSERT_EQ(tokens.size(), offsets.size()) << row["text"];
    for (size_t i = 0; i < tokens.size(); ++i) {
      const ByteRange ours = widened(text, tokens[i].bytes);
      if (row["text"] == row["nfc"]) {
        test::expect_same(row_of("ranges of hostile strings, whole characters"), ours == offsets[i], row["text"].dump());
      } else {  // of a composed group the original names the first character only, ours the whole group
        EXPECT_LE(ours.begin, offsets[i].begin) << row["text"] << " token " << i;
        EXPECT_GE(ours.end, offsets[i].end) << row["text"] << " token " << i;
      }
    }
  }
}

TEST(Golden, DecodingGivesTheNormalForm) {
  for (const Json& row : golden()["cases"]) {
    const bool same = toy().decode(row["ids"].get<std::vector<int64_t>>(), false) == row["decoded"];
    test::expect_same(row_of("decoded text"), same, row["text"].dump());
  }
}

TEST(Golden, AMegabyteOfMixedTextEqualsTheOriginals) {
  const Json& mixed = golden()["mixed"];
  const std::string text = test::mixed_text(mixed);
  const std::vector<Token> tokens = toy().encode(text);
  EXPECT_EQ(tokens.size(), mixed["tokens"].get<size_t>());
  test::expect_same(row_of("ids of 1 MB of mixed text"), test::hash_of_ids(tokens) == mixed["ids"].get<uint64_t>());
  const std::string normal = to_nfc(text).text;
  EXPECT_EQ(toy().decode(test::ids_of(tokens), false), normal);
  const std::vector<Token> of_normal = toy().encode(normal);
  EXPECT_EQ(test::hash_of_ids(of_normal), mixed["nfc_ids"].get<uint64_t>());
  test::expect_same(row_of("ranges of 1 MB of mixed text, whole characters"),
                    test::hash_of_ranges(widened(normal, of_normal)) == mixed["nfc_ranges"].get<uint64_t>());
}

/// Ranges of all tokens that are no part of a changed group, and of all that are, are known in closed form.
TEST(Nfc, MapsBytesToTheOriginal) {
  const NfcText out = to_nfc("x e\u0301 y");
  EXPECT_EQ(out.text, "x \u00e9 y");
  EXPECT_EQ(out.original(0, 1), (ByteRange{0, 1}));
  EXPECT_EQ(out.original(2, 3), (ByteRange{2, 5}));  // either byte of the composed letter stands for letter and mark
  EXPECT_EQ(out.original(3, 4), (ByteRange{2, 5}));
  EXPECT_EQ(out.original(1, 4), (ByteRange{1, 5}));
  EXPECT_EQ(out.original(5, 6), (ByteRange{6, 7}));
}

TEST(Nfc, LeavesNormalTextAlone) {
  const NfcText out = to_nfc("caf\u00e9 \u0301 \ud55c");
  EXPECT_TRUE(out.origin.empty());
  EXPECT_EQ(out.original(3, 5), (ByteRange{3, 5}));
}

/// Normalisation orders marks by their class: all below (U+0323) before all above (U+0301), the first of each composed.
TEST(Nfc, ManyMarksTakeLinearTime) {
  std::string marks, below, above;
  for (int i = 0; i < 50000; ++i) {
    marks += "\u0301\u0323";
    below += i == 0 ? "" : "\u0323";
    above += "\u0301";
  }
  EXPECT_EQ(to_nfc("a" + marks).text, "\u1ea1" + below + above);
  EXPECT_EQ(to_nfc("x" + marks).text, "x\u0323" + below + above);
}

TEST(Nfc, BrokenBytesPass) {
  const std::string text = "e\u0301\xff\xc3 e\u0301";
  EXPECT_EQ(to_nfc(text).text, "\u00e9\xff\xc3 \u00e9");
}

TEST(Unicode, BrokenSequencesBecomeOneReplacementEach) {
  EXPECT_EQ(valid_utf8("a\xff"
                       "b"),
            "a\ufffd"
            "b");
  EXPECT_EQ(valid_utf8("\xe2\x82"), "\ufffd");  // a cut sequence is one
  EXPECT_EQ(valid_utf8("\xf0\x9f\x91"), "\ufffd");
  EXPECT_EQ(valid_utf8("\xe0\x80\x80"), "\ufffd\ufffd\ufffd");  // overlong: each byte
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");  // a surrogate
  EXPECT_EQ(valid_utf8("\xf0\x9f\x91\x8d"), "\U0001f44d");
}

TEST(ByteBpe, AnyBytesAreEncodedAndCovered) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(255 - i);
  bytes += std::string("a\xc3", 2) + std::string("\xe2\x82", 2) + "<|im_end|>\xf0";
  int64_t at = 0;
  for (const Token& token : toy().encode(bytes)) {
    EXPECT_EQ(token.bytes.begin, at);
    at = token.bytes.end;
  }
  EXPECT_EQ(at, static_cast<int64_t>(bytes.size()));
}

TEST(ByteBpe, EncodesALongWordQuickly) {
  const std::string word(200000, 'r');
  EXPECT_EQ(toy().decode(encode_ids(toy(), word)), word);
}

TEST(ByteBpe, SpecialTokensAreLeftOutOnDemand) {
  const std::vector<int64_t> ids = encode_ids(toy(), "Yes<|im_end|>");
  EXPECT_EQ(toy().decode(ids), "Yes");
  EXPECT_EQ(toy().decode(ids, false), "Yes<|im_end|>");
  EXPECT_EQ(toy().decode({-1, 1 << 30}), "");
  EXPECT_EQ(toy().id_of("<|im_end|>"), toy().size() - 3);
  EXPECT_EQ(toy().id_of("<nothing>"), -1);
}

TEST(ByteBpe, ThreadsAgree) {
  const auto tokenizer = open_tokenizer(test::source_file("data/toy/tokenizer"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (const Json& row : golden()["cases"]) {
        EXPECT_EQ(encode_ids(*tokenizer, row["text"].get<std::string>()), row["ids"].get<std::vector<int64_t>>());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// ---- files ----

Json toy_file() { return read_json(test::source_file("data/toy/tokenizer/tokenizer.json"), "test"); }

std::string refusal(const Json& file) {
  const test::TempDir dir;
  dir.write("tokenizer.json", file.dump());
  try {
    open_tokenizer(dir.path());
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_NE(std::string(error.what()).find("tokenizer.json"), std::string::npos);
    return error.what();
  }
  return "accepted";
}

void expect_same_as_toy(const Tokenizer& tokenizer) {
  EXPECT_EQ(tokenizer.size(), toy().size());
  for (const Json& row : golden()["cases"]) {
    EXPECT_EQ(encode_ids(tokenizer, row["text"].get<std::string>()), row["ids"].get<std::vector<int64_t>>()) << row["text"];
  }
}

TEST(Files, MergesAsOneTextEach) {
  Json file = toy_file();
  for (Json& merge : file["model"]["merges"]) merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  const test::TempDir dir;
  dir.write("tokenizer.json", file.dump());
  expect_same_as_toy(*open_tokenizer(dir.path()));
}

TEST(Files, VocabularyAndMergesApart) {
  const Json file = toy_file();
  std::string merges = "#version: 0.2\n";
  for (const Json& merge : file["model"]["merges"])
    merges += merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
  const test::TempDir dir;
  dir.write("vocab.json", file["model"]["vocab"].dump());
  dir.write("merges.txt", merges);
  EXPECT_THROW(open_tokenizer(dir.path()), Error);  // no class named: the split is not known
  Json added;
  for (const Json& token : file["added_tokens"]) added[token["content"].get<std::string>()] = token["id"];
  dir.write("added_tokens.json", added.dump());
  Json config = read_json(test::source_file("data/toy/tokenizer/tokenizer_config.json"), "test");
  dir.write("tokenizer_config.json", config.dump());
  expect_same_as_toy(*open_tokenizer(dir.path()));
  config.erase("added_tokens_decoder");
  dir.write("tokenizer_config.json", config.dump());
  const auto older = open_tokenizer(dir.path());
  expect_same_as_toy(*older);
  EXPECT_EQ(older->decode(encode_ids(*older, "a<|im_end|><video>")), "a");
}

TEST(Files, VocabularyAndMergesAsTheOriginalWritesThem) {
  expect_same_as_toy(*open_tokenizer(test::source_file("tests/golden/vocab_and_merges")));
}

TEST(Files, TheSingleFileWins) {
  const test::TempDir dir;
  dir.write("tokenizer.json", toy_file().dump());
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer.model"}) dir.write(name, "broken");
  expect_same_as_toy(*open_tokenizer(dir.path()));
}

TEST(Files, TokensOfTheConfigurationAreAdded) {
  Json file = toy_file();
  file["added_tokens"] = Json::array();
  const test::TempDir dir;
  dir.write("tokenizer.json", file.dump());
  dir.write("tokenizer_config.json", read_file(test::source_file("data/toy/tokenizer/tokenizer_config.json"), "test"));
  expect_same_as_toy(*open_tokenizer(dir.path()));
}

TEST(Files, NormalizedAddedTokensAreSoughtAfterNormalisation) {
  Json file = toy_file();
  file["added_tokens"].push_back({{"id", 445}, {"content", "\u00e9t\u00e9"}, {"normalized", true}, {"special", false}});
  const test::TempDir dir;
  dir.write("tokenizer.json", file.dump());
  const std::vector<Token> tokens = open_tokenizer(dir.path())->encode("xe\u0301te\u0301y");
  ASSERT_EQ(tokens.size(), 3u);
  EXPECT_EQ(tokens[1].id, 445);
  EXPECT_EQ(tokens[1].bytes, (ByteRange{1, 8}));
  EXPECT_EQ(tokens[2].bytes, (ByteRange{8, 9}));
}

TEST(Files, WhatWeDoNotDoIsRefused) {
  Json other = toy_file();
  other["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+";
  EXPECT_NE(refusal(other).find("not by Qwen2's pattern"), std::string::npos);
  other = toy_file();
  other["pre_tokenizer"] = nullptr;
  EXPECT_NE(refusal(other).find("pre_tokenizer"), std::string::npos);
  other = toy_file();
  other["normalizer"] = {{"type", "Lowercase"}};
  EXPECT_NE(refusal(other).find("not NFC"), std::string::npos);
  other = toy_file();
  other["model"]["type"] = "WordPiece";
  EXPECT_NE(refusal(other).find("not BPE"), std::string::npos);
  other = toy_file();
  other["model"]["byte_fallback"] = true;
  EXPECT_NE(refusal(other).find("byte_fallback"), std::string::npos);
  other = toy_file();
  other["added_tokens"][0]["lstrip"] = true;
  EXPECT_NE(refusal(other).find("lstrip"), std::string::npos);
}

TEST(Files, DamageIsAnError) {
  Json file = toy_file();
  file["model"]["vocab"]["The"] = 3;
  EXPECT_NE(refusal(file).find("another token has too"), std::string::npos);
  for (const Json& id : {Json(-1), Json(int64_t{1} << 40), Json("7"), Json(1.5)}) {
    file = toy_file();
    file["model"]["vocab"]["The"] = id;
    EXPECT_NE(refusal(file), "accepted") << id;
  }
  file = toy_file();
  file["model"]["vocab"].erase("a");
  EXPECT_NE(refusal(file).find("byte 97 has no token"), std::string::npos);
  file = toy_file();
  file["model"]["merges"].push_back({"a", "nothing"});
  EXPECT_NE(refusal(file).find("not in the vocabulary"), std::string::npos);
  file = toy_file();
  file["model"]["merges"].push_back("a b c");
  EXPECT_NE(refusal(file), "accepted");
  file = toy_file();
  file["added_tokens"][1]["id"] = 3;
  EXPECT_NE(refusal(file), "accepted");
  for (const char* key : {"model", "pre_tokenizer"}) {
    file = toy_file();
    file.erase(key);
    EXPECT_NE(refusal(file), "accepted") << key;
  }
  EXPECT_NE(refusal(Json::array()), "accepted");
}

TEST(Files, DeepNestingAndCutFilesAreErrors) {
  const test::TempDir dir;
  dir.write("tokenizer.json", std::string(200000, '['));
  EXPECT_THROW(open_tokenizer(dir.path()), Error);
  dir.write("tokenizer.json", toy_file().dump().substr(0, 5000));
  EXPECT_THROW(open_tokenizer(dir.path()), Error);
  EXPECT_THROW(open_tokenizer(dir.path() / "nowhere"), Error);
}

}  // namespace
}  // namespace rrpo::text
