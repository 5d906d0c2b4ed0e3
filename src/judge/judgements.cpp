#include "rrpo/judge/judgements.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "rrpo/io/line_writer.h"
#include "rrpo/report/progress.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/stop.h"

namespace rrpo::judge {

namespace {

/// After so many requests in a row without a reply nobody is there.
constexpr int64_t kHopeless = 64;

Json judgement_json(const std::string& id, const Prompt& prompt, const std::string& model, const io::ChatReply& reply) {
  Json row = {{"id", id},
              {"on", prompt.on},
              {"sample", prompt.sample},
              {"turn", prompt.turn},
              {"prompt", prompt.hash},
              {"model", model},
              {"status", reply.fault.empty() ? "ok" : "failed"}};
  if (!reply.fault.empty()) {
    row["reason"] = reply.fault;
    return row;
  }
  row["reply"] = reply.text;
  if (!reply.model.empty()) row["served_by"] = reply.model;
  return row;
}

void read_judgement(const Json& json, const std::string& place, bool faults, Judgements& out) {
  rows::RowReader row(json, place);
  const std::string id = row.text("id"), prompt = row.text("prompt"), status = row.text("status");
  if (status != "ok" && status != "failed") row.fail("status", "'" + printable(status) + "' is neither ok nor failed", "ok");
  const bool ok = status == "ok";
  const Judgement judgement{ok ? row.text("reply") : "", ok ? "" : row.text("reason")};
  if (!ok && !faults) return;
  Judgement& known = out[id][prompt];
  if (ok || known.reply.empty()) known = judgement;
}

/// How the requests of one run went.
struct Tally {
  int64_t requests = 0, failed = 0, row = 0;  ///< `row`: failed in a row
  int64_t own = 0;                            ///< failed for a reason of their own: the language model did reply
  std::string last;                           ///< the last reason
  bool unusable = false;                      ///< no other request can fare better

  void count(const io::ChatReply& reply) {
    ++requests;
    if (reply.fault.empty()) {
      row = 0;
      return;
    }
    ++failed;
    last = reply.fault;
    const bool replied = reply.final && !reply.unusable;
    own += replied ? 1 : 0;
    row = replied ? 0 : row + 1;
    unusable = unusable || reply.unusable || row >= kHopeless;
  }
  bool hopeless() const { return unusable || (failed > 0 && failed == requests && own == 0); }
};

int64_t replies_in(const Judgements& judgements) {
  int64_t count = 0;
  for (const auto& [id, own] : judgements) {
    count += std::count_if(own.begin(), own.end(), [](const auto& entry) { return entry.second.fault.empty(); });
  }
  return count;
}

/// The questions of one run on their way through the language model.
class Round {
 public:
  Round(const Inquiry& inquiry, Judgements& judgements, const std::filesystem::path& file)
      : inquiry_(inquiry),
        judgements_(judgements),
        writer_(file),
        client_(inquiry.chat, inquiry.seed, [this] { return halted(); }) {
    for (const std::string& id : inquiry.ids) judgements_[id];  // threads find, and never add, a question
  }

  /// False after a stop signal.
  bool run() {
    const auto count = static_cast<int64_t>(inquiry_.ids.size());
    report::Progress progress("judgements", count, "questions");
    Prefetch<bool> done(0, count, inquiry_.chat.concurrency, count, [this](int64_t i) { return settle(i); });
    for (int64_t i = 1; done.next().has_value(); ++i) progress.update(i);
    progress.finish();
    return stop_signal() == 0;
  }
  const Tally& tally() const { return tally_; }

 private:
  bool halted() const { return halt_ || stop_signal() != 0; }

  /// Asks until the question ends in a state.
  bool settle(int64_t number) {
    const std::string& id = inquiry_.ids[static_cast<size_t>(number)];
    QuestionJudgements& own = judgements_.at(id);
    while (!halted()) {
      const auto prompt = inquiry_.next(number, own);
      if (!prompt) return true;
      const io::ChatReply reply = client_.ask(prompt->request);
      if (reply.stopped) return false;
      own[prompt->hash] = {reply.text, reply.fault};
      record(id, *prompt, reply);
    }
    return false;
  }

  void record(const std::string& id, const Prompt& prompt, const io::ChatReply& reply) {
    const std::lock_guard lock(mutex_);
    tally_.count(reply);
    halt_ = halt_ || tally_.unusable;
    try {
      writer_.write(judgement_json(id, prompt, inquiry_.chat.model, reply));
    } catch (const Error&) {
      halt_ = true;
      throw;
    }
  }

  const Inquiry& inquiry_;
  Judgements& judgements_;
  std::mutex mutex_;
  io::LineWriter writer_;
  Tally tally_;
  std::atomic<bool> halt_ = false;
  io::ChatClient client_;
};

}  // namespace

Judgements read_judgements(const std::filesystem::path& file, bool faults) {
  Judgements out;
  each_json_line(file, "data", [&](const Json& json, int64_t line) {
    read_judgement(json, file.string() + ":" + std::to_string(line), faults, out);
  });
  return out;
}

CollectedJudgements collect_judgements(const Inquiry& inquiry, const std::filesystem::path& file) {
  CollectedJudgements out;
  { const io::LineWriter cuts_a_torn_line(file); }
  out.judgements = read_judgements(file, /*faults=*/false);
  Round round(inquiry, out.judgements, file);
  out.complete = round.run();
  const Tally& tally = round.tally();
  if (out.complete && tally.hopeless()) {
    const std::string& at = inquiry.at;
    throw Error(Fault::judge, "judge",
                std::to_string(tally.failed) + " of " + std::to_string(tally.requests) + " requests failed (" +
                    printable(tally.last, 150) + "); " + std::to_string(replies_in(out.judgements)) + " verdicts kept",
                tally.unusable && tally.row < kHopeless ? "see " + at + ".endpoint, " + at + ".model and " + at +
                                                              ".key_env (" + inquiry.chat.key_variable() + "), then --resume"
                                                        : "rerun the same command later with --resume");
  }
  return out;
}

}  // namespace rrpo::judge
