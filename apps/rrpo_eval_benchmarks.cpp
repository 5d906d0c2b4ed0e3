// `rrpo-eval benchmarks` and `rrpo-eval convert`: what there is, and a publisher's files as question rows.
#include "app_record.h"
#include "app_streams.h"
#include "rrpo/eval/convert.h"
#include "rrpo/io/atomic.h"
#include "rrpo/util/table.h"
#include "rrpo_eval_commands.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

std::string described(const eval::Benchmark& benchmark) {
  std::string out = benchmark.name + ": " + benchmark.title + "\n";
  const auto line = [&](const std::string& name, const std::string& text) {
    out += "  " + name + std::string(name.size() < 10 ? 10 - name.size() : 0, ' ') + " " + text + "\n";
  };
  line("size", benchmark.size);
  line("source", benchmark.source);
  line("licence", benchmark.licence);
  for (const std::string& place : benchmark.layout) line("file", place);
  line("scorers", "ours, " + join(benchmark.scorers) + ", strict");
  line("asked", std::to_string(benchmark.frames) + " frames by " + benchmark.sampling + ", up to " +
                    std::to_string(benchmark.max_new_tokens) + " new tokens");
  line("number", benchmark.weighting);
  std::string published;
  for (const eval::Published& row : benchmark.published)
    published += (published.empty() ? "" : "; ") + row.model + " (" + row.frames + ") " + report::fixed(row.value, 1);
  line("published", published + " (" + benchmark.published_in + ")");
  line("command", "rrpo-eval eval.benchmark=" + benchmark.name + " eval.root=FOLDER model.path=MODEL --out DIR");
  return out;
}

const eval::Benchmark& benchmark_named(const std::string& name) {
  if (const eval::Benchmark* benchmark = find_row(eval::benchmarks(), name)) return *benchmark;
  const std::string near = nearest(name, row_names(eval::benchmarks()));
  bad_usage("no benchmark is called '" + name + "'",
            near.empty() ? "one of: " + join(row_names(eval::benchmarks())) : "did you mean " + near + "?");
}

std::string lines_of(const std::vector<rows::Question>& questions) {
  std::string lines;
  for (const rows::Question& question : questions) lines += json_line(rows::question_json(question)) + "\n";
  return lines;
}

[[noreturn]] void throw_missing(const eval::Conversion& conversion) {
  throw Error(Fault::budget, "eval",
              std::to_string(conversion.missing_media.size()) + " media of " + std::to_string(conversion.missing_questions) +
                  " questions are missing below " + conversion.root.string(),
              "put them there (rrpo-eval benchmarks says where they come from), or go on with --allow-missing");
}

}  // namespace

int run_benchmarks(const Invocation& call) {
  Json names = Json::array();
  const auto asked = call.words.find("NAME");
  if (asked != call.words.end()) benchmark_named(asked->second);
  for (const eval::Benchmark& benchmark : eval::benchmarks()) {
    if (asked != call.words.end() && asked->second != benchmark.name) continue;
    print(described(benchmark) + "\n");
    names.push_back(benchmark.name);
  }
  return finish({{"benchmarks", names}}, 0);
}

int run_convert(const Invocation& call) {
  const std::string& name = call.words.at("NAME");
  const eval::Conversion conversion = eval::convert(benchmark_named(name), call.words.at("--from"));
  const bool missing = !conversion.missing_media.empty() && !call.words.contains("--allow-missing");
  const int exit_code = missing ? static_cast<int>(Fault::budget) : 0;
  const Json json = eval::conversion_json(conversion);
  if (!call.dry_run) {
    const io::OutputFolder folder(call.out, call.existing, claim_of(call, {"questions.jsonl", "convert.json"}));
    io::RunHead head = run_head(call, folder, {{"benchmark", name}, {"from", conversion.root.string()}}, {}, "");
    keep(head, {conversion.root});
    io::RunRecord record(folder.path(), std::move(head));
    io::write_file(call.out / "questions.jsonl", lines_of(conversion.questions));
    io::write_json(call.out / "convert.json", json);
    record.set_counts({{"questions", conversion.questions.size()}, {"missing_media", conversion.missing_media.size()}});
    record.end(exit_code);
  }
  print(report::text_table(eval::conversion_table(conversion)) + "\n");
  for (const std::string& note : eval::conversion_notes(conversion)) print(note + "\n");
  print("\nnext: rrpo-eval eval.questions=" + (call.out / "questions.jsonl").string() + " model.path=MODEL --out DIR\n");
  finish({{"questions", json["questions"]},
          {"videos", json["videos"]},
          {"missing_media", conversion.missing_media.size()},
          {"out", call.out.string()}},
         exit_code);
  if (missing) throw_missing(conversion);
  return exit_code;
}

}  // namespace rrpo::apps
