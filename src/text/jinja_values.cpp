#include "jinja_values.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace rrpo::text {
namespace {

constexpr size_t kMaxText = 1 << 16;  // of a value: a sum of sums grows fast

/// `selectattr('type', 'equalto', 'video')`.
Value select_by(const Json& list, const std::vector<Value>& given) {
  if (!list.is_array() || given.size() != 3 || !given[0] || !given[1] || !given[2]) return std::nullopt;
  if (!given[0]->is_string() || (*given[1] != Json("equalto") && *given[1] != Json("=="))) return std::nullopt;
  Json chosen = Json::array();
  for (const Json& one : list) {
    if (one.is_object() && one.value(given[0]->get<std::string>(), Json()) == *given[2]) chosen.push_back(one);
  }
  return chosen;
}

}  // namespace

Value look_up(const Scopes& scopes, const std::string& name) {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    if (scope->contains(name)) return scope->at(name);
  }
  if (name.ends_with("_token")) return std::nullopt;  // transformers gives the tokenizer's own to every template
  return Json();
}

Value element(const Value& of, const Value& key) {
  if (!of || !key || of->is_null()) return std::nullopt;
  if (key->is_string() && of->is_object()) return of->value(key->get<std::string>(), Json());
  if (key->is_string()) return Json();  // an attribute that the value does not have
  if (!key->is_number_integer() || !of->is_array()) return std::nullopt;
  const auto size = static_cast<int64_t>(of->size()), given = key->get<int64_t>();
  const int64_t at = given < 0 ? given + size : given;
  if (at < 0 || at >= size) return Json();
  return of->at(static_cast<size_t>(at));
}

Value sum(const Value& a, const Value& b) {
  if (!a || !b) return std::nullopt;
  if (a->is_number_integer() && b->is_number_integer()) {
    const auto left = a->get<int64_t>(), right = b->get<int64_t>();
    if (std::max(std::abs(left), std::abs(right)) > INT32_MAX) return std::nullopt;
    return Json(left + right);
  }
  if (!a->is_string() || !b->is_string()) return std::nullopt;
  std::string joined = a->get<std::string>() + b->get<std::string>();
  if (joined.size() > kMaxText) return std::nullopt;
  return Json(std::move(joined));
}

Value contains(const Value& item, const Value& in) {
  if (!item || !in) return std::nullopt;
  if (in->is_array()) return Json(std::find(in->begin(), in->end(), *item) != in->end());
  if (!item->is_string()) return std::nullopt;
  if (in->is_object()) return Json(in->contains(item->get<std::string>()));
  if (in->is_string()) return Json(in->get<std::string>().find(item->get<std::string>()) != std::string::npos);
  return std::nullopt;
}

Value test(const Value& value, const std::string& name) {
  if (!value) return std::nullopt;
  if (name == "defined") return Json(!value->is_null());
  if (name == "undefined" || name == "none") return Json(value->is_null());
  if (name == "string") return Json(value->is_string());
  if (name == "mapping") return Json(value->is_object());
  if (name == "number") return Json(value->is_number());
  if (name == "sequence" || name == "iterable") return Json(value->is_array() || value->is_string() || value->is_object());
  if (name == "true") return Json(*value == Json(true));
  if (name == "false") return Json(*value == Json(false));
  return std::nullopt;
}

Value filter(const Value& value, const std::string& name, const std::vector<Value>& given) {
  if (!value) return std::nullopt;
  if (name == "selectattr") return select_by(*value, given);
  if (!given.empty()) return std::nullopt;
  if ((name == "length" || name == "count") && value->is_array()) return Json(value->size());
  if (name == "list" && value->is_array()) return value;
  if (name == "first" && value->is_array()) return element(value, Json(0));
  if (name == "last" && value->is_array()) return element(value, Json(-1));
  return std::nullopt;
}

bool truth(const Json& value) {
  if (value.is_null()) return false;
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != Json(0);
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();
}

}  // namespace rrpo::text
