#include "rrpo/text/chat.h"

#include <array>
#include <cstdio>
#include <utility>

#include "rrpo/text/jinja.h"

namespace rrpo::text {

namespace {

/// What RRPO's authors put before every question to VideoChat2 (inference.py).
constexpr const char* kVideoChat2Instruction =
    "Carefully watch the video and pay attention to the cause and sequence of events, the detail and movement of objects, "
    "and the action and pose of persons. Based on your observations, answer the question.\n";

/// LLaVA: nothing around a clip.
std::vector<ChatTemplate> llava_forms() {
  return {
      {.name = "onevision",
       .help = "LLaVA-OneVision as transformers converts it",
       .before_video = "<|im_start|>user\n",
       .after_video = "\n",
       .answer_start = "<|im_end|>\n<|im_start|>assistant\n",
       .end_of_turn = "<|im_end|>"},
      {.name = "onevision_2024",
       .help = "LLaVA-OneVision's first uploads of 2024",
       .before_video = "<|im_start|>user ",
       .after_video = "\n",
       .answer_start = "<|im_end|><|im_start|>assistant\n",
       .end_of_turn = "<|im_end|>"},
      {.name = "authors",
       .help = "ChatML with the system turn of LLaVA-Video and of RRPO's authors",
       .before_video = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
       .after_video = "\n",
       .answer_start = "<|im_end|>\n<|im_start|>assistant\n",
       .end_of_turn = "<|im_end|>"},
  };
}

/// InternVL: a line for each frame.
std::vector<ChatTemplate> internvl_forms() {
  return {
      {.name = "internvl",
       .help = "InternVL as transformers asks it: a line for each frame",
       .before_video = "<|im_start|>user\n",
       .run_start = "Frame{n}: <img>",
       .run_end = "</img>\n",
       .still_start = "<img>",
       .still_end = "</img>\n",
       .answer_start = "<|im_end|>\n<|im_start|>assistant\n",
       .end_of_turn = "<|im_end|>",
       .placeholder = "<video>\n"},
      {.name = "internvl_chat",
       .help = "the same behind the system turn of OpenGVLab's own code (internvl2_5)",
       .before_video =
           "<|im_start|>system\n你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的"
           "多模态大语言模型。<|im_end|>\n<|im_start|>user\n",
       .run_start = "Frame{n}: <img>",
       .run_end = "</img>\n",
       .still_start = "<img>",
       .still_end = "</img>\n",
       .answer_start = "<|im_end|>\n<|im_start|>assistant\n",
       .end_of_turn = "<|im_end|>",
       .placeholder = "<video>\n"},
  };
}

/// Qwen-VL: marks around a clip, or around every two frames of it.
std::vector<ChatTemplate> qwen_forms() {
  return {
      {.name = "qwen2_5_vl",
       .help = "Qwen2.5-VL: ChatML with its system turn, no newline behind the clip",
       .before_video = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
       .run_start = "<|vision_start|>",
       .run_end = "<|vision_end|>",
       .still_start = "<|vision_start|>",
       .still_end = "<|vision_end|>",
       .answer_start = "<|im_end|>\n<|im_start|>assistant\n",
       .end_of_turn = "<|im_end|>",
       .placeholder = "<|vision_start|><|video_pad|><|vision_end|>"},
      {.name = "qwen3_vl",
       .help = "Qwen3-VL as it was released: the moment before every two frames",
       .before_video = "<|im_start|>user\n",
       .run_start = "<{t} seconds><|vision_start|>",
       .run_end = "<|vision_end|>",
       .still_start = "<|vision_start|>",
       .still_end = "<|vision_end|>",
       .answer_start = "<|im_end|>\n<|im_start|>assistant\n",
       .end_of_turn = "<|im_end|>",
       .placeholder = "<|vision_start|><|video_pad|><|vision_end|>"},
      {.name = "transformers5",
       .help = "Qwen3-VL as transformers 5 asks it: a second pair of markers around all",
       .before_video = "<|im_start|>user\n",
       .clip_start = "<|vision_start|>",
       .run_start = "<{t} seconds><|vision_start|>",
       .run_end = "<|vision_end|>",
       .clip_end = "<|vision_end|>",
       .still_start = "<|vision_start|>",
       .still_end = "<|vision_end|>",
       .answer_start = "<|im_end|>\n<|im_start|>assistant\n",
       .end_of_turn = "<|im_end|>",
       .placeholder = "<|vision_start|><|video_pad|><|vision_end|>"},
  };
}

/// VideoChat2: two turns, the clip in the first.
std::vector<ChatTemplate> videochat2_forms() {
  return {
      {.name = "videochat2",
       .help = "VideoChat2-Mistral as RRPO's authors ask it: their instruction twice, and before the eye",
       .before_video = std::string("<s>") + kVideoChat2Instruction + "[INST] ",
       .clip_start = "<Video>",
       .clip_end = "</Video>",
       .still_start = "<Image>",
       .still_end = "</Image>",
       .after_video = std::string(" [/INST] [INST] ") + kVideoChat2Instruction,
       .answer_start = " [/INST]",
       .answer_end = " ",
       .end_of_turn = "</s>",
       .instruction = kVideoChat2Instruction},
      {.name = "videochat2_train",
       .help = "VideoChat2-Mistral as it is trained: no instruction",
       .before_video = "<s>[INST] ",
       .clip_start = "<Video>",
       .clip_end = "</Video>",
       .still_start = "<Image>",
       .still_end = "</Image>",
       .after_video = " [/INST] [INST] ",
       .answer_start = " [/INST]",
       .answer_end = " ",
       .end_of_turn = "</s>"},
  };
}

}  // namespace

const std::vector<ChatTemplate>& chat_templates() {
  static const std::vector<ChatTemplate> templates = [] {
    std::vector<ChatTemplate> all;
    for (std::vector<ChatTemplate>& forms :
         std::vector<std::vector<ChatTemplate>>{llava_forms(), internvl_forms(), qwen_forms(), videochat2_forms()}) {
      for (ChatTemplate& form : forms) all.push_back(std::move(form));
    }
    return all;
  }();
  return templates;
}

const ChatTemplate* recognise_template(std::string_view jinja, std::string_view preferred) {
  const std::optional<PromptForm> form = read_prompt_form(jinja);
  const ChatTemplate* found = nullptr;
  for (const ChatTemplate& known : chat_templates()) {
    if (!form || form->before_question != known.before_video + known.placeholder + known.after_video ||
        form->answer_start != known.answer_start) {
      continue;
    }
    if (found == nullptr || known.name == preferred) found = &known;
  }
  return found;
}

std::string missing_marker(const Tokenizer& tokenizer, const ChatTemplate& chat) {
  const std::string form = chat.before_video + chat.clip_start + chat.run_start + chat.run_end + chat.clip_end +
                           chat.still_start + chat.still_end + chat.after_video + chat.answer_start + chat.end_of_turn;
  for (size_t begin = form.find("<|"); begin != std::string::npos; begin = form.find("<|", begin + 2)) {
    const size_t end = form.find("|>", begin);
    if (end == std::string::npos) break;
    std::string marker = form.substr(begin, end + 2 - begin);
    if (tokenizer.id_of(marker) < 0) return marker;
  }
  for (const char* marker : {"<img>", "</img>"}) {
    if (form.find(marker) != std::string::npos && tokenizer.id_of(marker) < 0) return marker;
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

namespace {

/// `run_start` of run `number`, from 1, that shows the second `time_s`.
std::string run_start(const ChatTemplate& chat, size_t number, double time_s) {
  std::array<char, 64> time{};
  std::string text = chat.run_start;
  const auto fill = [&text](std::string_view mark, const std::string& value) {
    const size_t at = text.find(mark);
    if (at != std::string::npos) text.replace(at, mark.size(), value);
  };
  fill("{n}", std::to_string(number));
  fill("{t}", std::string(time.data(), static_cast<size_t>(std::snprintf(time.data(), time.size(), "%.1f", time_s))));
  return text;
}

/// What is heard at place `at` on lines of its own between what stands before and behind it.
std::string with_heard(std::string before, const PromptClip& clip, size_t at, const std::string& behind) {
  if (clip.heard.empty() || clip.heard.at(at).empty()) return before + behind;
  if (!before.ends_with('\n')) before += '\n';
  return before + clip.heard[at] + (behind.starts_with('\n') ? "" : "\n") + behind;
}

/// The words before each run.
std::vector<std::string> lead_texts(const ChatTemplate& chat, const PromptClip& clip) {
  if (clip.still) return {with_heard(chat.before_video, clip, 0, chat.still_start)};
  std::vector<std::string> leads;
  for (size_t i = 0; i < clip.times_s.size(); ++i) {
    std::string before = i == 0 ? chat.before_video + chat.clip_start : chat.run_end;
    leads.push_back(with_heard(std::move(before), clip, i, run_start(chat, i + 1, clip.times_s[i])));
  }
  return leads;
}

/// The words from the last run to the answer.
std::string question_text(const ChatTemplate& chat, std::string_view question, std::string_view answer_prefix,
                          const PromptClip& clip) {
  const std::string end = clip.still ? chat.still_end : chat.run_end + chat.clip_end;
  return with_heard(end, clip, clip.still ? 1 : clip.times_s.size(), chat.after_video) + std::string(question) +
         chat.answer_start + std::string(answer_prefix);
}

}  // namespace

std::vector<std::vector<int64_t>> encode_leads(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                               const PromptClip& clip) {
  std::vector<std::vector<int64_t>> ids;
  for (const std::string& lead : lead_texts(chat, clip)) ids.push_back(encode_ids(tokenizer, lead));
  return ids;
}

std::vector<int64_t> encode_question(const Tokenizer& tokenizer, const ChatTemplate& chat, std::string_view question,
                                     std::string_view answer_prefix, const PromptClip& clip) {
  return encode_ids(tokenizer, question_text(chat, question, answer_prefix, clip));
}

PromptIds encode_prompt(const Tokenizer& tokenizer, const ChatTemplate& chat, std::string_view question,
                        std::string_view answer_prefix) {
  return {encode_leads(tokenizer, chat, {}).front(), encode_question(tokenizer, chat, question, answer_prefix)};
}

std::string prompt_text(const ChatTemplate& chat, const PromptClip& clip, std::string_view run, std::string_view question,
                        std::string_view answer_prefix) {
  std::string text;
  for (const std::string& lead : lead_texts(chat, clip)) text += lead + std::string(run);
  return text + question_text(chat, question, answer_prefix, clip);
}

}  // namespace rrpo::text
