// What the judge of TempCompass reads: the wording in front, the question, the reply as the scripts hand it on.
#include <algorithm>
#include <array>
#include <string_view>

#include "rrpo/eval/judging.h"
#include "rrpo/io/sha256.h"
#include "rrpo/text/unicode.h"

namespace rrpo::eval {
namespace {

/// One task: the heading over its question, the hash of the published wording, and ours.
struct TaskWording {
  std::string_view task, heading, sha256, ours;
};

constexpr std::array<TaskWording, 4> kWordings = {{
    {"multi-choice", "Multi-Choice Question", "99d08eadc354f7b6fc839763d30830ea2d5fb6453a26ea742be1ffda4d3504f9",
     "Below are a multi-choice question about a video, its true answer, and what a model said to it in its own words. Judge "
     "whether the model picked the true answer. The form does not count: a letter, with or without brackets, the text of an "
     "option, or a sentence that can mean one option only are all fine. Naming another option, several of them, or none is "
     "a mistake.\nReply with one word and nothing else: Correct or Incorrect.\n"},
    {"yes_no", "Yes/No Question", "bbd306992b0908bec0702410238afdc7c3e7051f7701d6ba684d09766504bd8c",
     "Below are a yes/no question about a video, its true answer, and what a model said to it in its own words. Judge "
     "whether the model means the true answer. The form does not count: a sentence that affirms or denies what is asked is "
     "as good as the word. An answer that leaves the question open, or says both, is a mistake.\nReply with one word and "
     "nothing else: Correct or Incorrect.\n"},
    {"caption_matching", "Caption Matching Question", "d14b19cf2f873b817673a16b5902312b862c8189cb5c9f0e7c0f1ef90fb131d4",
     "Below are a question that asks which of two captions fits a video, the true answer, and what a model said to it in "
     "its "
     "own words. Judge whether the model picked the true caption. The form does not count: the name of the caption, its "
     "sentence, or other words that can mean one of the two only are all fine. Picking the other caption, both, or neither "
     "is a mistake.\nReply with one word and nothing else: Correct or Incorrect.\n"},
    {"captioning", "", "bc9b278689ed860ea2df9a3ed0675f9a8377d0daebcd4df0c4395adcc0abd1a9",
     "Below are a description of a video and a multi-choice question about that video, which you cannot see. Answer the "
     "question from the description alone. Choose an option only if the description states it or plainly implies it; other "
     "words for the same thing will do. If the description fits none of the options, or does not say enough to choose, the "
     "answer is: None of the options.\nReply with two lines and nothing else, the first of at most thirty words:\n"
     "Reasoning: what in the description decides it\n"
     "Answer: the letter and the text of the option, written as in the question\n"},
}};

/// Python's str.isspace.
bool is_space(int32_t c) { return (c >= 0x1c && c <= 0x1f) || text::char_class(c) == text::CharClass::space; }

/// Python's str.strip().
std::string stripped(const std::string& reply) {
  const auto size = static_cast<int64_t>(reply.size());
  int64_t begin = size, end = 0;
  for (int64_t at = 0; at < size;) {
    const text::CodePoint point = text::code_point_at(reply, at);
    if (!is_space(point.value)) {
      begin = std::min(begin, at);
      end = at + point.size;
    }
    at += point.size;
  }
  return begin < end ? reply.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)) : "";
}

/// As TempCompass's scripts begin.
std::string without_end_token(std::string reply) {
  constexpr std::string_view kEnd = "</s>";
  for (size_t at = reply.find(kEnd); at != std::string::npos; at = reply.find(kEnd, at)) reply.erase(at, kEnd.size());
  return stripped(reply);
}

[[noreturn]] void bad_prompt(const std::filesystem::path& file, const std::string& problem) {
  throw Error(Fault::input, "judge", file.string() + ": " + problem,
              "scripts/benchmarks/judge_prompts.py takes all four out of a clone of TempCompass");
}

std::string read_prompt(const std::filesystem::path& file) {
  constexpr size_t kLongest = size_t{1} << 20;
  std::error_code absent;
  if (!std::filesystem::is_regular_file(file, absent)) bad_prompt(file, "is not there");
  std::string bytes = read_file(file, "judge");
  if (stripped(bytes).empty()) bad_prompt(file, "holds nothing");
  if (bytes.size() > kLongest) bad_prompt(file, "is no prompt: " + std::to_string(bytes.size()) + " bytes");
  if (text::valid_utf8(bytes) != bytes) bad_prompt(file, "is no UTF-8");
  return bytes;
}

}  // namespace

std::vector<std::filesystem::path> judge_prompt_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const TaskWording& one : kWordings) files.push_back(folder / (std::string(one.task) + ".txt"));
  return files;
}

std::string published_wording(const std::string& task) {
  for (const TaskWording& one : kWordings) {
    if (one.task == task) return std::string(one.sha256);
  }
  return "";
}

JudgePrompts read_judge_prompts(const std::filesystem::path& folder) {
  JudgePrompts out;
  if (folder.empty()) {
    for (const TaskWording& one : kWordings) out.base[std::string(one.task)] = one.ours;
    return out;
  }
  const std::vector<std::filesystem::path> files = judge_prompt_files(folder);
  for (size_t i = 0; i < kWordings.size(); ++i) {
    std::string& base = out.base[std::string(kWordings[i].task)];
    base = read_prompt(files[i]);
    if (io::sha256(base) != published_wording(files[i].stem().string())) out.changed.push_back(files[i].filename().string());
  }
  out.wording = out.changed.empty() ? Wording::published : Wording::other;
  return out;
}

std::string judge_text(const std::string& base, const rows::Question& question, const std::string& reply) {
  const rows::Item& item = question.item;
  for (const TaskWording& one : kWordings) {
    if (one.task != item.task || one.heading.empty()) continue;
    return base + "\n" + std::string(one.heading) + ":\n" + question.question + "\nGround-Truth Answer: " + item.text +
           "\nModel Prediction: " + reply;
  }
  return base + "\nVideo Description:" + reply + "\nMulti-Choice Question:\n" + item.aux.value("mc_question", "") + "\n";
}

std::optional<std::string> judged_reply(const std::string& scorer, const std::string& reply) {
  if (scorer == "ours" || scorer == "official" || scorer == "rrpo_longvu") return without_end_token(reply);
  if (scorer != "rrpo") return std::nullopt;
  std::string text = stripped(reply);
  if (text.size() == 1 && text[0] >= 'A' && text[0] <= 'Z') text = "(" + text + ")";
  return without_end_token(text);
}

}  // namespace rrpo::eval
