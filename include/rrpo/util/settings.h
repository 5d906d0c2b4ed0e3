// What a user types or hands over as configuration, looked at before it is read: with its place, its type and his habits.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/util/fields.h"

namespace rrpo {

/// Throws Error(usage) for a `path=value` whose bytes are no UTF-8: no record of the run could hold it.
void check_text(const std::string& setting);

/// `path=value` so that apply_setting reads what stands there as text where the field is text or paths: a model may be
/// called 4. JSON in quotes, a list for a list and null where it may be stay what they are.
std::string typed_setting(const std::string& setting, const std::vector<FieldHelp>& fields);

/// What a user has given, in files and settings, without the defaults.
Json given_settings(const ConfigSources& sources);

/// Looks at a `--config` file. Throws Error(usage) with the line of a key that is given twice or that `fields` lacks, and
/// for the configuration files of other programs.
void check_layer(const std::filesystem::path& file, const std::vector<FieldHelp>& fields);

/// What to write instead of `name`, which other trainers have; empty when it is not known.
std::string hint_of(const std::string& name);

}  // namespace rrpo
