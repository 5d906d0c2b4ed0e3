#include "run_ledger.h"

#include <map>
#include <set>

#include "rrpo/io/atomic.h"

namespace rrpo::train {

namespace {

std::set<int64_t> used_rows(const LedgerSource& run) {
  std::vector<int64_t> videos;
  for (const data::Sample& sample : run.rows.samples) videos.push_back(sample.own.video);
  const int64_t per_epoch = data::windows_per_epoch(run.rows.rows(), run.rules.batch);
  std::set<int64_t> used;
  // An epoch after the first adds rows only where each leaves some out.
  for (int64_t epoch = 0; epoch * per_epoch < run.at.step && (epoch == 0 || run.rules.batch.drop_last); ++epoch) {
    const std::vector<int64_t> order = data::epoch_order(videos, run.rules.order, epoch);
    for (const data::MicroBatch& batch : data::epoch_batches(order, videos, run.rules.batch, epoch)) {
      if (batch.window < run.at.step) used.insert(batch.rows.begin(), batch.rows.end());
    }
  }
  return used;
}

}  // namespace

rows::Ledger write_ledger(const std::filesystem::path& file, const LedgerSource& run) {
  rows::Ledger ledger;
  std::string lines;
  const auto add = [&](const std::string& id, const char* state, const std::string& reason) {
    lines += json_line(ledger.record(id, state, reason)) + "\n";
  };
  std::map<std::string, std::string> unreadable;
  for (const data::SkippedRow& row : run.at.skipped) unreadable[row.id] = row.reason;
  const std::set<int64_t> used = used_rows(run);
  const std::string unused =
      run.done && run.rules.batch.drop_last ? "in no whole window (compat official)" : "the run ended before its turn";
  for (int64_t i = 0; i < run.rows.rows(); ++i) {
    const std::string& id = run.rows.samples[static_cast<size_t>(i)].id;
    const auto found = unreadable.find(id);
    if (found != unreadable.end()) {
      add(id, "skipped", found->second);
    } else {
      add(id, used.contains(i) ? "used" : "unused", used.contains(i) ? "" : unused);
    }
  }
  for (const data::SkippedRow& row : run.rows.skipped) add(row.id, "skipped", row.reason);
  for (const data::SkippedRow& row : run.rows.dropped) add(row.id, "dropped", row.reason);
  io::write_file(file, lines);
  return ledger;
}

}  // namespace rrpo::train
