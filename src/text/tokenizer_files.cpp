// Reads the tokenizer files of a Hugging Face checkpoint folder.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "rrpo/text/byte_bpe.h"
#include "rrpo/text/sentencepiece.h"
#include "rrpo/text/split.h"
#include "rrpo/text/tokenizer.h"
#include "rrpo/util/json_file.h"

namespace rrpo::text {
namespace {

/// Not rrpo::Json: its objects look keys up one by one, which takes minutes for a vocabulary.
using Object = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view kFix = "only byte-level BPE with Qwen2's normalisation and split is read";

[[noreturn]] void fail(const fs::path& file, const std::string& problem, std::string_view fix = kFix) {
  throw Error(Fault::input, "tokenizer", file.string() + ": " + problem, fix);
}

/// Nesting that no tokenizer file reaches; dumping or copying a deeper one would exhaust the stack.
constexpr int kMaxDepth = 64;

bool too_deep(std::string_view json) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else {
      quoted = c == '"';
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
    }
    if (depth > kMaxDepth) return true;
  }
  return false;
}

/// Runs `read` over a file's JSON; whatever is not as expected becomes an Error that names the file.
template <class Read>
auto with_json(const fs::path& file, Read read) {
  const std::string text = read_file(file, "tokenizer");
  if (too_deep(text)) fail(file, "nested deeper than 64 levels", "take the tokenizer files of the checkpoint");
  try {
    const Object json = Object::parse(text);
    if (!json.is_object()) fail(file, "is no JSON object", "take the tokenizer files of the checkpoint");
    return read(json);
  } catch (const nlohmann::json::exception& error) {
    fail(file, std::string("not as expected: ") + error.what(), "take the tokenizer files of the checkpoint");
  }
}

/// The member `key`, null when it is absent.
const Object& member(const Object& json, const char* key) {
  static const Object null;
  const auto found = json.find(key);
  return found == json.end() ? null : *found;
}

bool is_set(const Object& json, const char* key) {
  const Object& value = member(json, key);
  return !(value.is_null() || value == false || value == "" || value == 0);
}

int64_t id_from(const Object& value, const std::string& token, const fs::path& file) {
  if (!value.is_number_integer()) fail(file, "token '" + token + "' has no integer id");
  return value.get<int64_t>();
}

void read_vocabulary(const Object& json, const fs::path& file, BpeFiles& out) {
  if (!json.is_object()) fail(file, "the vocabulary is no object of token: id");
  for (const auto& [token, id] : json.items()) out.vocabulary.emplace_back(token, id_from(id, token, file));
}

std::pair<std::string, std::string> merge_from(const std::string& line, const fs::path& file) {
  const size_t space = line.find(' ');
  if (space == 0 || space == std::string::npos || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string::npos) {
    fail(file, "merge '" + line + "' is not two tokens with one space between");
  }
  return {line.substr(0, space), line.substr(space + 1)};
}

AddedToken added_from(const Object& json, int64_t id, const fs::path& file) {
  const std::string text = json.at("content").get<std::string>();
  for (const char* flag : {"lstrip", "rstrip", "single_word"}) {
    if (is_set(json, flag)) fail(file, "added token '" + text + "' sets " + flag);
  }
  return {id, text, is_set(json, "special"), is_set(json, "normalized")};
}

void check_model(const Object& model, const fs::path& file) {
  const Object& type = member(model, "type");
  if (!(type.is_null() || type == "BPE")) fail(file, "model.type is " + type.dump() + ", not BPE");
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"}) {
    if (is_set(model, key)) fail(file, std::string("model.") + key + " is set");
  }
}

/// True for NFC, alone or as the only member of a sequence; false for none; anything else is refused.
bool reads_nfc(const Object& normalizer, const fs::path& file) {
  if (normalizer.is_null()) return false;
  const Object& type = member(normalizer, "type");
  if (type == "NFC") return true;
  if (type == "Sequence") {
    bool nfc = false;
    for (const Object& part : normalizer.at("normalizers")) nfc = reads_nfc(part, file) || nfc;
    return nfc;
  }
  fail(file, "normalizer " + type.dump() + " is not NFC");
}

