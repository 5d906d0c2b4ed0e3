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
  counts["formats"] = Json::object();
  for (const auto& [name, rows] : imported.formats) counts["formats"][name] = rows;
  for (const auto& [note, count] : imported.notes) counts["notes"][note] = count;
  for (const auto& [reason, count] : imported.reasons) counts["reasons"][reason] = count;
  return counts;
}

/// What was recognised and why, and the commonest reasons to leave a row out.
void tell(const std::string& file, const rows::Imported& imported) {
  constexpr size_t kReasons = 5;
  log_info(file + ": " + imported.format->name + " (" + imported.format->help + "), because " + imported.why);
  for (const auto& [note, count] : imported.notes) log_info(std::to_string(count) + " " + note);
  if (imported.formats.size() > 1) {
    for (const auto& [name, rows] : imported.formats) log_info(std::to_string(rows) + " rows of the format " + name);
  }
  std::vector<std::pair<int64_t, std::string>> reasons;
  for (const auto& [reason, count] : imported.reasons) reasons.emplace_back(count, reason);
  std::sort(reasons.begin(), reasons.end(), std::greater<>());
  for (size_t i = 0; i < reasons.size() && i < kReasons; ++i) {
    const auto& [count, reason] = reasons[i];
    log_warning(std::to_string(count) + (count == 1 ? " row" : " rows") + " skipped: " + printable(reason) +
                " (first: " + printable(imported.places.at(reason)) + ")");
  }
  if (reasons.size() > kReasons)
    log_warning("and " + std::to_string(reasons.size() - kReasons) + " other reasons: ledger.jsonl");
}

template <class Rows, class Write>
std::string lines_of(const Rows& rows, Write write) {
  std::string lines;
  for (const auto& row : rows) lines += json_line(write(row)) + "\n";
  return lines;
}

/// A file for each kind of row that there is.
void write_rows(const rows::Imported& imported, const std::filesystem::path& out) {
  std::string ledger;
  for (const Json& line : imported.lines) ledger += json_line(line) + "\n";
  io::write_file(out / "ledger.jsonl", ledger);
  if (!imported.pairs.empty()) io::write_file(out / "pairs.jsonl", lines_of(imported.pairs, rows::pair_json));
  if (!imported.questions.empty())
    io::write_file(out / "questions.jsonl", lines_of(imported.questions, rows::question_json));
}

}  // namespace

int run_import(const Invocation& call) {
  const auto config = read_config<gen::ImportConfig>(call.sources);
  const std::string file = call.words.at("FILE");
  io::Inputs inputs = take_inputs(call, {file});
  const rows::Imported imported =
      rows::import_rows(read_file(file, "data"), file, {config.format, config.spans, config.source, config.video_root});
  tell(file, imported);
  if (imported.imported == 0)
    throw Error(Fault::input, "data",
                file + ": no usable row; " + imported.places.begin()->second + ": " + imported.places.begin()->first,
                "see the reasons above");
  Json summary = counts_of(imported);
  if (call.dry_run) return finish(summary, 0);
  std::vector<std::string> names = {"ledger.jsonl"};
  if (!imported.pairs.empty()) names.emplace_back("pairs.jsonl");
  if (!imported.questions.empty()) names.emplace_back("questions.jsonl");
  const io::OutputFolder folder(call.out, call.existing, claim_of(call, std::move(names)));
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
