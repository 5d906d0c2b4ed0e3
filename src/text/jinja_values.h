// What can be done with values in Jinja, and how their expressions are read. A value is JSON; nothing at all stands for one
// that came by something that is not understood.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::text {

using Value = std::optional<Json>;

/// Names and their values, the innermost scope last. Each is a JSON object.
using Scopes = std::vector<Json>;

/// The value of an expression; null for what is not defined. Throws Error(input, "text") for what is no expression.
Value evaluate(std::string_view expression, const Scopes& scopes);

/// Whether a condition holds of a value.
bool truth(const Json& value);

Value look_up(const Scopes& scopes, const std::string& name);
/// `of[key]`, `of.key`; what is not there is null.
Value element(const Value& of, const Value& key);
/// Of two numbers or two texts.
Value sum(const Value& a, const Value& b);
Value contains(const Value& item, const Value& in);
/// `value is name`.
Value test(const Value& value, const std::string& name);
/// `value | name(given)`.
Value filter(const Value& value, const std::string& name, const std::vector<Value>& given);

}  // namespace rrpo::text
