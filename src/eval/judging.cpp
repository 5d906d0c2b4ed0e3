#include "rrpo/eval/judging.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "rrpo/io/sha256.h"
#include "rrpo/rows/scored.h"
#include "rrpo/rows/verdict_replies.h"
#include "rrpo/util/table.h"

namespace rrpo::eval {
namespace {

/// As the judge is addressed by TempCompass's scripts, and who that was for the published numbers.
constexpr const char* kSystem = "You are an AI assistant for question answering.";
constexpr const char* kPublishedModel = "gpt-4o-mini-2024-07-18";

std::string hash_of(const Json& request) {
  constexpr size_t kDigits = 32;
  return io::sha256(json_line(request)).substr(0, kDigits);
}

bool is_captioning(const rows::Question& question) { return question.format == "caption_gen"; }

const judge::Judgement* find_judgement(const judge::Judgements& all, const std::string& id, const std::string& hash) {
  const auto own = all.find(id);
  if (own == all.end()) return nullptr;
  const auto found = own->second.find(hash);
  return found == own->second.end() ? nullptr : &found->second;
}

/// What goes into the request beside the prompt is what the scripts send.
bool has_standard_settings(const io::ChatFields& chat) {
  const io::ChatFields standard = LlmFields::standard_chat();
  return chat.temperature == standard.temperature && chat.max_tokens == standard.max_tokens &&
         chat.options == standard.options;
}

std::string wording_note(const JudgePrompts& prompts) {
  if (prompts.wording == Wording::published) return "";
  if (prompts.wording == Wording::ours) return "own wording of the judge: not comparable with published TempCompass numbers";
  return "the judge has another wording than the published one (" + join(prompts.changed) + ")";
}

rows::Judged unjudged(const rows::Question& question, const std::string& reason) {
  return {rows::Verdict::unjudged, question.item.keys, {}, "the judge: " + reason};
}

}  // namespace

rows::Judged judge_verdict(const rows::Question& question, const judge::Judgement* said) {
  constexpr size_t kShown = 80;
  if (said == nullptr) return unjudged(question, "no reply is on record");
  if (!said->fault.empty()) return unjudged(question, said->fault);
  const std::string text = io::spoken(said->reply);
  if (is_captioning(question)) return rows::judge_captioning(text, question.item.aux.value("mc_answer", ""));
  const std::optional<bool> right = rows::read_correctness(text);
  if (!right) return unjudged(question, "neither Correct nor Incorrect in \"" + printable(text, kShown) + "\"");
  const std::vector<std::string>& keys = question.item.keys;
  if (*right) return {rows::Verdict::right, keys, keys, "the judge says Correct"};
  return {rows::Verdict::wrong, keys, {}, "the judge says Incorrect"};
}

Judge::Judge(JudgeFields fields) : fields_(std::move(fields)), prompts_(read_judge_prompts(fields_.judge_prompts)) {}

std::optional<judge::Prompt> Judge::prompt(const std::string& scorer, const rows::Question& question,
                                           const std::string& reply, const std::string& on) const {
  const auto base = prompts_.base.find(question.item.task);
  if (question.item.benchmark != "tempcompass" || base == prompts_.base.end()) return std::nullopt;
  if (is_captioning(question) && question.item.aux.value("mc_question", "").empty()) return std::nullopt;
  const std::optional<std::string> text = judged_reply(scorer, reply);
  const rows::Scorer* row = find_row(rows::scorers(), scorer);
  if (!text || row == nullptr || row->apply(question, reply).verdict != rows::Verdict::unjudged) return std::nullopt;
  Json request =
      io::chat_request(fields_.llm.chat, {{"system", kSystem}, {"user", judge_text(base->second, question, *text)}});
  std::string hash = hash_of(request);
  return judge::Prompt{on, 0, 1, std::move(hash), std::move(request)};
}

std::vector<Asked> Judge::asked(const std::vector<rows::Question>& questions, const std::vector<Said>& said,
                                const std::vector<std::string>& scorers) const {
  std::vector<std::map<std::string, const rows::Prediction*>> passes;
  for (const Said& pass : said) {
    passes.emplace_back();
    for (const rows::Prediction& one : *pass.predictions) passes.back()[one.id] = &one;
  }
  std::vector<Asked> out;
  for (const rows::Question& question : questions) {
    Asked own{&question, {}};
    std::set<std::string> known;
    for (size_t i = 0; i < said.size(); ++i) {
      const auto found = passes[i].find(question.id);
      if (found == passes[i].end() || found->second->failed()) continue;
      for (const std::string& scorer : scorers) {
        auto one = prompt(scorer, question, *found->second->raw, said[i].on);
        if (one && known.insert(one->hash).second) own.prompts.push_back(std::move(*one));
      }
    }
    if (!own.prompts.empty()) out.push_back(std::move(own));
  }
  return out;
}

int64_t most_prompts(const std::vector<rows::Question>& questions, const std::vector<std::string>& scorers) {
  std::set<std::string> forms;  // of a bare letter: as it is, and in brackets
  for (const std::string& scorer : scorers) {
    if (const std::optional<std::string> form = judged_reply(scorer, "B")) forms.insert(*form);
  }
  const auto judged = std::count_if(questions.begin(), questions.end(),
                                    [](const rows::Question& question) { return question.item.benchmark == "tempcompass"; });
  return static_cast<int64_t>(judged) * static_cast<int64_t>(forms.size());
}

std::string Judge::note() const {
  std::vector<std::string> reasons;
  if (std::string wording = wording_note(prompts_); !wording.empty()) reasons.push_back(std::move(wording));
  const io::ChatFields& chat = fields_.llm.chat;
  if (chat.model != kPublishedModel) reasons.push_back("judged by " + chat.model + ", published by " + kPublishedModel);
  if (!has_standard_settings(chat)) reasons.emplace_back("the judge has other settings than in the scripts");
  return join(reasons, "; ");
}

Hearing hear(const Judge& judge, const std::vector<Asked>& asked, const std::string& at, uint64_t seed,
             const std::filesystem::path& file) {
  const LlmFields& llm = judge.fields().llm;
  if (!llm.replay.empty()) return {judge::read_judgements(llm.replay, /*faults=*/true)};
  if (asked.empty()) return {};
  judge::Inquiry inquiry;
  for (const Asked& one : asked) inquiry.ids.push_back(one.question->id);
  inquiry.next = [&](int64_t i, const judge::QuestionJudgements& known) -> std::optional<judge::Prompt> {
    for (const judge::Prompt& prompt : asked[static_cast<size_t>(i)].prompts) {
      if (!known.contains(prompt.hash)) return prompt;
    }
    return std::nullopt;
  };
  inquiry.chat = llm.chat;
  inquiry.seed = seed;
  inquiry.at = at;
  try {
    judge::CollectedJudgements heard = judge::collect_judgements(inquiry, file);
    return {std::move(heard.judgements), heard.complete};
  } catch (const Error& error) {
    if (error.fault() != Fault::judge) throw;
    return {judge::read_judgements(file, /*faults=*/true), true, error};
  }
}

JudgeCounts judge_counts(const std::vector<Asked>& asked, const judge::Judgements& judgements) {
  JudgeCounts counts;
  for (const Asked& one : asked) {
    for (const judge::Prompt& prompt : one.prompts) {
      ++counts.asked;
      const judge::Judgement* said = find_judgement(judgements, one.question->id, prompt.hash);
      const rows::Judged verdict = judge_verdict(*one.question, said);
      const bool silent = said == nullptr || !said->fault.empty();
      counts.silent += silent ? 1 : 0;
      if (silent && counts.first_silent.empty()) counts.first_silent = one.question->id + ": " + verdict.reason;
      if (silent) continue;
      ++(verdict.verdict == rows::Verdict::unjudged ? counts.neither : counts.judged);
    }
  }
  return counts;
}

Json judge_json(const Judge& judge) {
  constexpr std::array kNames = {"ours", "published", "other"};
  Json prompts = Json::object();
  for (const auto& [task, base] : judge.prompts().base) prompts[task] = io::sha256(base);
  return {{"model", judge.fields().llm.chat.model},
          {"wording", kNames.at(static_cast<size_t>(judge.prompts().wording))},
          {"prompts", std::move(prompts)}};
}

Json counts_json(const JudgeCounts& counts) {
  return {{"asked", counts.asked}, {"judged", counts.judged}, {"neither", counts.neither}, {"silent", counts.silent}};
}

JudgeOf judge_of(const Judge& judge, const judge::Judgements& judgements, const std::string& scorer) {
  if (!judged_reply(scorer, "")) return {};
  return [&judge, &judgements, scorer](const rows::Question& question, const std::string& reply) {
    const std::optional<judge::Prompt> prompt = judge.prompt(scorer, question, reply, "");
    if (!prompt) return std::optional<rows::Judged>();
    return std::optional(judge_verdict(question, find_judgement(judgements, question.id, prompt->hash)));
  };
}

}  // namespace rrpo::eval
