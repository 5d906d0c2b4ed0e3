#include "rrpo/text/sentencepiece.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

#include "support/model_parts.h"
#include "support/parity.h"
#include "support/temp_dir.h"
#include "text/golden_texts.h"

namespace rrpo::text {
namespace {

using Parts = test::ModelParts;

constexpr const char* kFolder = "tests/golden/sentencepiece";

const Tokenizer& tiny() {
  static const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(test::source_file(kFolder));
  return *tokenizer;
}

const Json& golden() {
  static const Json json = read_json(test::source_file(std::string(kFolder) + "/golden.json"), "test");
  return json;
}

test::Comparison row_of(const std::string& compared) {
  return {"tokenizer.model, a tiny BPE with byte fallback", "sentencepiece " + golden()["sentencepiece"].get<std::string>(),
          compared};
}

const std::string& model_file() {
  static const std::string bytes = read_file(test::source_file(std::string(kFolder) + "/tokenizer.model"), "test");
  return bytes;
}

std::unique_ptr<Tokenizer> open_with(const Json& config) {
  const test::TempDir dir;
  dir.write("tokenizer.model", model_file());
  dir.write("tokenizer_config.json", config.dump());
  return open_tokenizer(dir.path());
}

std::string bytes_from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

TEST(SentencePiece, IdsEqualTheOriginals) {
  for (const Json& row : golden()["cases"]) {
    const std::vector<int64_t> ids = encode_ids(tiny(), row["text"].get<std::string>());
    test::expect_same(row_of("ids of hostile strings"), ids == row["ids"].get<std::vector<int64_t>>(), row["text"].dump());
  }
}

TEST(SentencePiece, RangesEqualTheOriginals) {
  for (const Json& row : golden()["cases"]) {
    std::vector<ByteRange> ranges;
    for (const Token& token : tiny().encode(row["text"].get<std::string>())) ranges.push_back(token.bytes);
    test::expect_same(row_of("byte ranges of hostile strings"), ranges == test::ranges_of(row["ranges"]),
                      row["text"].dump());
  }
}

TEST(SentencePiece, DecodingEqualsTheOriginals) {
  const int64_t unknown = tiny().id_of("<unk>");
  for (const Json& row : golden()["cases"]) {
    const auto ids = row["ids"].get<std::vector<int64_t>>();
    if (std::find(ids.begin(), ids.end(), unknown) != ids.end()) continue;  // it writes a surface of its own for <unk>
    test::expect_same(row_of("decoded text"), tiny().decode(ids) == row["decoded"], row["text"].dump());
  }
  for (const Json& row : golden()["broken_decoded"])
    EXPECT_EQ(tiny().decode(row["ids"].get<std::vector<int64_t>>()), row["text"]) << row;
}

TEST(SentencePiece, PrefixOnlyAtTheBeginningEqualsTheOriginals) {
  const auto tokenizer = open_with({{"legacy", false}});
  for (const Json& row : golden()["cases"]) {
    EXPECT_EQ(encode_ids(*tokenizer, row["text"].get<std::string>()), row["first_only"].get<std::vector<int64_t>>())
        << row["text"];
  }
}

TEST(SentencePiece, NoPrefixEqualsTheOriginals) {
  const auto tokenizer = open_with({{"add_prefix_space", false}});
  for (const Json& row : golden()["cases"]) {
    const auto ids = row["bare"].get<std::vector<int64_t>>();
    EXPECT_EQ(encode_ids(*tokenizer, row["text"].get<std::string>()), ids) << row["text"];
  }
  EXPECT_EQ(tokenizer->decode(encode_ids(*tokenizer, " a")), " a");
}

TEST(SentencePiece, AMegabyteOfMixedTextEqualsTheOriginals) {
  const Json& mixed = golden()["mixed"];
  std::string text = test::mixed_text(mixed);
  const std::vector<Token> tokens = tiny().encode(text);
  EXPECT_EQ(tokens.size(), mixed["tokens"].get<size_t>());
  test::expect_same(row_of("ids of 1 MB of mixed text"), test::hash_of_ids(tokens) == mixed["ids"].get<uint64_t>());
  test::expect_same(row_of("byte ranges of 1 MB of mixed text"),
                    test::hash_of_ranges(tokens) == mixed["ranges"].get<uint64_t>());
  for (size_t at; (at = text.find("\u2581")) != std::string::npos;) text.replace(at, 3, " ");
  EXPECT_EQ(tiny().decode(test::ids_of(tokens)), text);
}

TEST(SentencePiece, BrokenBytesEqualTheOriginals) {
  for (const Json& row : golden()["broken"]) {
    const std::string text = bytes_from_hex(row["hex"].get<std::string>());
    test::expect_same(row_of("ids of bytes that are no UTF-8"),
                      encode_ids(tiny(), text) == row["ids"].get<std::vector<int64_t>>(), row["hex"].dump());
    int64_t at = 0;
    for (const Token& token : tiny().encode(text)) {  // several tokens may stand for one broken byte, none is left out
      EXPECT_LE(token.bytes.begin, at);
      at = std::max(at, token.bytes.end);
    }
    EXPECT_EQ(at, static_cast<int64_t>(text.size()));
  }
}

TEST(SentencePiece, TheDummyPrefixHasNoByte) {
  const std::vector<Token> tokens = tiny().encode("a</s>\u6f22 b");
  const std::vector<ByteRange> ranges = {{0, 1}, {1, 5}, {5, 5}, {5, 6}, {6, 7}, {7, 8}, {8, 10}};
  ASSERT_EQ(tokens.size(), ranges.size());
  for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(tokens[i].bytes, ranges[i]) << i;
}

TEST(SentencePiece, SpecialTokensAreLeftOutOnDemand) {
  const std::vector<int64_t> ids = encode_ids(tiny(), "<s>[INST] red [/INST]blue</s>");
  EXPECT_EQ(tiny().decode(ids), " red  blue");
  EXPECT_EQ(tiny().decode(ids, false), "<s>[INST]  red [/INST] blue</s>");
  EXPECT_EQ(tiny().decode({-1, 1 << 30}), "");
  EXPECT_EQ(tiny().id_of("</s>"), 2);
  EXPECT_EQ(tiny().id_of("<nothing>"), -1);
  EXPECT_EQ(tiny().size(), 640);
}

TEST(SentencePiece, TokensOfTheConfigurationAreAdded) {
  const auto tokenizer =
      open_with({{"added_tokens_decoder",
                  {{"2", {{"content", "</s>"}, {"special", true}}}, {"640", {{"content", "<video>"}, {"special", true}}}}}});
  EXPECT_EQ(tokenizer->size(), 641);
  EXPECT_EQ(tokenizer->id_of("<video>"), 640);
  const std::vector<Token> tokens = tokenizer->encode("a<video>b</s>");
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_EQ(tokens[1].id, 640);
  EXPECT_EQ(tokens[1].bytes, (ByteRange{1, 8}));
  EXPECT_EQ(tokenizer->decode(test::ids_of(tokens)), "a b");
  for (const char* id : {"5", "9999999"})
    EXPECT_THROW(open_with({{"added_tokens_decoder", {{id, {{"content", "<video>"}}}}}}), Error) << id;
  EXPECT_THROW(open_with({{"added_tokens_decoder", {{"640", {{"content", "</s>"}}}}}}), Error);
}

TEST(SentencePiece, LongRunsTakeLinearTime) {
  for (const char* part : {"A", "\n", " ", "7", "\u6f22", "\u0301", "\U0001f44d", "\u2581"}) {
    std::string text;
    while (text.size() < 300000) text += part;
    EXPECT_EQ(tiny().encode(text).back().bytes.end, static_cast<int64_t>(text.size())) << part;
  }
}

TEST(SentencePiece, ThreadsAgree) {
  const auto tokenizer = open_tokenizer(test::source_file(kFolder));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (const Json& row : golden()["cases"])
        EXPECT_EQ(encode_ids(*tokenizer, row["text"].get<std::string>()), row["ids"].get<std::vector<int64_t>>());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// A piece that goes on behind a space ("b▁c") forbids segmenting word by word.
TEST(SentencePiece, PiecesAcrossWordsAreFound) {
  SentencePieceFiles files{read_sentencepiece_model(model_file(), "tiny"), {}, true};
  for (const char* text : {"\u2581zq", "zq", "q\u2581"}) files.model.pieces.push_back({text, 50.0f, PieceType::normal});
  files.model.pieces.push_back({"zq\u2581", 60.0f, PieceType::normal});
  const SentencePiece tokenizer(files, "tiny");
  const std::vector<Token> tokens = tokenizer.encode("a zq zq b");
  const auto found = std::find_if(tokens.begin(), tokens.end(), [](const Token& token) { return token.id == 643; });
  ASSERT_NE(found, tokens.end());
  EXPECT_EQ(found->bytes, (ByteRange{2, 5}));
  EXPECT_EQ(tokenizer.decode(test::ids_of(tokens), false), "a zq zq b");
}

// ---- files ----

TEST(SentencePieceFile, AJsonMadeOfAModelStepsBackBehindIt) {
  const test::TempDir dir;
  dir.write("tokenizer.model", model_file());
  dir.write("tokenizer.json", R"({"model": {"type": "BPE", "byte_fallback": true, "vocab": {}, "merges": []}})");
  EXPECT_EQ(open_tokenizer(dir.path())->size(), 640);
}

TEST(SentencePieceFile, WhatTheLibraryGetsReadsTheSame) {
  const SentencePieceModel model = read_sentencepiece_model(model_file(), "tiny");
  EXPECT_TRUE(model.byte_fallback);
  EXPECT_TRUE(model.dummy_prefix);
  EXPECT_EQ(model.pieces.size(), 640u);
  EXPECT_EQ(model.pieces[0].type, PieceType::unknown);
  EXPECT_EQ(model.pieces[3].text, "[INST]");
  EXPECT_EQ(model.pieces[3].type, PieceType::control);
}

/// What is said of a model: "" when it is read and works.
std::string verdict(const std::string& bytes) {
  const test::TempDir dir;
  dir.write("tokenizer.model", bytes);
  try {
    const auto tokenizer = open_tokenizer(dir.path());
    const std::string text = "The red square\n appears \u6f22\U0001f44d <image>first.</s> \xff";
    int64_t end = 0;
    for (const Token& token : tokenizer->encode(text)) {
      EXPECT_LT(token.id, tokenizer->size());
      end = std::max(end, token.bytes.end);
    }
    EXPECT_EQ(end, static_cast<int64_t>(text.size()));
    tokenizer->decode(encode_ids(*tokenizer, text), false);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    EXPECT_NE(std::string(error.what()).find("tokenizer.model"), std::string::npos);
    return error.what();
  }
}

void expect_refused(const std::string& bytes, const std::string& because) {
  EXPECT_NE(verdict(bytes).find(because), std::string::npos) << because << " is not in: " << verdict(bytes);
}

TEST(SentencePieceFile, ASmallModelWorks) {
  EXPECT_EQ(verdict(Parts().specials().piece("\u2581T", 1).bytes()), "");
  EXPECT_EQ(verdict(model_file()), "");
}

TEST(SentencePieceFile, DamageIsAnError) {
  expect_refused("", "holds no pieces");
  expect_refused("{\"version\": 1}", "is cut or no sentencepiece model");
  expect_refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "is cut");
  expect_refused(Parts().specials().bytes() + "\x0b", "is cut");                  // a group
  expect_refused(Parts().specials().bytes() + "\xfa\x01\x64" + "abc", "is cut");  // field 31: 100 bytes, 3 are there
  expect_refused(Parts().piece("<s>", 3).piece("</s>", 3).bytes(), "0 unknown pieces");
  expect_refused(Parts().specials().piece("<u>", 2).bytes(), "2 unknown pieces");
  expect_refused(Parts().piece("<unk>", 2).piece("x").piece("</s>", 3).bytes(), "bos_id is 1");
  expect_refused(Parts().piece("<unk>", 2).piece("<s>", 3).bytes(), "eos_id is 2");
  expect_refused(Parts().specials().piece("a").piece("a").bytes(), "is listed twice");
  expect_refused(Parts().specials().piece("").bytes(), "has 0 bytes");
  expect_refused(Parts().specials().piece(std::string(100000, 'a')).bytes(), "has 100000 bytes");
  expect_refused(Parts().specials().piece(std::string("a\0b", 3)).bytes(), "holds a NUL");
  expect_refused(Parts().specials().piece("a\xff").bytes(), "is no UTF-8");
  expect_refused(Parts().specials().piece("a", 9).bytes(), "is of type 9");
  expect_refused(Parts().specials().piece("a", 3).bytes(), "special one of a single character");
  for (const char* score : {"\x00\x00\xc0\x7f", "\x00\x00\x80\x7f"})
    expect_refused(Parts().specials().piece("a", 1, std::string(score, 4)).bytes(), "no finite number");
}

TEST(SentencePieceFile, BytePiecesMustBeWhole) {
  Parts parts = Parts().specials();
  for (int byte = 0; byte < 255; ++byte) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", byte);
    parts.piece(name, 6);
  }
  parts.trainer += std::string("\x98\x02\x01", 3);  // byte_fallback
  expect_refused(parts.bytes(), "not all of the 256 bytes");
  EXPECT_EQ(verdict(Parts(parts).piece("<0xFF>", 6).bytes()), "");
  expect_refused(Parts(parts).piece("<0xFF>", 6).piece("<0x-1>", 6).bytes(), "no byte piece");
  expect_refused(Parts().specials().piece("<0x00>", 6).bytes(), "byte_fallback is off");
}

TEST(SentencePieceFile, WhatWeDoNotDoIsRefused) {
  Parts parts = Parts().specials();
  parts.trainer = std::string("\x18\x01", 2);
  expect_refused(parts.bytes(), "model_type is 1");
  parts = Parts().specials();
  parts.normalizer += Parts::field('\x12', std::string(3, '\1'));
  expect_refused(parts.bytes(), "character map of 3 bytes");
  parts = Parts().specials();
  expect_refused(parts.bytes() + Parts::field('\x2a', Parts::field('\x12', "map")), "character map of 3 bytes");
  parts.normalizer = std::string("\x20\x01", 2);
  expect_refused(parts.bytes(), "remove_extra_whitespaces");
  parts.normalizer = std::string("\x20\x00\x28\x00", 4);
  expect_refused(parts.bytes(), "escape_whitespaces");
  parts = Parts().specials();
  parts.trainer += std::string("\xc0\x01\x01", 3);
  expect_refused(parts.bytes(), "treat_whitespace_as_suffix");
  parts = Parts().specials();
  for (size_t i = 1; i <= 65; ++i) parts.piece(std::string(i, 'x'), 4);
  expect_refused(parts.bytes(), "begin one another");
}

TEST(SentencePieceFile, NoTruncationAndNoFlippedByteCrashes) {
  const std::string& whole = model_file();
  std::mt19937 random(5);
  const auto below = [&](size_t limit) { return std::uniform_int_distribution<size_t>(0, limit - 1)(random); };
  int64_t refused = 0, accepted = 0;
  for (int i = 0; i < 300; ++i) {
    std::string bytes = whole;
    if (i % 3 == 0) bytes.resize(below(whole.size()));
    for (size_t flips = i % 3 == 0 ? 0 : 1 + below(4); flips > 0; --flips) {
      const size_t at = i % 2 == 0 ? below(bytes.size()) : bytes.size() - 1 - below(120);  // often the trainer's part
      bytes[at] = static_cast<char>(random());
    }
    (verdict(bytes).empty() ? accepted : refused)++;
  }
  EXPECT_GT(refused, 50);
  EXPECT_GT(accepted, 10);
}

}  // namespace
}  // namespace rrpo::text
