#include "rrpo/util/json_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <unordered_set>
#include <vector>

namespace rrpo {

std::string read_file(const std::filesystem::path& file, std::string_view component) {
  std::error_code code;
  if (std::filesystem::is_directory(file, code)) {
    throw Error(Fault::input, component, file.string() + ": is a folder, a file is expected", "give the file itself");
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw Error(Fault::input, component, file.string() + ": " + std::strerror(errno), "check the path and its permissions");
  }
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return std::move(bytes).str();
}

namespace {

/// Deeper nesting than any file of ours or of the field has; keeps the recursive parser off hostile depth.
constexpr int kMaxDepth = 64;

std::string reason(const std::string& what) {
  const size_t colon = what.find("parse error");
  return colon == std::string::npos ? what : what.substr(colon);
}

}  // namespace

namespace {

/// Watches a parser: nothing nested too deep, and no key twice in one object, of which all but the last would vanish.
class Watch {
 public:
  Watch(Fault fault, std::string_view component, std::string_view place)
      : fault_(fault), component_(component), place_(place) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kMaxDepth) fail("nested deeper than 64 levels", "flatten it");
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) fail("the key '" + printable(key, 60) + "' stands twice", "keep one of them");
    }
    return true;
  }

 private:
  [[noreturn]] void fail(const std::string& what, const char* fix) const {
    throw Error(fault_, component_, std::string(place_) + ": " + what, fix);
  }
  Fault fault_;
  std::string_view component_, place_;
  std::vector<std::unordered_set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view component, std::string_view place, Fault fault) {
  Watch watch(fault, component, place);
  try {
    return Json::parse(text, std::ref(watch), true, true);
  } catch (const nlohmann::json::exception& error) {
    throw Error(fault, component, std::string(place) + ": " + reason(error.what()), "correct the JSON");
  }
}

Json read_json(const std::filesystem::path& file, std::string_view component, Fault fault) {
  return parse_json(read_file(file, component), component, file.string(), fault);
}

void each_json_line(const std::filesystem::path& file, std::string_view component,
                    const std::function<void(const Json&, int64_t)>& row) {
  const std::string text = read_file(file, component);
  int64_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    const std::string_view content(text.data() + begin, end - begin);
    ++line;
    begin = end + 1;
    if (content.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    row(parse_json(content, component, file.string() + ":" + std::to_string(line)), line);
  }
}

std::string json_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace rrpo