/// Demands the sequence that Qwen2's files have: the split pattern, isolated, then bytes without a pattern of their own.
void check_pre_tokenizer(const Object& pre, const fs::path& file) {
  if (member(pre, "type") != "Sequence") fail(file, "pre_tokenizer is not Qwen2's split followed by bytes");
  bool split = false, bytes = false;
  for (const Object& part : pre.at("pretokenizers")) {
    const Object& type = member(part, "type");
    if (type == "Split" && !split && !bytes) {
      const Object& pattern = member(part.at("pattern"), "Regex");
      split = pattern == std::string(kQwen2Pattern) && member(part, "behavior") == "Isolated" && !is_set(part, "invert");
      if (!split) fail(file, "pre_tokenizer splits by " + part.dump() + ", not by Qwen2's pattern");
    } else if (type == "ByteLevel" && split && !bytes) {
      // use_regex is true where it is absent
      bytes = member(part, "use_regex") == false && !is_set(part, "add_prefix_space");
      if (!bytes) fail(file, "pre_tokenizer.ByteLevel splits again or adds a space");
    } else {
      fail(file, "pre_tokenizer " + type.dump() + " is not expected there");
    }
  }
  if (!bytes) fail(file, "pre_tokenizer is not Qwen2's split followed by bytes");
}

/// What tokenizer_config.json says beside the vocabulary.
struct ConfigFile {
  std::string tokenizer_class;
  std::vector<AddedToken> added;
  std::set<std::string> special;  ///< texts named as begin, end, padding, … or additional special tokens
  bool legacy = true;             ///< LlamaTokenizer: a prefix on each stretch between added tokens, not on the first only
  bool add_prefix_space = true;

  bool is_qwen2() const { return tokenizer_class == "Qwen2Tokenizer" || tokenizer_class == "Qwen2TokenizerFast"; }
};

std::string token_text(const Object& value) {
  if (value.is_object()) return value.at("content").get<std::string>();
  return value.is_string() ? value.get<std::string>() : "";
}

ConfigFile read_config_file(const fs::path& folder) {
  const fs::path file = folder / "tokenizer_config.json";
  if (!fs::exists(file)) return {};
  return with_json(file, [&](const Object& json) {
    ConfigFile out;
    if (member(json, "tokenizer_class").is_string()) out.tokenizer_class = json["tokenizer_class"].get<std::string>();
    if (member(json, "added_tokens_decoder").is_object()) {
      for (const auto& [key, token] : json["added_tokens_decoder"].items()) {
        const bool digits = !key.empty() && key.size() <= 9 &&
                            std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (!digits) fail(file, "added_tokens_decoder has the key '" + key + "', not an id");
        out.added.push_back(added_from(token, std::stoll(key), file));
      }
    }
    for (const char* key : {"bos_token", "eos_token", "pad_token", "unk_token"})
      out.special.insert(token_text(member(json, key)));
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
      for (const Object& token : member(json, key)) out.special.insert(token_text(token));
    }
    out.legacy = member(json, "legacy") != false;
    out.add_prefix_space = member(json, "add_prefix_space") != false;
    return out;
  });
}

/// Adds the tokens of `more` whose text is not there yet; ByteBpe finds conflicts of ids.
void unite(std::vector<AddedToken>& added, const std::vector<AddedToken>& more) {
  std::set<std::string> known;
  for (const AddedToken& token : added) known.insert(token.text);
  for (const AddedToken& token : more) {
    if (!known.contains(token.text)) added.push_back(token);
  }
}

BpeFiles read_tokenizer_json(const fs::path& file) {
  return with_json(file, [&](const Object& json) {
    BpeFiles out;
    const Object& model = json.at("model");
    check_model(model, file);
    check_pre_tokenizer(member(json, "pre_tokenizer"), file);
    out.nfc = reads_nfc(member(json, "normalizer"), file);
    read_vocabulary(model.at("vocab"), file, out);
    for (const Object& merge : model.at("merges")) {
      if (merge.is_array() && merge.size() == 2) {
        out.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      } else {
        out.merges.push_back(merge_from(merge.get<std::string>(), file));
      }
    }
    for (const Object& token : member(json, "added_tokens")) {
      out.added.push_back(added_from(token, id_from(member(token, "id"), member(token, "content").dump(), file), file));
    }
    return out;
  });
}

