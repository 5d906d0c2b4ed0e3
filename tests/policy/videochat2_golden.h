// What the tests of VideoChat2-Mistral share: its golden files, and conversations of training with an instruction of their
// own.
#pragma once

#include <string>
#include <vector>

#include "policy/family_golden.h"

namespace rrpo::policy::test {

inline const FamilyGolden& videochat2() { return family_golden("videochat2"); }

inline Policy open_videochat2(const std::string& prompt = "auto", model::Dtype dtype = model::Dtype::float32,
                              bool adapter = false) {
  ModelConfig config;
  config.path = videochat2().checkpoint;
  config.prompt = prompt;
  if (adapter) config.adapter = videochat2().folder / "adapter";
  return open_policy(config, "cpu", dtype);
}

/// The prompt of training with an instruction in front, which the eye reads too.
inline text::ChatTemplate with_instruction(text::ChatTemplate chat, const std::string& instruction) {
  if (!instruction.empty()) chat.before_video = "<s>" + instruction + " [INST] ";
  chat.instruction = instruction;
  return chat;
}

/// A golden pair of training as ids: the words around the clip, and the answers with what ends them.
struct Conversation {
  std::vector<int64_t> lead, question, chosen, rejected;
};
inline Conversation conversation(const Policy& policy, const Json& pair) {
  const text::ChatTemplate chat = with_instruction(policy.chat, pair.at("instruction"));
  const text::Tokenizer& tokenizer = *policy.tokenizer;
  const auto answer = [&](const char* side) {
    return text::encode_answer(tokenizer, {pair.at(side).get<std::string>(), {}}, policy.end_of_turn, chat.answer_end).ids;
  };
  return {text::encode_leads(tokenizer, chat, {}).front(),
          text::encode_question(tokenizer, chat, pair.at("question").get<std::string>()), answer("chosen"),
          answer("rejected")};
}

/// Labels of a conversation with `answer` in a row of `size`, -100 where there is none.
inline std::vector<int64_t> label_row(const Conversation& words, const std::vector<int64_t>& answer, size_t size) {
  constexpr size_t kVisual = 96;
  std::vector<int64_t> labels(size, -100);
  const size_t prompt = words.lead.size() + kVisual + words.question.size();
  std::copy(answer.begin(), answer.end(), labels.begin() + static_cast<std::ptrdiff_t>(prompt));
  return labels;
}

}  // namespace rrpo::policy::test
