#include "rrpo/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/random.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

using testing::HasSubstr;

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string with_length(const std::string& header, const std::string& data = "") {
  std::string bytes;
  for (size_t i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + data;
}

/// The error of reading this file, or an empty text.
std::string error_of(const std::filesystem::path& file) {
  try {
    read_safetensors_header(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    return error.what();
  }
  return "";
}

const std::string kGood = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST(Safetensors, AgreesWithTheReferenceReader) {
  const test::TempDir dir;
  // Where we refuse what the reference accepts: dtypes that no model here has, a limit far from any real file, and
  // a name that stands twice, which the format forbids and the reference lets pass.
  const std::set<std::string> stricter = {"dtype F8_E5M2", "dtype F8_E4M3", "dtype U16",     "dtype U32",
                                          "dtype U64",     "dtype C64",     "65 sizes of 1", "same tensor twice"};
  const Json golden = read_json(test::source_file("tests/golden/safetensors_verdicts.json"), "test");
  for (const Json& row : golden["cases"]) {
    const auto name = row["name"].get<std::string>();
    const std::string error = error_of(dir.write("x.safetensors", from_hex(row["hex"])));
    if (stricter.contains(name)) {
      EXPECT_NE(error, "") << name;
    } else {
      EXPECT_EQ(error.empty(), row["valid"].get<bool>()) << name << ": " << error;
    }
    if (error.empty()) continue;
    EXPECT_THAT(error, HasSubstr("weights: ")) << name;
    EXPECT_THAT(error, HasSubstr("x.safetensors")) << name;
    EXPECT_THAT(error, HasSubstr("; fix: ")) << name;
  }
}

TEST(Safetensors, NamesTheTensorAtFault) {
  const test::TempDir dir;
  const std::string header = R"({"layers.3.up.weight":{"dtype":"F32","shape":[64,64],"data_offsets":[0,16380]}})";
  EXPECT_THAT(error_of(dir.write("m.safetensors", with_length(header, std::string(16380, 'x')))),
              HasSubstr("m.safetensors#layers.3.up.weight: dtype and shape need 16384 bytes, data_offsets give 16380"));
}

TEST(Safetensors, SaysWhatAForeignFileIs) {
  const test::TempDir dir;
  EXPECT_THAT(error_of(dir.write("a", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")),
              HasSubstr("fix: git lfs pull"));
  EXPECT_THAT(error_of(dir.write("a", "PK\x03\x04" + std::string(100, 'x'))),
              HasSubstr("fix: convert it to safetensors with scripts/convert_checkpoint.py"));
  EXPECT_THAT(error_of(dir.write("a", "\x80\x02}q\x01" + std::string(100, 'x'))), HasSubstr("is a pickle"));
  EXPECT_THAT(error_of(dir.path()), HasSubstr("not a regular file"));
  EXPECT_THAT(error_of(dir / "absent"), HasSubstr("No such file"));
}

TEST(Safetensors, AHeaderWhoseLengthLooksLikeAPickleIsRead) {
  const test::TempDir dir;
  EXPECT_EQ(error_of(dir.write("a", with_length("{}" + std::string(0x280 - 2, ' ')))), "");
}

TEST(Safetensors, BombsEndQuickly) {
  const test::TempDir dir;
  const auto deep = [](const std::string& open, size_t times) {
    std::string text = R"({"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"note":)";
    for (size_t i = 0; i < times; ++i) text += open;
    return text;
  };
  EXPECT_THAT(error_of(dir.write("a", with_length(deep("[", 1000000)))), HasSubstr("nested too deep"));
  EXPECT_THAT(error_of(dir.write("a", with_length(deep("{\"a\":", 1000000)))), HasSubstr("nested too deep"));
  std::string ones = "1";
  for (int i = 0; i < 1000000; ++i) ones += ",1";
  const std::string shape = R"({"w":{"dtype":"U8","shape":[)" + ones + R"(],"data_offsets":[0,1]}})";
  EXPECT_THAT(error_of(dir.write("a", with_length(shape, "x"))), HasSubstr("more than 64 dimensions"));
  const std::string name(1 << 20, 'n');
  EXPECT_EQ(
      error_of(dir.write("a", with_length("{\"" + name + R"(":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", "x"))), "");
  EXPECT_LE(error_of(dir.write("a", with_length("{\"" + name + R"(":{"dtype":"U8"}})"))).size(), 400u);
}

TEST(Safetensors, EveryTruncationIsNoticed) {
  const test::TempDir dir;
  const float values[2] = {1, 2};
  const int64_t more[1] = {3};
  write_safetensors(dir / "whole", {{"a", "F32", {2}, values}, {"b", "I64", {1}, more}}, {{"format", "pt"}});
  const std::string whole = read_file(dir / "whole", "test");
  EXPECT_EQ(error_of(dir / "whole"), "");
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(error_of(dir.write("cut", whole.substr(0, length))), "") << length;
  }
  EXPECT_NE(error_of(dir.write("cut", whole + "x")), "");
}

TEST(Safetensors, ASingleFlippedBitOfTheHeaderNeverCrashes) {
  const test::TempDir dir;
  const std::string whole = with_length(kGood, std::string(8, 'x'));
  for (size_t bit = 0; bit < 8 * (whole.size() - 8); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    error_of(dir.write("flipped", flipped));
  }
}

/// `bytes` with one to four bytes changed, doubled, removed or moved.
std::string mutated(std::string bytes, Random& random) {
  for (int64_t i = 0, changes = 1 + random.below(4); i < changes && !bytes.empty(); ++i) {
    const auto place = static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())));
    switch (random.below(4)) {
      case 0:
        bytes[place] = static_cast<char>(random.below(256));
        break;
      case 1:
        bytes.insert(place, 1, bytes[static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())))]);
        break;
      case 2:
        bytes.erase(place, 1);
        break;
      default:
        bytes.insert(place, bytes.substr(static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size()))), 12));
    }
  }
  return bytes;
}

