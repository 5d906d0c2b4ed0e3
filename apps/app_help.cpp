#include <algorithm>

#include "app.h"
#include "rrpo/model/family.h"
#include "rrpo/text/chat.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/table.h"
#include "rrpo/video/sampling.h"

namespace rrpo::apps {

namespace {

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

/// Two columns; the second wraps under itself.
std::string line(const std::string& left, const std::string& right, size_t width, size_t indent = 2) {
  constexpr size_t kColumns = 110;
  const size_t room = kColumns - width - indent;
  std::string out = std::string(indent, ' ') + padded(left, width);
  std::string rest = right;
  while (rest.size() > room) {
    size_t cut = rest.rfind(' ', room);
    if (cut == std::string::npos) cut = room;
    out += rest.substr(0, cut) + "\n" + std::string(width + indent, ' ');
    rest.erase(0, cut + 1);
  }
  return out + rest + "\n";
}

std::string usage_line(const Program& program, const Command& command) {
  std::string out = "usage: " + program.name + (command.name.empty() ? "" : " " + command.name);
  for (const Word& word : command.arguments) out += " " + word.name + (word.repeats ? "…" : "");
  for (const Word& word : command.flags) {
    const std::string flag = word.name + (word.takes_value ? " …" : "");
    out += word.required ? " " + flag : " [" + flag + "]";
  }
  return out + " [--config FILE]… [path=value]… " + (command.needs_out ? "--out DIR" : "[--out DIR]") + " [flags]\n";
}

std::string flags_help(const Command& command) {
  std::string out = "\nflags\n";
  for (const Word& word : command.arguments) out += line(word.name, word.help, 22);
  for (const Word& word : command.flags) out += line(word.name, word.help, 22);
  const std::vector<std::pair<const char*, const char*>> common = {
      {"--config FILE", "JSON with comments; may be given several times, later files lie over earlier ones"},
      {"--set path=value", "sets one field; the bare path=value does the same"},
      {"--out DIR", "folder of the results"},
      {"--resume", "go on where an earlier run in --out stopped; starts where there is none"},
      {"--overwrite", "remove the results of an earlier run in --out first"},
      {"--dry-run", "read, check and count everything, print the plan, write nothing"},
      {"--compat official", "reproduce the authors' known quirks, where a command has some; --help of it lists them"},
      {"--log-format F", "text or json"},
      {"--quiet", "no progress and no information on stderr"},
      {"--help, --version", ""},
  };
  for (const auto& [flag, help] : common) out += line(flag, help, 22);
  return out;
}

std::string fields_help(const std::vector<FieldHelp>& fields, size_t indent = 2) {
  size_t path = 0, type = 0, standard = 0;
  for (const FieldHelp& field : fields) {
    path = std::max(path, field.path.size());
    type = std::max(type, field.type.size());
    standard = std::max(standard, std::min<size_t>(field.standard.size(), 24));
  }
  std::string out;
  for (const FieldHelp& field : fields) {
    const std::string left = padded(field.path, path + 2) + padded(field.type, type + 2) + padded(field.standard, standard);
    out += line(left, (field.standard.size() > standard ? "  " : "") + field.help, path + type + standard + 6, indent);
  }
  return out;
}

/// What --compat official changes in this command; empty where it changes nothing.
std::string quirks_help(const std::string& command) {
  std::string out;
  for (const Quirk& quirk : quirks()) {
    if (std::find(quirk.commands.begin(), quirk.commands.end(), command) == quirk.commands.end()) continue;
    out += line(quirk.name, quirk.what + ".", 14) + line("", "Why not by default: " + quirk.reason + ".", 14) +
           line("", "Source: " + quirk.source + ".", 14);
  }
  return out.empty() ? out : "\n--compat official (compat=official) reproduces the authors' code in these points\n" + out;
}

std::string tables_help(const std::vector<HelpTable>& tables) {
  std::string out;
  for (const HelpTable& table : tables) {
    out += "\n" + table.title + "\n";
    size_t width = 0;
    for (const HelpTable::Row& row : table.rows) width = std::max(width, row.name.size());
    for (const HelpTable::Row& row : table.rows) {
      out += line(row.name, row.help, width + 2);
      out += fields_help(row.fields, 6);
    }
  }
  return out;
}

}  // namespace

std::string program_help(const Program& program, const Command& command) {
  std::string out = usage_line(program, command) + "\n" + command.help + "\n";
  if (command.name.empty()) {
    out = program.name + ": " + program.help + "\n" + out;
    if (program.commands.size() > 1) out += "\nsub-commands (" + program.name + " NAME --help)\n";
    for (const Command& other : program.commands) {
      if (!other.name.empty()) out += line(other.name, other.help, 22);
    }
  }
  out += flags_help(command);
  out += "\nfields: path, type, default, meaning\n" + fields_help(command.fields());
  out += quirks_help(program.name + (command.name.empty() ? "" : " " + command.name));
  if (command.tables) out += tables_help(command.tables());
  if (command.name.empty() && program.tables) out += tables_help(program.tables());
  out +=
      "\nexit codes: 0 done, 2 usage, 3 bad input, 4 environment, 5 numerics, 6 judge unusable, 8 more failures than "
      "allowed, 130/143 "
      "stopped\n";
  return out;
}

std::vector<HelpTable> common_tables() {
  HelpTable sampling{"sampling rules (video.sampling)", {}};
  for (const std::string& rule : video::sampling_rules()) {
    sampling.rows.push_back({rule, rule == "authors" ? "int(n/F*i)" : "int of linspace(0, n-1, F)", {}});
  }
  return {help_table("families of models (recognised by config.json)", model::families()),
          help_table("prompt forms (model.prompt)", text::chat_templates()), std::move(sampling)};
}

}  // namespace rrpo::apps
