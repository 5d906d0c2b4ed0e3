// A chat template of a checkpoint, written as far as it is understood.
#include "fuzz.h"
#include "rrpo/text/chat.h"
#include "rrpo/text/jinja.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  fuzz::tolerate([&] {
    text::render_template(text, {{"messages", {{{"role", "user"}, {"content", {{{"type", "video"}}}}}}}, {"flag", true}});
  });
  fuzz::tolerate([&] { text::read_prompt_form(text); });
  fuzz::tolerate([&] { text::recognise_template(text); });
  return 0;
}
