#include "rrpo/gen/report.h"

#include <algorithm>
#include <map>

#include "pair_html.h"
#include "rrpo/gen/lens.h"
#include "rrpo/report/html.h"
#include "rrpo/report/svg.h"

namespace rrpo::gen {

namespace {

constexpr int64_t kExamples = 2;  ///< of each format of pairs, and of each state that is none
constexpr size_t kReasons = 24;

/// All that an example is drawn from.
struct Run {
  const GenConfig& config;
  const std::vector<rows::Question>& questions;
  const Responses& responses;
  const PairSet& set;
  ClipView view;
  Perturbed perturbed;  ///< what is done to the clips whose mistakes become pairs
};

Run run_of(const GenConfig& config, const std::vector<rows::Question>& questions, const Responses& responses,
           const PairSet& set) {
  Run run{config, questions, responses, set, {media_root(config.gen), config.video, 8, 8}, {}};
  if (requires_of(config.gen, "wrong_on_perturbed"))
    run.perturbed = {video::parse_perturbations(perturb_list(config.gen), "gen.perturb"),
                     static_cast<uint64_t>(config.seed)};
  return run;
}

/// A text of a bounded length, cut between characters.
std::string cut(const std::string& text) {
  constexpr size_t kMost = 1500;
  if (text.size() <= kMost) return text;
  size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + " …";
}

std::string plain(const std::string& label, const std::string& text) {
  return report::labelled(label, report::marked_text(cut(text), {}, report::Mark::plain));
}

/// The frames, or why they cannot be shown: an example must not be the reason for which a run fails.
template <class Draw>
std::string frames_or_fault(const Draw& draw) {
  try {
    return draw();
  } catch (const Error& error) {
    return report::figure("", std::string("The frames cannot be shown. ") + error.what());
  }
}

std::vector<std::string> formats_of(const std::vector<rows::Pair>& pairs) {
  std::vector<std::string> formats;
  for (const rows::Pair& pair : pairs) {
    const std::string format = pair.extra.value("format", "");
    if (std::find(formats.begin(), formats.end(), format) == formats.end()) formats.push_back(format);
  }
  return formats;
}

void add_pairs(const Run& run, report::Page& page) {
  page.section("Pairs");
  page.paragraph("Coloured: the phrases whose tokens RRPO rewards in the chosen answer and punishes in the rejected one.");
  for (const std::string& format : formats_of(run.set.pairs)) {
    std::vector<const rows::Pair*> own;
    for (const rows::Pair& pair : run.set.pairs) {
      if (pair.extra.value("format", "") == format) own.push_back(&pair);
    }
    for (const size_t i : spread_places(own.size(), kExamples)) {
      const rows::Pair& pair = *own[i];
      page.subsection(format + " · " + pair.id).add(answers_html(pair, nullptr, ""));
      page.add(frames_or_fault([&] { return pair_frames_html(run.view, pair); }));
    }
  }
}

/// What the model said, each response once.
std::string responses_html(const Run& run, const std::string& id) {
  constexpr size_t kMost = 4;
  const auto found = run.responses.find(id);
  if (found == run.responses.end()) return "";
  std::vector<std::pair<std::string, int64_t>> texts;
  for (const Response& response : found->second.samples) {
    const auto same = std::find_if(texts.begin(), texts.end(), [&](const auto& one) { return one.first == response.text; });
    if (same == texts.end()) {
      texts.emplace_back(response.text, 1);
    } else {
      ++same->second;
    }
  }
  std::vector<std::string> items;
  for (size_t i = 0; i < texts.size() && i < kMost; ++i)
    items.push_back(
        plain(texts[i].second > 1 ? "response, " + std::to_string(texts[i].second) + " times" : "response", texts[i].first));
  if (texts.size() > kMost) items.push_back(plain("and", std::to_string(texts.size() - kMost) + " other responses"));
  if (found->second.clean) items.push_back(plain("response to the clean video", found->second.clean->text));
  return items.empty() ? "" : report::grid(items);
}

void add_example(const Run& run, size_t number, report::Page& page) {
  const rows::Question& question = run.questions[number];
  const Fate& fate = run.set.fates[number];
  page.subsection(fate.state + " · " + question.format + " · " + question.id);
  if (!fate.reason.empty()) page.paragraph(fate.reason);
  page.add(report::grid({plain("question", question.question), plain("true answer", question.answer)}));
  page.add(responses_html(run, question.id));
  if (fate.state == "failed") return;  // its reason is that there are no frames
  page.add(frames_or_fault([&] { return clip_html(run.view, question.media, run.perturbed); }));
}

void add_others(const Run& run, report::Page& page) {
  std::map<std::string, std::vector<size_t>> numbers;
  for (size_t i = 0; i < run.set.fates.size(); ++i) numbers[run.set.fates[i].state].push_back(i);
  numbers.erase("pair");
  if (!numbers.empty()) page.section("Questions without a pair");
  for (const std::string& state : final_states()) {
    for (const size_t i : spread_places(numbers[state].size(), kExamples)) add_example(run, numbers[state][i], page);
  }
}

std::string balance_chart(const report::Table& table) {
  report::BarChart chart{"", "questions", {}, {{"usable mistakes", {}, {}}, {"pairs", {}, {}}}};
  for (const auto& row : table.rows) {
    chart.groups.push_back(row[1].empty() ? row[0] : row[0] + " " + row[1]);
    chart.bars[0].values.push_back(std::stod(row[2]));
    chart.bars[1].values.push_back(std::stod(row[3]));
  }
  return report::figure(report::bar_chart(chart), "Before and after balancing and limits.");
}

std::string facts_of(const Run& run) {
  std::map<std::string, int64_t> states;
  for (const Fate& fate : run.set.fates) ++states[fate.state];
  std::vector<std::pair<std::string, std::string>> facts = {
      {"questions", report::grouped(static_cast<int64_t>(run.questions.size()))},
      {"pairs", report::grouped(static_cast<int64_t>(run.set.pairs.size()))}};
  for (const char* state : {"right", "unparsed", "failed"}) facts.emplace_back(state, report::grouped(states[state]));
  int64_t dropped = 0;
  for (const auto& [state, count] : states) dropped += state.starts_with("dropped_") ? count : 0;
  facts.emplace_back("dropped", report::grouped(dropped));
  return report::facts(facts);
}

}  // namespace

std::string run_report(const GenConfig& config, const std::vector<rows::Question>& questions, const Responses& responses,
                       const PairSet& set) {
  const Run run = run_of(config, questions, responses, set);
  report::Page page("Preference pairs from a model's mistakes",
                    config.model.path.filename().string() + " · " + config.gen.questions.filename().string());
  page.add(facts_of(run));
  page.section("What became of the questions").add(report::html_table(fate_table(set, questions)));
  const report::Table reasons = reason_table(set.fates, kReasons), balance = balance_table(questions, set.fates);
  if (!reasons.rows.empty()) page.add(report::html_table(reasons));
  if (!balance.rows.empty())
    page.section("Balance").add(report::grid({report::html_table(balance), balance_chart(balance)}));
  if (!set.pairs.empty()) add_pairs(run, page);
  add_others(run, page);
  page.section("Settings").add(report::details("All fields of the run", report::settings_table(config_json(config))));
  return page.html();
}

}  // namespace rrpo::gen
