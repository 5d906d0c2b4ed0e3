#include <algorithm>

#include "app_record.h"
#include "rrpo/gen/config.h"
#include "rrpo/io/atomic.h"
#include "rrpo/rows/foreign.h"
#include "rrpo/util/log.h"
#include "rrpo_gen_commands.h"

namespace rrpo::apps {

namespace {

Json counts_of(const rows::Imported& imported) {
  Json counts = {{"format", imported.format->name}, {"rows", imported.ledger.total()},
                 {"imported", imported.imported},   {"skipped", imported.skipped()},
                 {"pairs", imported.pairs.size()},  {"questions", imported.questions.size()}};
  for (const auto& [note, count] : imported.notes) counts["notes"][note] = count;
  for (const auto& [reason, count] : imported.reasons) counts["reasons"][reason] = count;
  return counts;
}

/// What was recognised and why, and the commonest reasons to leave a row out.
void tell(const std::string& file, const rows::Imported& imported) {
  constexpr size_t kReasons = 5;
  log_info(file + ": " + imported.format->name + " (" + imported.format->help + "), because " + imported.why);
  for (const auto& [note, count] : imported.notes) log_info(std::to_string(count) + " " + note);
  std::vector<std::pair<int64_t, std::string>> reasons;
  for (const auto& [reason, count] : imported.reasons) reasons.emplace_back(count, reason);
  std::sort(reasons.begin(), reasons.end(), std::greater<>());
  for (size_t i = 0; i < reasons.size() && i < kReasons; ++i)
    log_warning(std::to_string(reasons[i].first) + " rows skipped: " + printable(reasons[i].second));
}

std::string pair_lines(const rows::Imported& imported) {
  std::string lines;
  for (const rows::Pair& pair : imported.pairs) lines += json_line(rows::pair_json(pair)) + "\n";
  for (const rows::Question& question : imported.questions) lines += json_line(rows::question_json(question)) + "\n";
  return lines;
}

void write_rows(const rows::Imported& imported, const std::filesystem::path& out) {
  std::string ledger;
  for (const Json& line : imported.lines) ledger += json_line(line) + "\n";
  io::write_file(out / "ledger.jsonl", ledger);
  io::write_file(out / (imported.format->pairs ? "pairs.jsonl" : "questions.jsonl"), pair_lines(imported));
}

}  // namespace

int run_import(const Invocation& call) {
  const auto config = read_config<gen::ImportConfig>(call.sources);
  const std::string file = call.words.at("FILE");
  io::Inputs inputs = take_inputs(call, {file});
  const rows::Imported imported =
      rows::import_rows(read_file(file, "data"), file, {config.format, config.spans, config.video_root});
  tell(file, imported);
  if (imported.imported == 0)
    throw Error(Fault::input, "data", file + ": no usable row (" + imported.reasons.begin()->first + ")", "see the reasons");
  Json summary = counts_of(imported);
  if (call.dry_run) return finish(summary, 0);
  const io::OutputFolder folder(
      call.out, call.existing, claim_of(call, {"ledger.jsonl", imported.format->pairs ? "pairs.jsonl" : "questions.jsonl"}));
  io::RunRecord record(folder.path(), run_head(call, folder, config_json(config), std::move(inputs), "ledger.jsonl"));
  write_rows(imported, call.out);
  const bool failed = imported.skipped() > config.max_skipped;
  const int exit_code = failed ? static_cast<int>(Fault::budget) : 0;
  record.set_counts(summary);
  record.end(exit_code);
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (failed) {
    throw Error(Fault::budget, "data",
                std::to_string(imported.skipped()) + " of " + std::to_string(imported.ledger.total()) + " rows were skipped",
                "see ledger.jsonl; max_skipped=N allows some");
  }
  return exit_code;
}

}  // namespace rrpo::apps
