#include <algorithm>

#include "app.h"
#include "app_columns.h"
#include "rrpo/model/family.h"
#include "rrpo/text/chat.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/table.h"
#include "rrpo/video/sampling.h"

namespace rrpo::apps {

namespace {

constexpr size_t kFlagColumn = 24;
constexpr size_t kLongestStandard = 24;  // a longer default pushes its help to the next line

std::string full_name(const Program& program, const Command& command) {
  return program.name + (command.name.empty() ? "" : " " + command.name);
}

std::string usage_line(const Program& program, const Command& command) {
  std::string out = "usage: " + full_name(program, command);
  for (const Word& word : command.arguments) out += " " + word.name + (word.repeats ? "…" : "");
  for (const Word& word : command.flags) {
    const std::string flag = word.name + (word.takes_value ? " …" : "");
    out += word.required ? " " + flag : " [" + flag + "]";
  }
  out += " [--config FILE]… [path=value]… " + std::string(command.needs_out ? "--out DIR" : "[--out DIR]") + " [flags]";
  return paragraph(out, 0, 4);
}

std::string flags_help(const Command& command) {
  std::string out = "\nflags\n";
  const auto add = [&](const std::string& flag, const std::string& help) { out += two_columns(flag, help, kFlagColumn); };
  for (const Word& word : command.arguments) add(word.name, word.help);
  for (const Word& word : command.flags) add(word.name, word.help);
  add("--config FILE", "JSON with comments; may be given several times, later files lie over earlier ones");
  add("--set path=value", "sets one field; the bare path=value does the same");
  add("--print-config", "print the configuration as it is resolved, run nothing");
  add("--out DIR", "folder of the results");
  add("--resume", "go on where an earlier run in --out stopped; starts where there is none");
  add("--overwrite", "remove the results of an earlier run in --out first");
  add("--dry-run", "read, check and count everything, print the plan, write nothing");
  if (takes_compat(command)) add("--compat official", "reproduce the authors' known quirks, listed below");
  if (command.ranks)
    add("--nproc N", "start N ranks on this machine that share the run: one a GPU, or a share of the cores each");
  add("--log-format F", "text or json");
  add("--quiet", "no progress and no information on stderr");
  add("--help, --version", "");
  return out;
}

/// Path, type and default in columns, as far as they leave room for the meaning; else the meaning stands below them.
std::string fields_help(const std::vector<FieldHelp>& fields, size_t indent = 2) {
  size_t path = 0, type = 0, standard = 0;
  for (const FieldHelp& field : fields) {
    path = std::max(path, field.path.size());
    type = std::max(type, field.type.size());
    standard = std::max(standard, std::min(field.standard.size(), kLongestStandard));
  }
  const size_t at = indent + path + type + standard + 6;
  const bool columns = at + 34 <= terminal_columns();
  std::string out;
  for (const FieldHelp& field : fields) {
    const std::string left = columns ? padded(field.path, path + 2) + padded(field.type, type + 2) + field.standard
                                     : field.path + "  (" + field.type + ", " + field.standard + ")";
    out += two_columns(left, field.help, columns ? at : terminal_columns(), indent);
  }
  return out;
}

/// What --compat official changes in this command; empty where it changes nothing.
std::string quirks_help(const std::string& command) {
  std::string out;
  for (const Quirk& quirk : quirks()) {
    if (std::find(quirk.commands.begin(), quirk.commands.end(), command) == quirk.commands.end()) continue;
    out += two_columns(quirk.name, quirk.what + ".", 16);
    out += paragraph("Why not by default: " + quirk.reason + ".", 16) + paragraph("Source: " + quirk.source + ".", 16);
  }
  if (out.empty()) return out;
  return "\n" + paragraph("--compat official (compat=official) reproduces the authors' code in these points") + out;
}

std::string tables_help(const std::vector<HelpTable>& tables) {
  std::string out;
  for (const HelpTable& table : tables) {
    out += "\n" + paragraph(table.title);
    size_t width = 0;
    for (const HelpTable::Row& row : table.rows) width = std::max(width, row.name.size());
    for (const HelpTable::Row& row : table.rows) {
      out += two_columns(row.name, row.help, width + 4);
      out += fields_help(row.fields, 6);
    }
  }
  return out;
}

std::string exit_codes_help() {
  const std::vector<std::pair<const char*, const char*>> codes = {
      {"0", "done"},
      {"1", "a fault of this program: please report it"},
      {"2", "wrong usage or configuration"},
      {"3", "bad input"},
      {"4", "environment: disk, memory, lock, device, results that are there already"},
      {"5", "numerics: a value that is not finite"},
      {"6", "the judge cannot be used; what was made is kept"},
      {"7", "another process of the run was lost"},
      {"8", "finished, with more failures than allowed, or a check failed"},
      {"130, 143", "stopped by SIGINT, SIGTERM after saving (128 + number of the signal)"},
  };
  std::string out = "\nexit codes\n";
  for (const auto& [code, meaning] : codes) out += two_columns(code, meaning, 12);
  return out;
}

std::string heading(const Program& program, const Command& command) {
  std::string out = command.name.empty() ? paragraph(program.name + ": " + program.help) : "";
  out += usage_line(program, command);
  if (!command.example.empty()) out += "\nexample\n" + shell_line(full_name(program, command) + " " + command.example, 2);
  return out + "\n" + paragraph(command.help);
}

}  // namespace

bool takes_compat(const Command& command) {
  const std::vector<FieldHelp> fields = command.fields();
  return std::any_of(fields.begin(), fields.end(), [](const FieldHelp& field) { return field.path == "compat"; });
}

std::string program_help(const Program& program, const Command& command) {
  std::string out = heading(program, command);
  if (command.name.empty() && program.commands.size() > 1) {
    out += "\nsub-commands (" + program.name + " NAME --help)\n";
    for (const Command& other : program.commands) {
      if (!other.name.empty()) out += two_columns(other.name, other.help, kFlagColumn);
    }
  }
  out += flags_help(command);
  out += "\nfields: path, type, default, meaning\n" + fields_help(command.fields());
  out += quirks_help(full_name(program, command));
  if (command.tables) out += tables_help(command.tables());
  if (command.name.empty() && program.tables) out += tables_help(program.tables());
  return out + exit_codes_help();
}

std::vector<HelpTable> common_tables() {
  HelpTable families = help_table("families of models (recognised by config.json)", model::families());
  for (size_t i = 0; i < families.rows.size(); ++i)
    families.rows[i].help += "; its own frames: video.sampling=" + model::families()[i].sampling;
  return {std::move(families), help_table("prompt forms (model.prompt)", text::chat_templates()),
          help_table("sampling rules (video.sampling): n frames, F = video.frames", video::samplers())};
}

}  // namespace rrpo::apps