void read_merges_txt(const fs::path& file, BpeFiles& out) {
  const std::string text = read_file(file, "tokenizer");
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    const bool first = begin == 0;
    begin = end + 1;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || (first && line.starts_with("#version"))) continue;
    out.merges.push_back(merge_from(line, file));
  }
}

/// Tokens that tokenizer_config.json and added_tokens.json add.
std::vector<AddedToken> read_added_tokens(const fs::path& folder, const ConfigFile& config) {
  std::vector<AddedToken> out = config.added;
  const fs::path file = folder / "added_tokens.json";
  if (!fs::exists(file)) return out;
  std::vector<AddedToken> tokens;
  with_json(file, [&](const Object& json) {
    for (const auto& [text, id] : json.items())
      tokens.push_back({id_from(id, text, file), text, config.special.contains(text), false});
  });
  unite(out, tokens);
  return out;
}

/// The older pair of files, which says nothing of the split: the class named in tokenizer_config.json does.
BpeFiles read_vocab_and_merges(const fs::path& folder, const ConfigFile& config) {
  if (!config.is_qwen2())
    fail(folder / "tokenizer_config.json", "tokenizer_class is '" + config.tokenizer_class + "', not Qwen2Tokenizer");
  BpeFiles out;
  const fs::path vocab = folder / "vocab.json";
  with_json(vocab, [&](const Object& json) { read_vocabulary(json, vocab, out); });
  read_merges_txt(folder / "merges.txt", out);
  out.added = read_added_tokens(folder, config);
  return out;
}

/// A tokenizer.json that transformers made of a sentencepiece model.
bool of_sentencepiece(const fs::path& file) {
  return with_json(file, [](const Object& json) { return is_set(member(json, "model"), "byte_fallback"); });
}

SentencePieceFiles read_sentencepiece_files(const fs::path& folder, const ConfigFile& config) {
  constexpr uintmax_t kLargestFile = uintmax_t{64} << 20;  // the largest in use has 4 MB
  const fs::path file = folder / "tokenizer.model";
  std::error_code unreadable;
  if (fs::file_size(file, unreadable) > kLargestFile && !unreadable)
    fail(file, "is larger than 64 MiB", "take the tokenizer files of the checkpoint");
  SentencePieceFiles out{read_sentencepiece_model(read_file(file, "tokenizer"), file.string()),
                         read_added_tokens(folder, config), config.legacy};
  out.model.dummy_prefix = out.model.dummy_prefix && config.add_prefix_space;
  return out;
}

std::unique_ptr<Tokenizer> open_byte_bpe(BpeFiles files, const ConfigFile& config, const fs::path& file) {
  unite(files.added, config.added);
  files.nfc = files.nfc || config.is_qwen2();  // the class normalises whatever the file says
  return std::make_unique<ByteBpe>(files, file.string());
}

}  // namespace

std::unique_ptr<Tokenizer> open_tokenizer(const fs::path& folder) {
  const ConfigFile config = read_config_file(folder);
  const fs::path single = folder / "tokenizer.json", vocab = folder / "vocab.json", model = folder / "tokenizer.model";
  const bool pieces = fs::exists(model);
  if (fs::exists(single) && !(pieces && of_sentencepiece(single)))
    return open_byte_bpe(read_tokenizer_json(single), config, single);
  if (fs::exists(vocab)) return open_byte_bpe(read_vocab_and_merges(folder, config), config, vocab);
  if (pieces) return std::make_unique<SentencePiece>(read_sentencepiece_files(folder, config), model.string());
  fail(folder, "holds no tokenizer.json, vocab.json or tokenizer.model", "give the folder of a Hugging Face checkpoint");
}

}  // namespace rrpo::text
