// A --config file, and its lines as path=value settings.
#include "rrpo/io/chat.h"
#include "rrpo/util/settings.h"

#include "fuzz.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const fuzz::MemoryFile file(text);
  const std::vector<FieldHelp> fields = describe<io::ChatFields>();
  fuzz::tolerate([&] {
    check_layer(file.path(), fields);
    config_json(read_config<io::ChatFields>({{file.path()}, {}}));
  });
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string setting = text.substr(begin, end - begin);
    fuzz::tolerate([&] { read_config<io::ChatFields>({{}, {typed_setting(setting, fields)}}); });
    begin = end + 1;
  }
  return 0;
}
