#include "app.h"

#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <optional>

#include "app_faults.h"
#include "app_ranks.h"
#include "app_streams.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/memory.h"
#include "rrpo/report/progress.h"
#include "rrpo/util/launch.h"
#include "rrpo/util/log.h"
#include "rrpo/util/ranks.h"
#include "rrpo/util/settings.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"
#include "rrpo/util/version.h"

namespace rrpo::apps {

namespace {

/// Flags as CLI11 reads them, before they are checked.
struct Flags {
  std::vector<std::string> config, set, words;
  std::string out, log_format = "text", compat, nproc;
  std::map<std::string, std::string> own;
  bool resume = false, overwrite = false, dry_run = false, quiet = false, help = false, version = false,
       print_config = false;
};

/// `optim.lr=1e-3`, as opposed to a sentence that holds an equals sign.
bool is_setting(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return false;
  return word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == equals;
}

void declare(CLI::App& app, const Command& command, Flags& flags) {
  app.set_help_flag("");
  app.allow_extras();
  app.add_option("--config", flags.config)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--set", flags.set)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--out", flags.out);
  app.add_option("--log-format", flags.log_format);
  app.add_option("--compat", flags.compat);
  app.add_option("--nproc", flags.nproc);
  app.add_flag("--resume", flags.resume);
  app.add_flag("--overwrite", flags.overwrite);
  app.add_flag("--dry-run", flags.dry_run);
  app.add_flag("--quiet", flags.quiet);
  app.add_flag("--print-config", flags.print_config);
  app.add_flag("--help,-h", flags.help);
  app.add_flag("--version", flags.version);
  for (const Word& word : command.flags) {
    std::string& value = flags.own[word.name];
    if (word.takes_value) {
      app.add_option(word.name, value);
    } else {
      app.add_flag_callback(word.name, [&value] { value = "yes"; });
    }
  }
}

/// What to write instead of `--seed 3` or `--learning_rate=1e-4`: fields are no flags here. Empty where no field is meant.
std::string as_setting(const Command& command, const std::string& flag, const std::string& value) {
  std::string name = flag.substr(flag.find_first_not_of('-'));
  std::replace(name.begin(), name.end(), '-', '_');
  const std::string hint = hint_of(name);
  std::string field;
  for (const FieldHelp& one : command.fields()) {
    const bool last = one.path.ends_with("." + name);
    if (one.path == name || (last && field.empty() && hint.empty())) field = one.path;
  }
  if (field.empty()) return hint;
  return "write " + field + "=" + (value.empty() ? "VALUE" : printable(value, 60)) + ", without dashes";
}

[[noreturn]] void unknown_flag(const CLI::App& app, const Command& command, const std::string& word,
                               const std::string& next) {
  const std::string flag = word.substr(0, word.find('='));
  const std::string value = flag.size() < word.size() ? word.substr(flag.size() + 1) : next.starts_with("-") ? "" : next;
  if (const std::string fix = flag.starts_with("--") && flag.size() > 2 ? as_setting(command, flag, value) : "";
      !fix.empty())
    bad_usage(printable(flag) + " is not a flag of this command", fix);
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const std::string close = nearest(flag, known);
  bad_usage(printable(flag) + " is not a flag of this command",
            close.empty() ? "--help lists the flags; a field is written path=value" : "did you mean " + close + "?");
}

Flags parse_flags(const Command& command, std::vector<std::string> arguments) {
  CLI::App app;
  Flags flags;
  declare(app, command, flags);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    bad_usage(error.what(), "--help shows how the command is written");
  }
  flags.words = app.remaining();
  for (size_t i = 0; i < flags.words.size(); ++i) {
    if (flags.words[i].starts_with("-") && flags.words[i].size() > 1)
      unknown_flag(app, command, flags.words[i], i + 1 < flags.words.size() ? flags.words[i + 1] : "");
  }
  return flags;
}

/// Sorts the words that are no flags into settings and arguments.
void place_words(const Command& command, const Flags& flags, Invocation& call) {
  size_t next = 0;
  for (const std::string& word : flags.words) {
    if (is_setting(word)) {
      call.sources.settings.push_back(word);
    } else if (next < command.arguments.size()) {
      call.words[command.arguments[next++].name] = word;
    } else if (!command.arguments.empty() && command.arguments.back().repeats) {
      call.more.push_back(word);
    } else {
      bad_usage("'" + printable(word) + "' is neither a field (path=value) nor expected here", "--help lists the arguments");
    }
  }
  for (const Word& word : command.arguments) {
    if (word.required && !call.words.contains(word.name)) bad_usage(word.name + " is missing", "give " + word.help);
  }
  for (const Word& word : command.flags) {
    const std::string& value = flags.own.at(word.name);
    if (!value.empty()) call.words[word.name] = value;
    if (word.required && value.empty()) bad_usage(word.name + " is missing", "give " + word.help);
  }
}

/// `--compat official` is the field `compat` of the command's configuration.
void place_compat(const Command& command, const std::string& value, Invocation& call) {
  if (value.empty()) return;
  if (!takes_compat(command))
    bad_usage("--compat: this command has no quirk of the authors' code to reproduce", "leave it out");
  call.sources.settings.push_back("compat=" + value);
}

