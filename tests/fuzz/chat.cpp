// What a server sends back, with status 200 and others, and the URL of one.
#include "rrpo/io/chat.h"
#include "../../src/io/chat_fault.h"
#include "fuzz.h"
#include "rrpo/io/http.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const std::string key = "sk-planted-0123456789abcdef";
  for (const io::ChatReply& reply : {io::parse_chat_reply(text), io::refused(429, text)}) {
    const std::string told = io::told(reply.fault, key);
    expect(told.size() <= 240 && told.find(key) == std::string::npos, "a fault that is too long, or tells the key");
    io::spoken(reply.text);
  }
  io::told(text, key);
  io::is_private(text);
  const std::string objection = io::url_objection(text);
  expect(objection.empty() || text.size() < 24 || objection.find(text) == std::string::npos, "an objection repeats the URL");
  return 0;
}
