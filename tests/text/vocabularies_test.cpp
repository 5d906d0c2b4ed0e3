// The vocabularies of Qwen2 and Mistral 7B, where RRPO_VOCABULARIES names a folder that scripts/fetch_vocabularies.sh
// filled.
#include <gtest/gtest.h>

#include <cstdlib>

#include "rrpo/text/nfc.h"
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
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_P(RealVocabularies, EqualTheOriginals) {
  const Json expected = this->expected(), golden = read_golden("tokenizer.json");
  for (size_t i = 0; i < golden["cases"].size(); ++i) {
    const std::vector<Token> tokens = tokenizer_->encode(golden["cases"][i]["text"].get<std::string>());
    EXPECT_EQ(test::hash_of_ids(tokens), expected["cases"][i].get<uint64_t>()) << golden["cases"][i]["text"];
    if (!expected.contains("ranges")) continue;
    EXPECT_EQ(test::hash_of_ranges(tokens), expected["ranges"][i].get<uint64_t>()) << golden["cases"][i]["text"];
  }
}

TEST_P(RealVocabularies, EqualTheOriginalsOnAMegabyte) {
  const Json mixed = expected()["mixed"];
  const std::string text = test::mixed_text(read_golden("tokenizer.json")["mixed"]);
  const std::vector<Token> tokens = tokenizer_->encode(text);
  EXPECT_EQ(test::hash_of_ids(tokens), mixed["ids"].get<uint64_t>());
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
