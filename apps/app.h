// What the three programs share: the command line, help, the one place that catches everything, exit codes, run.json.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rrpo/io/existing.h"
#include "rrpo/util/fields.h"
#include "rrpo/util/json_file.h"

namespace rrpo::apps {

/// A word of the command line that is no setting, or the value of a flag of one command.
struct Word {
  std::string name;  ///< `FILE`, or `--video`
  std::string help;
  bool required = true;
  bool takes_value = true;  ///< flags: false for a switch
  bool repeats = false;     ///< the last argument: may be given several times
};

/// What the user typed, taken apart.
struct Invocation {
  std::string program, command;  ///< `rrpo-gen`, and `scenes` or empty
  ConfigSources sources;
  std::filesystem::path out;  ///< empty when not given
  io::Existing existing = io::Existing::refuse;
  bool dry_run = false, quiet = false;
  std::map<std::string, std::string> words;  ///< by Word::name, those that were given
  std::vector<std::string> more{};           ///< the last argument again, where it repeats
};

/// A table of the library that --help lists: objectives, perturbations, ….
struct HelpTable {
  std::string title;
  struct Row {
    std::string name, help;
    std::vector<FieldHelp> fields;
  };
  std::vector<Row> rows;
};

/// One job of a program.
struct Command {
  std::string name;  ///< empty: the main job
  std::string help;
  std::vector<Word> arguments;  ///< in order
  std::vector<Word> flags;
  bool needs_out = true;
  std::function<std::vector<FieldHelp>()> fields;
  std::function<int(const Invocation&)> run;         ///< returns the exit code
  std::function<std::vector<HelpTable>()> tables{};  ///< that its own help lists, beside those of the program's main job
  std::string example{};                             ///< what follows the command's name in its help: a line to start from
  std::function<Json(const ConfigSources&)> resolved{};  ///< for --print-config: files and settings with every default
  bool ranks = false;                                    ///< several processes may share it
};

/// The configuration of a command that has none.
struct NoFields {
  template <class V>
  void fields(V&) {}
};

/// Command::resolved of a configuration struct.
template <class Config>
Json resolved(const ConfigSources& sources) {
  return config_json(read_config<Config>(sources));
}

struct Program {
  std::string name, help;
  std::vector<Command> commands;
  std::function<std::vector<HelpTable>()> tables;
};

/// A program from its command line to its exit code. Nothing leaves it as an exception.
int run_program(const Program& program, int argc, char** argv);

/// Throws Error(usage) for a fault of the command line.
[[noreturn]] void bad_usage(const std::string& problem, const std::string& fix);

/// True where the command's configuration has the field `compat`.
bool takes_compat(const Command& command);

std::string program_help(const Program& program, const Command& command);

/// For `--completion bash` and `--help-man`, which the installation calls.
std::string bash_completion(const Program& program);
std::string man_page(const Program& program);

/// Rows for --help from a table whose rows have `name` and `help`; `fields(row)` gives the row's own fields.
template <class Rows, class Fields>
HelpTable help_table(std::string title, const Rows& rows, Fields fields) {
  HelpTable table{std::move(title), {}};
  for (const auto& row : rows) table.rows.push_back({row.name, row.help, fields(row)});
  return table;
}
template <class Rows>
HelpTable help_table(std::string title, const Rows& rows) {
  return help_table(std::move(title), rows, [](const auto&) { return std::vector<FieldHelp>(); });
}

/// Families of models, prompt forms and sampling rules: what every program's help lists.
std::vector<HelpTable> common_tables();

/// Prints `summary` as the last line of stdout and returns `exit_code`.
int finish(const Json& summary, int exit_code);

}  // namespace rrpo::apps
