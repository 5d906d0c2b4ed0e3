#include "safetensors_header.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "rrpo/util/error.h"

namespace rrpo::io {

namespace {

/// Deeper than any header needs, and far from what could exhaust a stack.
constexpr int kMaxDepth = 16;
constexpr size_t kMaxDimensions = 64;

/// Receives the parser's events. The format is an object of objects, so a level and the last two keys are the whole state.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(const std::string& file) : file_(file) {}
  Header take() { return std::move(header_); }

  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("a boolean"); }
  bool number_float(number_float_t, const string_t&) override { return other("a number that is no 64-bit integer"); }
  bool binary(binary_t&) override { return other("binary data"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX)) return other("a number beyond 2^63");
    return integer(static_cast<int64_t>(value));
  }
  bool number_integer(number_integer_t value) override { return integer(value); }

  bool string(string_t& value) override {
    if (depth_ == 2 && in_metadata_) {
      header_.metadata[field_] = value;
    } else if (depth_ == 2 && field_ == "dtype") {
      header_.tensors.back().dtype = value;
    } else {
      return other("a text");
    }
    return true;
  }

  bool start_object(size_t) override {
    if (depth_ >= 1 && !(depth_ == 1 || ignored())) fail("an object where none belongs");
    deeper();
    return true;
  }

  bool key(string_t& name) override {
    if (depth_ == 1) {
      begin_tensor(name);
    } else if (depth_ == 2) {
      if (!fields_.insert(name).second) fail("\"" + name + "\" stands twice");
      field_ = name;
    }
    return true;
  }

  bool end_object() override {
    if (depth_ == 2 && !in_metadata_) end_tensor();
    --depth_;
    return true;
  }

  bool start_array(size_t) override {
    if (depth_ < 2 || (depth_ == 2 && !ignored() && !is_list())) fail("a list where none belongs");
    if (depth_ > 2 && !ignored()) fail("a list inside \"" + field_ + "\"");
    deeper();
    return true;
  }

  bool end_array() override {
    --depth_;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string what = error.what();
    const size_t reason = what.find(": ");
    tensor_.clear();
    fail("broken JSON at byte " + std::to_string(8 + position) + (reason == std::string::npos ? "" : what.substr(reason)));
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(Fault::input, "weights",
                file_ + (tensor_.empty() ? "" : "#" + printable(tensor_, 80)) + ": header: " + problem,
                "download or write the file again");
  }

  bool is_list() const { return field_ == "shape" || field_ == "data_offsets"; }
  /// Inside a field that the format does not know: skipped, as the format's own reader does.
  bool ignored() const { return depth_ >= 2 && !in_metadata_ && !is_list() && field_ != "dtype"; }

  /// A value of a kind that only an unknown field may have.
  bool other(const std::string& kind) const {
    if (!ignored())
      fail((depth_ >= 2 ? "\"" + field_ + "\" holds " : std::string("holds ")) + kind + " where it does not belong");
    return true;
  }

  bool integer(int64_t value) {
    if (depth_ != 3 || !is_list() || in_metadata_) return other("a number");
    HeaderTensor& tensor = header_.tensors.back();
    if (value < 0) fail("\"" + field_ + "\" holds a negative number");
    if (field_ == "shape") {
      if (tensor.shape.size() == kMaxDimensions) fail("more than 64 dimensions");
      tensor.shape.push_back(value);
    } else {
      if (offsets_ == 2) fail("\"data_offsets\" holds more than two numbers");
      (offsets_++ == 0 ? tensor.begin : tensor.end) = value;
    }
    return true;
  }

  void deeper() {
    if (++depth_ > kMaxDepth) fail("nested too deep");
  }

  void begin_tensor(const std::string& name) {
    tensor_ = name;
    if (!names_.insert(name).second) fail("\"" + printable(name, 60) + "\" stands twice");
    in_metadata_ = name == "__metadata__";
    fields_.clear();
    field_.clear();
    offsets_ = 0;
    if (!in_metadata_) header_.tensors.push_back({.name = name, .dtype = "", .shape = {}});
  }

  void end_tensor() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (!fields_.contains(field)) fail(std::string("\"") + field + "\" is missing");
    }
    if (offsets_ != 2) fail("\"data_offsets\" needs two numbers");
  }

  const std::string& file_;
  Header header_;
  int depth_ = 0;
  bool in_metadata_ = false;
  int offsets_ = 0;
  std::string tensor_, field_;
  std::unordered_set<std::string> names_, fields_;
};

}  // namespace

Header parse_header(std::string_view text, const std::string& file) {
  const auto fail = [&](const std::string& problem) {
    throw Error(Fault::input, "weights", file + ": header: " + problem, "download or write the file again");
  };
  // The parser would take a NUL for the end of the text and skip a byte order mark.
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || text[begin] != '{') fail("does not begin with {");
  if (text.find('\0') != std::string_view::npos) fail("holds a NUL byte");
  Reader reader(file);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader, nlohmann::json::input_format_t::json, true, false);
  return reader.take();
}

}  // namespace rrpo::io
