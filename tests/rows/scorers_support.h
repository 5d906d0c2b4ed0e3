// Rows and verdicts for the tests of the scorers.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "rrpo/rows/scorer.h"

namespace rrpo::rows {

using Keys = std::vector<std::string>;

inline const Scorer& scorer(const std::string& name) {
  for (const Scorer& one : scorers()) {
    if (one.name == name) return one;
  }
  throw std::runtime_error("no scorer " + name);
}

inline Question mcq(const std::string& benchmark, const Keys& texts, const std::string& answer) {
  Question out;
  out.format = "mcq";
  out.question = "Which one?";
  out.answer = answer;
  out.item.benchmark = benchmark;
  out.item.text = answer;
  for (size_t i = 0; i < texts.size(); ++i) {
    out.options.push_back({std::string(1, static_cast<char>('A' + i)), texts[i]});
    if (texts[i] == answer) out.item.keys.push_back(out.options.back().key);
  }
  return out;
}

inline Question of_format(const std::string& format, const Keys& keys, const std::string& text) {
  Question out = mcq("", {"a man sits", "a man runs", "a man jumps", "a man waves"}, text);
  out.format = format;
  out.item.benchmark = "mvbench";
  out.item.keys = keys;
  return out;
}

inline std::string verdict(const std::string& name, const Question& question, const std::string& reply) {
  return verdict_name(scorer(name).apply(question, reply).verdict);
}

inline std::string found(const std::string& name, const Question& question, const std::string& reply) {
  std::string out;
  for (const std::string& key : scorer(name).apply(question, reply).found) out += key;
  return out;
}

}  // namespace rrpo::rows
