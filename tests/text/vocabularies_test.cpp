// The vocabularies of Qwen2 and Mistral 7B, where RRPO_VOCABULARIES names a folder that scripts/fetch_vocabularies.sh
// filled.
#include <gtest/gtest.h>

#include <cstdlib>

#include "rrpo/text/nfc.h"
#include "support/parity.h"
#include "support/temp_dir.h"
#include "text/golden_texts.h"

namespace rrpo::text {
namespace {

Json read_golden(const std::string& name) { return read_json(test::source_file("tests/golden/" + name), "test"); }

class RealVocabularies : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("RRPO_VOCABULARIES");
    if (folder == nullptr) GTEST_SKIP() << "RRPO_VOCABULARIES is not set; scripts/fetch_vocabularies.sh DIR fetches them";
    tokenizer_ = open_tokenizer(std::filesystem::path(folder) / GetParam());
  }
  /// Hashes that the original gives, by case of tokenizer.json.
  Json expected() const {
    const std::string name = GetParam();
    return read_golden("vocabularies.json")[name == "qwen2_files" ? "qwen2" : name];
  }
  static test::Comparison row_of(const std::string& compared) {
    const std::string name = GetParam();
    const Json golden = read_golden("vocabularies.json");
    const auto version = [&](const char* package) {
      return std::string(package) + " " + golden[package].get<std::string>();
    };
    const bool qwen2 = name.starts_with("qwen2");
    return {"vocabulary of " + std::string(qwen2 ? "Qwen2" : "Mistral 7B") + " (" + name + ")",
            qwen2 ? version("tokenizers") + ", " + version("tiktoken") : version("sentencepiece"), compared};
  }
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_P(RealVocabularies, EqualTheOriginals) {
  const Json expected = this->expected(), golden = read_golden("tokenizer.json");
  const test::Comparison ids = row_of("ids of hostile strings"), ranges = row_of("byte ranges of hostile strings");
  for (size_t i = 0; i < golden["cases"].size(); ++i) {
    const std::vector<Token> tokens = tokenizer_->encode(golden["cases"][i]["text"].get<std::string>());
    const std::string text = golden["cases"][i]["text"].dump();
    test::expect_same(ids, test::hash_of_ids(tokens) == expected["cases"][i].get<uint64_t>(), text);
    if (expected.contains("ranges"))
      test::expect_same(ranges, test::hash_of_ranges(tokens) == expected["ranges"][i].get<uint64_t>(), text);
  }
}

TEST_P(RealVocabularies, EqualTheOriginalsOnAMegabyte) {
  const Json mixed = expected()["mixed"];
  const std::string text = test::mixed_text(read_golden("tokenizer.json")["mixed"]);
  const std::vector<Token> tokens = tokenizer_->encode(text);
  test::expect_same(row_of("ids of 1 MB of mixed text"), test::hash_of_ids(tokens) == mixed["ids"].get<uint64_t>());
  if (mixed.contains("ranges")) {
    EXPECT_EQ(test::hash_of_ranges(tokens), mixed["ranges"].get<uint64_t>());
  } else {
    const std::string normal = to_nfc(text).text;
    EXPECT_EQ(tokenizer_->decode(test::ids_of(tokens), false), normal);
    EXPECT_EQ(test::hash_of_ranges(test::widened(normal, tokenizer_->encode(normal))), mixed["nfc_ranges"].get<uint64_t>());
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, RealVocabularies, testing::Values("qwen2", "qwen2_files", "mistral", "mistral_v3"));

}  // namespace
}  // namespace rrpo::text