TEST(Safetensors, WhatPassesTheChecksFillsTheFileExactly) {
  const test::TempDir dir;
  const Json golden = read_json(test::source_file("tests/golden/safetensors_verdicts.json"), "test");
  std::vector<std::string> seeds;
  for (const Json& row : golden["cases"]) seeds.push_back(from_hex(row["hex"]));
  Random random(1, "mutate");
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string& seed = seeds[static_cast<size_t>(random.below(static_cast<int64_t>(seeds.size())))];
    const size_t text = seed.rfind('}') == std::string::npos ? seed.size() : seed.rfind('}') + 1;
    const std::string header = text < 8 ? "" : seed.substr(8, text - 8);
    const bool whole = random.chance(0.2);
    const auto file =
        dir.write("x", whole ? mutated(seed, random) : with_length(mutated(header, random), seed.substr(text)));
    if (!error_of(file).empty()) continue;
    int64_t bytes = 0;
    for (const TensorEntry& entry : read_safetensors_header(file)) {
      bytes += entry.bytes;
      std::vector<char> out(static_cast<size_t>(entry.bytes));
      read_tensor_bytes(entry, out.data());
    }
    EXPECT_LE(bytes, static_cast<int64_t>(std::filesystem::file_size(file)));
    ++accepted;
  }
  EXPECT_GT(accepted, 5);  // else the mutations test nothing but the JSON parser
}

TEST(Safetensors, WhatIsWrittenIsRead) {
  const test::TempDir dir;
  const std::vector<float> wide = {1, 2, 3, 4, 5, 6};
  const std::vector<uint8_t> narrow = {7, 8, 9};
  const double scalar = 0.5;
  const std::vector<TensorBytes> tensors = {{"narrow", "U8", {3}, narrow.data()},
                                            {"b.wide", "F32", {2, 3}, wide.data()},
                                            {"scalar", "F64", {}, &scalar},
                                            {"none", "F16", {0, 4}, nullptr}};
  write_safetensors(dir / "x", tensors, {{"format", "pt"}, {"a", "ü"}});
  std::map<std::string, std::string> metadata;
  const auto entries = read_safetensors_header(dir / "x", &metadata);
  EXPECT_EQ(metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"a", "ü"}}));
  ASSERT_EQ(entries.size(), 4u);
  for (const TensorEntry& entry : entries)
    EXPECT_EQ(entry.offset % std::max<int64_t>(dtype_bytes(entry.dtype), 1), 0) << entry.name;
  EXPECT_EQ(entries[1].name, "b.wide");
  EXPECT_EQ(entries[1].shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> read(6);
  ASSERT_EQ(entries[1].bytes, 24);
  read_tensor_bytes(entries[1], read.data());
  EXPECT_EQ(read, wide);
}

TEST(Safetensors, SameInputSameBytes) {
  const test::TempDir dir;
  const float value = 1;
  write_safetensors(dir / "1", {{"a", "F32", {1}, &value}, {"b", "F32", {1}, &value}});
  write_safetensors(dir / "2", {{"b", "F32", {1}, &value}, {"a", "F32", {1}, &value}});
  EXPECT_EQ(read_file(dir / "1", "test"), read_file(dir / "2", "test"));
  EXPECT_THROW(write_safetensors(dir / "3", {{"a", "F32", {1}, &value}, {"a", "F32", {1}, &value}}), Error);
  EXPECT_FALSE(std::filesystem::exists(dir / "3"));
}

TEST(Safetensors, AFileThatShrinksWhileItIsReadIsAnError) {
  const test::TempDir dir;
  const auto file = dir.write("x", with_length(kGood, std::string(8, 'x')));
  const auto entries = read_safetensors_header(file);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  char out[8];
  EXPECT_THROW(read_tensor_bytes(entries[0], out), Error);
}

}  // namespace
}  // namespace rrpo::io