Invocation invocation(const Program& program, const Command& command, const Flags& flags) {
  Invocation call{program.name, command.name, {}, flags.out, io::Existing::refuse, flags.dry_run, flags.quiet, {}};
  for (const std::string& file : flags.config) {
    if (!std::filesystem::is_regular_file(file))
      throw Error(Fault::usage, "config", file + ": is no file", "check the path given to --config");
    check_layer(file, command.fields());
    call.sources.files.emplace_back(file);
  }
  call.sources.settings = flags.set;
  place_compat(command, flags.compat, call);
  place_words(command, flags, call);
  for (std::string& setting : call.sources.settings) setting = typed_setting(setting, command.fields());
  if (flags.resume && flags.overwrite) bad_usage("--resume and --overwrite contradict each other", "give one of them");
  if (flags.resume) call.existing = io::Existing::resume;
  if (flags.overwrite) call.existing = io::Existing::overwrite;
  if (flags.log_format != "text" && flags.log_format != "json")
    bad_usage("--log-format " + printable(flags.log_format) + " is none of text, json", "--log-format text");
  if (command.needs_out && call.out.empty() && !call.dry_run)
    bad_usage("--out is missing", "name a folder for the results: --out DIR");
  return call;
}

const Command& choose_command(const Program& program, std::vector<std::string>& arguments) {
  const std::string first = arguments.empty() || arguments[0].starts_with("-") ? "" : arguments[0];
  if (first.empty() || is_setting(first)) return program.commands.front();
  const Command* command = find_row(program.commands, first);
  if (command == nullptr) {
    std::vector<std::string> names = row_names(program.commands);
    std::erase(names, "");
    const std::string close = nearest(first, names);
    bad_usage("'" + printable(first) + "' is no sub-command of " + program.name,
              close.empty() ? "one of: " + join(names) + "; the main job has no name" : "did you mean '" + close + "'?");
  }
  arguments.erase(arguments.begin());
  return *command;
}

/// The two pages that an installation asks for; null for any other command line.
std::function<std::string(const Program&)> install_page(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"--completion", "bash"}) return bash_completion;
  if (arguments == std::vector<std::string>{"--help-man"}) return man_page;
  return nullptr;
}

int dispatch(const Program& program, std::vector<std::string> arguments) {
  if (const auto page = install_page(arguments)) {
    print(page(program));
    return 0;
  }
  const std::vector<std::string> typed = arguments;
  const Command& command = choose_command(program, arguments);
  const Flags flags = parse_flags(command, std::move(arguments));
  if (flags.help) {
    print(program_help(program, command));
    return 0;
  }
  if (flags.version) {
    print(program.name + " " + kVersion + "\n");
    return 0;
  }
  const Invocation call = invocation(program, command, flags);
  if (flags.print_config) {
    print(command.resolved(call.sources).dump(2) + "\n");
    return 0;
  }
  const bool json = flags.log_format == "json";
  open_log(json ? LogFormat::json : LogFormat::text, call.quiet);
  if (const int64_t ranks = ranks_of(command, flags.nproc); ranks > 1) return launch_ranks(ranks, as_rank(program, typed));
  if (!command.ranks) require_one_process("command line");
  report::open_progress(call.quiet || json ? report::ProgressMode::off : report::ProgressMode::automatic);
  return command.run(call);
}

/// The format of the log, before the command line is known to be right.
LogFormat log_format(int argc, char** argv) {
  LogFormat format = LogFormat::text;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i], next = i + 1 < argc ? argv[i + 1] : "";
    const bool json = word == "--log-format=json" || (word == "--log-format" && next == "json");
    if (json) format = LogFormat::json;
  }
  return format;
}

/// True where the command line leaves room for a GPU: CUDA must be opened before anything else asks LibTorch for it.
bool may_use_gpu(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "device=cpu" || word == "--help" || word == "--help-man" || word == "--completion" || word == "-h" ||
        word == "--version")
      return false;
    if (word.starts_with("--nproc") && word != "--nproc=1" && (i + 1 == argc || std::string(argv[i + 1]) != "1"))
      return false;  // its ranks use them
  }
  return true;
}

}  // namespace

void bad_usage(const std::string& problem, const std::string& fix) {
  throw Error(Fault::usage, "command line", problem, fix);
}

int run_program(const Program& program, int argc, char** argv) {
  try {
    open_standard_streams();
    follow_launcher();
    if (const int64_t rank = own_rank(); rank > 0) log_rank(rank);
    policy::keep_freed_memory();
    if (may_use_gpu(argc, argv)) policy::open_cuda();
    policy::throw_where_memory_ends();
    at::set_num_threads(1);  // parallelism is over samples; what wants more threads in an operation says so
    install_stop_signals();
    return dispatch(program, {argv + 1, argv + argc});
  } catch (...) {
    const std::optional<Error> error = caught();
    if (!error) return 128 + stop_signal();
    log_failure(log_format(argc, argv), error->what(), error->exit_code());
    return error->exit_code();
  }
}

int finish(const Json& summary, int exit_code) {
  // A terminal obeys some characters beyond ASCII too, and names of files may hold them.
  print(summary.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n");
  return exit_code;
}

}  // namespace rrpo::apps
