#include "rrpo/gen/shard.h"

#include "rrpo/rows/row_reader.h"

namespace rrpo::gen {

const std::vector<std::string>& growing_files() {
  static const std::vector<std::string> files = {"responses.jsonl", "judgements.jsonl"};
  return files;
}

std::vector<Fate> asked_fates(const std::vector<rows::Question>& questions, const Responses& responses) {
  std::vector<Fate> fates;
  for (const rows::Question& question : questions) {
    const auto found = responses.find(question.id);
    expect(found != responses.end(), "a question without a response");
    const std::string& fault = found->second.fault;
    fates.push_back(fault.empty() ? Fate{"asked", ""} : Fate{"failed", fault});
  }
  return fates;
}

std::map<std::string, std::string> failed_questions(const std::filesystem::path& ledger) {
  std::map<std::string, std::string> failed;
  each_json_line(ledger, "data", [&](const Json& json, int64_t line) {
    rows::RowReader row(json, ledger.string() + ":" + std::to_string(line));
    if (row.text("state") == "failed") failed[row.text("id")] = row.text_or("reason", "");
  });
  return failed;
}

}  // namespace rrpo::gen
