// Questions and configurations of the tests of the judge.
#pragma once

#include <map>
#include <string>

#include "../support/temp_dir.h"
#include "rrpo/eval/judging.h"

namespace rrpo::eval {

inline const std::map<std::string, std::string> kFormats = {
    {"multi-choice", "mcq"}, {"yes_no", "yesno"}, {"caption_matching", "caption_match"}, {"captioning", "caption_gen"}};

/// What scripts/oracles/judging.py has heard.
inline const Json& golden() {
  static const Json json = read_json(test::source_file("tests/golden/judging.json"), "test");
  return json;
}

inline rows::Question question_of(const std::string& task, const std::string& id) {
  const Json& row = golden().at("tasks").at(task);
  const Json& choice = golden().at("tasks").at("multi-choice");
  rows::Question out;
  out.id = id;
  out.media.video = id + ".mp4";
  out.format = kFormats.at(task);
  out.question = row.at("question");
  out.answer = row.at("answer");
  out.item.benchmark = "tempcompass";
  out.item.task = task;
  out.item.text = out.answer;
  if (task == "multi-choice") out.options = {{"A", "to the left"}, {"B", "to the right"}, {"C", "it stops"}};
  if (task == "caption_matching") out.options = {{"1", "It moves."}, {"2", "It rests."}};
  if (task != "captioning") out.item.keys = {task == "yes_no" ? "yes" : task == "multi-choice" ? "A" : "2"};
  if (task == "captioning") out.item.aux = {{"mc_question", choice.at("question")}, {"mc_answer", choice.at("answer")}};
  return out;
}

inline JudgeFields fields_of(const std::string& model, const std::string& endpoint = "http://127.0.0.1:1/v1") {
  JudgeFields fields;
  fields.judge = "llm";
  fields.llm.chat.model = model;
  fields.llm.chat.endpoint = endpoint;
  fields.llm.chat.key_env = "";
  fields.llm.chat.retries = 1;
  fields.llm.chat.backoff_s = 0.01;
  return fields;
}

}  // namespace rrpo::eval
