#include "config_reader.h"

#include <cmath>

namespace rrpo::model {

ConfigReader::ConfigReader(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
  if (!json_.is_object()) {
    throw Error(Fault::input, "model", "config.json" + (place_.empty() ? "" : "#" + place_) + ": not an object",
                "take config.json of the original checkpoint");
  }
}

void ConfigReader::refuse(const std::string& key, const std::string& problem) const {
  throw Error(Fault::input, "model", "config.json#" + place_ + key + ": " + problem,
              "use a checkpoint of a supported kind, with its own config.json");
}

bool ConfigReader::has(const std::string& key) const { return json_.contains(key) && !json_.at(key).is_null(); }

const Json& ConfigReader::at(const std::string& key) const {
  if (!has(key)) refuse(key, "missing");
  return json_.at(key);
}

ConfigReader ConfigReader::object(const std::string& key) const { return {at(key), place_ + key + "."}; }

int64_t ConfigReader::integer(const std::string& key, int64_t low, int64_t high) const {
  const Json& value = at(key);
  if (!value.is_number_integer() || value.get<double>() < static_cast<double>(low) ||
      value.get<double>() > static_cast<double>(high)) {
    refuse(key, "not a whole number from " + std::to_string(low) + " to " + std::to_string(high) + ": " +
                    printable(value.dump(-1, ' ', true, Json::error_handler_t::replace)));
  }
  return value.get<int64_t>();
}

double ConfigReader::number(const std::string& key) const {
  const Json& value = at(key);
  if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() <= 0) {
    refuse(key, "not a number above zero: " + printable(value.dump(-1, ' ', true, Json::error_handler_t::replace)));
  }
  return value.get<double>();
}

double ConfigReader::number(const std::string& key, double standard) const { return has(key) ? number(key) : standard; }

bool ConfigReader::flag(const std::string& key, bool standard) const {
  if (!has(key)) return standard;
  if (!at(key).is_boolean()) refuse(key, "neither true nor false");
  return at(key).get<bool>();
}

std::string ConfigReader::text(const std::string& key, const std::string& standard) const {
  if (!has(key)) return standard;
  if (!at(key).is_string()) refuse(key, "not a text");
  return at(key).get<std::string>();
}

void ConfigReader::only(const std::string& key, const Json& value) const {
  if (!has(key) || at(key) == value) return;
  refuse(key,
         printable(at(key).dump(-1, ' ', true, Json::error_handler_t::replace)) + " is not supported, only " + value.dump());
}

}  // namespace rrpo::model
