#include "rrpo/text/chat.h"

#include <array>
#include <cstdio>

#include "rrpo/text/jinja.h"

namespace rrpo::text {

const std::vector<ChatTemplate>& chat_templates() {
  static const std::vector<ChatTemplate> templates = {
      {"onevision", "LLaVA-OneVision as transformers converts it", "<|im_start|>user\n", "\n",
       "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"},
      {"onevision_2024", "LLaVA-OneVision's first uploads of 2024", "<|im_start|>user ", "\n",
       "<|im_end|><|im_start|>assistant\n", "<|im_end|>"},
      {"authors", "ChatML with the system turn of LLaVA-Video and of RRPO's authors",
       "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n", "\n",
       "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"},
  };
  return templates;
}

const ChatTemplate* recognise_template(std::string_view jinja) {
  const std::optional<PromptForm> form = read_prompt_form(jinja);
  if (!form) return nullptr;
  for (const ChatTemplate& known : chat_templates()) {
    if (form->before_video == known.before_video && form->after_video == known.after_video &&
        form->answer_start == known.answer_start) {
      return &known;
    }
  }
  return nullptr;
}

std::string missing_marker(const Tokenizer& tokenizer, const ChatTemplate& chat) {
  const std::string form = chat.before_video + chat.after_video + chat.answer_start + chat.end_of_turn;
  for (size_t begin = form.find("<|"); begin != std::string::npos; begin = form.find("<|", begin + 2)) {
    const size_t end = form.find("|>", begin);
    if (end == std::string::npos) break;
    std::string marker = form.substr(begin, end + 2 - begin);
    if (tokenizer.id_of(marker) < 0) return marker;
  }
  return tokenizer.id_of(chat.end_of_turn) < 0 ? chat.end_of_turn : "";
}

std::string time_sentence(double duration_s, const std::vector<double>& times_s) {
  const auto seconds = [](double value) {
    std::array<char, 64> digits{};
    return std::string(digits.data(), static_cast<size_t>(std::snprintf(digits.data(), digits.size(), "%.2f", value)));
  };
  std::string places;
  for (const double time : times_s) places += (places.empty() ? "" : ",") + seconds(time) + "s";
  return "The video lasts for " + seconds(duration_s) + " seconds, and " + std::to_string(times_s.size()) +
         " frames are uniformly sampled from it. These frames are located at " + places +
         ".Please answer the following questions related to this video.";
}

PromptIds encode_prompt(const Tokenizer& tokenizer, const ChatTemplate& chat, std::string_view question,
                        std::string_view answer_prefix) {
  return {encode_ids(tokenizer, chat.before_video),
          encode_ids(tokenizer, chat.after_video + std::string(question) + chat.answer_start + std::string(answer_prefix))};
}

}  // namespace rrpo::text
