// What an installation carries beside the programs, made from the same tables as --help: bash completion and the man page.
#include <cstdlib>

#include "app.h"
#include "rrpo/util/version.h"

namespace rrpo::apps {

namespace {

/// Words that may follow a command: its flags, and its fields with an equals sign.
std::string words_after(const Program& program, const Command& command) {
  std::string words;
  if (command.name.empty()) {
    for (const Command& other : program.commands) words += other.name.empty() ? "" : other.name + " ";
  }
  for (const Word& word : command.flags) words += word.name + " ";
  words += "--config --set --print-config --out --resume --overwrite --dry-run --log-format --quiet --help --version";
  if (takes_compat(command)) words += " --compat";
  if (command.ranks) words += " --nproc";
  for (const FieldHelp& field : command.fields()) words += " " + field.path + "=";
  return words;
}

/// A line of a man page as it stands: roff reads backslashes, and dots and quotes at the beginning.
std::string roff(const std::string& text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    begins = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else {
      out += c == '-' ? "\\-" : std::string(1, c);
    }
  }
  return out;
}

}  // namespace

std::string bash_completion(const Program& program) {
  std::string name = program.name;
  for (char& c : name) c = c == '-' ? '_' : c;
  std::string out = "# bash completion, made by: " + program.name + " --completion bash\n_" + name +
                    "() {\n  local words\n  case \"${COMP_WORDS[1]}\" in\n";
  for (const Command& command : program.commands) {
    if (!command.name.empty()) out += "    " + command.name + ") words='" + words_after(program, command) + "' ;;\n";
  }
  out += "    *) words='" + words_after(program, program.commands.front()) + "' ;;\n  esac\n";
  out += "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n";
  out += "  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null || true\n}\n";
  return out + "complete -o default -F _" + name + " " + program.name + "\n";
}

std::string man_page(const Program& program) {
  setenv("COLUMNS", "78", 1);  // a man page has a width of its own
  std::string title = program.name;
  for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string out = ".TH " + title + " 1 \"\" \"rrpo " + kVersion + "\"\n.SH NAME\n" + roff(program.name) + " \\- " +
                    roff(program.help) + "\n";
  for (const Command& command : program.commands) {
    out += ".SH " + (command.name.empty() ? std::string("THE MAIN JOB") : roff(command.name)) + "\n.nf\n" +
           roff(program_help(program, command)) + ".fi\n";
  }
  return out;
}

}  // namespace rrpo::apps
