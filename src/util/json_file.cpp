#include "rrpo/util/json_file.h"

#include <functional>
#include <unordered_set>
#include <vector>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/lines.h"

namespace rrpo {

std::string read_file(const std::filesystem::path& file, std::string_view component) {
  const Descriptor descriptor = open_to_read(file, component);
  if (file_size(descriptor) > kLargestWholeFile)
    throw Error(Fault::input, component, file.string() + ": is larger than 2 GiB", "write it as JSONL, in parts");
  std::string bytes;
  for (int64_t wanted = file_size(descriptor) + 1;; wanted = 1 << 16) {  // one more: it may have grown meanwhile
    const size_t begun = bytes.size();
    bytes.resize(begun + static_cast<size_t>(wanted));
    const int64_t got = read_at(descriptor, file, bytes.data() + begun, wanted, static_cast<int64_t>(begun));
    bytes.resize(begun + static_cast<size_t>(got));
    if (got < wanted || static_cast<int64_t>(bytes.size()) > kLargestWholeFile) return bytes;
  }
}

namespace {

/// Deeper nesting than any file of ours or of the field has; keeps the recursive parser off hostile depth.
constexpr int kMaxDepth = 64;

std::string reason(const std::string& what) {
  const size_t colon = what.find("parse error");
  return colon == std::string::npos ? what : what.substr(colon);
}

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
  each_line(file, component, [&](std::string_view content, int64_t line) {
    if (content.find_first_not_of(" \t\r") == std::string_view::npos) return;
    row(parse_json(content, component, file.string() + ":" + std::to_string(line)), line);
  });
}

std::string json_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace rrpo
